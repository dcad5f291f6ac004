//! Manual pages, made from what the programs tell of themselves: in `docs/man`.

mod page;

use roff::{Roff, bold, roman};

use super::File;
use super::told::Told;
use page::{Page, Part};

/// A page for each program, with all of its commands.
pub(super) fn files(programs: &[Told; 3]) -> Vec<File> {
    let names: Vec<_> = programs.iter().map(|program| &*program.name).collect();
    let page = |program: &Told| {
        let Told { name, .. } = program;
        let others = names.iter().copied().filter(|other| other != name);
        File::new(format!("docs/man/{name}.1"), manual(program, others))
    };
    programs.iter().map(page).collect()
}

fn manual<'a>(program: &Told, others: impl Iterator<Item = &'a str>) -> String {
    let mut roff = Roff::new();
    let version = format!("{} {}", program.name, env!("CARGO_PKG_VERSION"));
    // Without a date, which would change what is made from the same source.
    roff.control(
        "TH",
        [&*program.name.to_uppercase(), "1", " ", &*version, "gtoken"],
    );
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{} - {}", program.name, program.about))]);
    let pages: Vec<_> = std::iter::once(program)
        .chain(&program.commands)
        .map(|told| (told, Page::of(&told.help)))
        .collect();
    roff.control("SH", ["SYNOPSIS"]);
    for usage in pages.iter().flat_map(|(_, page)| &page.usage) {
        roff.text([bold(usage)]);
        roff.control("br", []);
    }
    for (told, page) in &pages {
        write(
            &mut roff,
            page,
            (told.name != program.name).then_some(&*told.name),
        );
    }
    roff.control("SH", ["SEE ALSO"]);
    let others: Vec<_> = others.map(|name| format!("{name}(1)")).collect();
    roff.text([roman(others.join(", "))]);
    ascii(&roff.to_roff())
}

/// The same page for every troff, some of which take bytes for characters.
fn ascii(text: &str) -> String {
    let named = |c: char| match c {
        c if c.is_ascii() => c.to_string(),
        c => format!("\\[u{:04X}]", u32::from(c)),
    };
    text.chars().map(named).collect()
}

/// What a program or a command says of itself; the command's sections stand below its own heading.
fn write(roff: &mut Roff, page: &Page, command: Option<&str>) {
    if page.intro.is_empty() {
        return;
    }
    roff.control(
        "SH",
        [&*command.map_or("DESCRIPTION".to_owned(), str::to_uppercase)],
    );
    parts(roff, &page.intro);
    for section in &page.sections {
        let level = if command.is_some() { "SS" } else { "SH" };
        let title = if command.is_some() {
            section.title.clone()
        } else {
            section.title.to_uppercase()
        };
        roff.control(level, [&*title]);
        parts(roff, &section.parts);
    }
}

fn parts(roff: &mut Roff, parts: &[Part]) {
    for part in parts {
        match part {
            Part::Entry { signature, text } => {
                roff.control("TP", []);
                roff.text([bold(signature)]);
                roff.text([roman(text)]);
            }
            Part::Prose(text) => {
                roff.control("PP", []);
                roff.text([roman(text)]);
            }
            Part::Verbatim(lines) => {
                roff.control("PP", []);
                roff.control("nf", []);
                for line in lines {
                    roff.text([roman(line)]);
                }
                roff.control("fi", []);
            }
        }
    }
}
