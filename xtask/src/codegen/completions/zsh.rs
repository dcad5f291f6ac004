//! For zsh, by its own `_arguments`.

use super::{HEAD, Value, function, quoted, short, value};
use crate::codegen::help::Entry;
use crate::codegen::told::Told;

pub(super) fn script(program: &Told) -> String {
    let (name, function) = (&program.name, function(program));
    let names = program.commands.iter().map(|command| {
        let about = escaped(short(&command.about)).replace(' ', "\\ ");
        format!("{}\\:{about}", command.name)
    });
    let commands = quoted(&format!(
        "1:command:(({}))",
        names.collect::<Vec<_>>().join(" ")
    ));
    let below = program.commands.iter().map(|command| {
        format!(
            "        {})\n            _arguments -S{}\n            ;;\n",
            command.name,
            flags(&command.flags, 16)
        )
    });
    let below: String = below.collect();
    format!(
        "#compdef {name}
# {HEAD}

{function}() {{
    local context state state_descr line
    typeset -A opt_args
    _arguments -S -C{} \\
        {commands} \\
        '*:: :->command' && return
    case $words[1] in
{below}    esac
}}

{function} \"$@\"
",
        flags(&program.flags, 8)
    )
}

/// A line for each flag, behind what stands before it.
fn flags(flags: &[Entry], indent: usize) -> String {
    let lines = flags
        .iter()
        .map(|flag| format!(" \\\n{:indent$}{}", "", specification(flag)));
    lines.collect()
}

fn specification(flag: &Entry) -> String {
    let (name, says) = (&flag.name, escaped(short(&flag.text)));
    let label = flag.value.trim_matches(['[', ']', '=', '<', '>']);
    let label = escaped(label);
    let value = value(flag);
    let words = value.words().join(" ");
    let (assign, after) = match value {
        Value::None => ("", String::new()),
        Value::Truth => ("=-", format!("::{label}:({words})")),
        Value::Words(_) => ("=", format!(":{label}:({words})")),
        Value::File => ("=", format!(":{label}:_files")),
        Value::Folder => ("=", format!(":{label}:_files -/")),
        Value::Any => ("=", format!(":{label}: ")),
    };
    match flag.short {
        Some(letter) => format!(
            "{}{{-{letter},{name}}}{}",
            quoted(&format!("(-{letter} {name})")),
            quoted(&format!("[{says}]"))
        ),
        None => quoted(&format!("{name}{assign}[{says}]{after}")),
    }
}

/// What `_arguments` would read as the end of a part.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, '[' | ']' | ':' | '\\');
    let escape = |c| if special(c) { vec!['\\', c] } else { vec![c] };
    text.chars().flat_map(escape).collect()
}
