//! For fish, which has no values that a flag may do without: of such a flag it completes the name.

use super::{HEAD, Value, quoted, short, value};
use crate::codegen::help::Entry;
use crate::codegen::told::Told;

pub(super) fn script(program: &Told) -> String {
    let name = &program.name;
    let commands: Vec<_> = program
        .commands
        .iter()
        .map(|command| &*command.name)
        .collect();
    let none = format!("not __fish_seen_subcommand_from {}", commands.join(" "));
    let words = program.commands.iter().map(|command| {
        let (word, about) = (&command.name, quoted(short(&command.about)));
        format!("complete -c {name} -n {none:?} -a {word} -d {about}\n")
    });
    let below = program.commands.iter().map(|command| {
        let there = format!("__fish_seen_subcommand_from {}", command.name);
        flags(name, &there, &command.flags)
    });
    let head = format!("# {HEAD}\n\ncomplete -c {name} -f\n");
    let own = flags(name, &none, &program.flags);
    let parts = std::iter::once(head).chain(words).chain([own]).chain(below);
    parts.collect()
}

fn flags(program: &str, condition: &str, flags: &[Entry]) -> String {
    let lines = flags.iter().map(|flag| {
        let (name, says) = (flag.name.trim_start_matches('-'), quoted(short(&flag.text)));
        let letter = flag
            .short
            .map_or_else(String::new, |letter| format!(" -s {letter}"));
        let value = match value(flag) {
            Value::None | Value::Truth => String::new(),
            Value::Words(words) => format!(" -x -a {:?}", words.join(" ")),
            Value::File => " -r -F".to_owned(),
            Value::Folder => " -x -a \"(__fish_complete_directories)\"".to_owned(),
            Value::Any => " -x".to_owned(),
        };
        format!("complete -c {program} -n {condition:?}{letter} -l {name}{value} -d {says}\n")
    });
    lines.collect()
}
