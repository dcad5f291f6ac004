//! For bash, whose words end at an equals sign too.

use super::{HEAD, Value, function, value};
use crate::codegen::help::Entry;
use crate::codegen::told::Told;

pub(super) fn script(program: &Told) -> String {
    let (name, function) = (&program.name, function(program));
    let commands: Vec<_> = program
        .commands
        .iter()
        .map(|command| &*command.name)
        .collect();
    let own = levels("", &program.flags, &commands);
    let below = program
        .commands
        .iter()
        .map(|command| levels(&command.name, &command.flags, &[]));
    let levels: String = std::iter::once(own).chain(below).collect();
    format!(
        "# {HEAD}

{function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} flag=${{COMP_WORDS[COMP_CWORD - 1]}} command='' words='' word
    if [[ $current == = ]]; then
        flag=$flag=
        current=''
    elif [[ $flag == = ]]; then
        flag=${{COMP_WORDS[COMP_CWORD - 2]}}=
    fi
    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD - 1}}\"; do
        case $word in
            {})
                command=$word
                break
                ;;
        esac
    done
    COMPREPLY=()
    case \"$command $flag\" in
{levels}    esac
    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")
}}

complete -F {function} {name}
",
        commands.join(" | ")
    )
}

/// The cases of one command: first the values of its flags, then its flags and what may follow it.
fn levels(command: &str, flags: &[Entry], commands: &[&str]) -> String {
    let mut lines = Vec::new();
    for flag in flags {
        let (name, value) = (&flag.name, value(flag));
        let action = match value {
            Value::None => continue,
            Value::Truth | Value::Words(_) => format!("words={:?}", value.words().join(" ")),
            Value::File => "compopt -o default && return".to_owned(),
            Value::Folder => "compopt -o dirnames && return".to_owned(),
            Value::Any => "return".to_owned(),
        };
        let by_space = if value == Value::Truth {
            String::new()
        } else {
            format!("\"{command} {name}\" | ")
        };
        lines.push(format!(
            "        {by_space}\"{command} {name}=\") {action} ;;\n"
        ));
    }
    let shorts = flags
        .iter()
        .filter_map(|flag| flag.short.map(|letter| format!("-{letter}")));
    let longs = flags.iter().map(|flag| flag.name.clone());
    let words = longs
        .chain(shorts)
        .chain(commands.iter().map(ToString::to_string));
    let words: Vec<_> = words.collect();
    lines.push(format!(
        "        \"{command} \"*) words={:?} ;;\n",
        words.join(" ")
    ));
    lines.concat()
}
