//! What `--help` prints, taken apart.

/// The parts of a help.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// What stands before everything else.
    pub(super) intro: Vec<Part>,
    /// How it is called, a line each.
    pub(super) usage: Vec<String>,
    pub(super) sections: Vec<Section>,
}

/// What stands below a title.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) parts: Vec<Part>,
}

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A flag, command, variable or exit code, and what it does.
    Entry { signature: String, text: String },
    /// A paragraph.
    Prose(String),
    /// Lines whose breaks and indents mean something.
    Verbatim(Vec<String>),
}

/// How deep a line may be indented that begins an entry; deeper ones go on with it.
const ENTRY: usize = 6;

impl Page {
    /// Takes a help apart, of which no line was broken that begins an entry of clap's.
    pub(super) fn of(help: &str) -> Self {
        let mut page = Self::default();
        for block in help.split("\n\n") {
            page.take(&block.lines().collect::<Vec<_>>());
        }
        page
    }

    /// Takes lines between which none is empty.
    fn take(&mut self, block: &[&str]) {
        let [first, rest @ ..] = block else { return };
        if let Some(usage) = first.strip_prefix("Usage: ") {
            for line in std::iter::once(&usage).chain(rest) {
                self.take_usage(line.trim());
            }
        } else if let Some(title) = title(first, rest) {
            self.sections.push(Section {
                title: title.to_owned(),
                parts: Vec::new(),
            });
            entries(self.parts(), rest);
        } else if first.starts_with(' ') {
            entries(self.parts(), block);
        } else {
            prose(self.parts(), block);
        }
    }

    /// A line that does not begin with a program's name goes on with the one before.
    fn take_usage(&mut self, line: &str) {
        match self.usage.last_mut().filter(|_| line.starts_with('[')) {
            Some(last) => *last = format!("{last} {line}"),
            None => self.usage.push(line.to_owned()),
        }
    }

    /// The parts to go on with.
    fn parts(&mut self) -> &mut Vec<Part> {
        match self.sections.last_mut() {
            Some(section) => &mut section.parts,
            None => &mut self.intro,
        }
    }
}

/// The title that a block has, if entries follow it.
fn title<'a>(first: &'a str, rest: &[&str]) -> Option<&'a str> {
    let title = first
        .strip_suffix(':')
        .filter(|_| !first.starts_with(' '))?;
    let is_entry = |line: &&str| {
        let text = line.trim_start();
        let starts = |start: char| start == '-' || start.is_alphanumeric();
        indent(line) <= ENTRY && text.starts_with(starts)
    };
    rest.first().is_some_and(is_entry).then_some(title)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn entries(parts: &mut Vec<Part>, lines: &[&str]) {
    for line in lines {
        let words = line.trim();
        match parts.last_mut() {
            Some(Part::Entry { text, .. })
                if indent(line) > ENTRY || is_continuation(line, text) =>
            {
                let space = if text.is_empty() { "" } else { " " };
                *text = format!("{text}{space}{words}");
            }
            _ => {
                let (signature, text) = words.split_once("  ").unwrap_or((words, ""));
                parts.push(Part::Entry {
                    signature: signature.to_owned(),
                    text: text.trim().to_owned(),
                });
            }
        }
    }
}

/// Exit codes are so short that what goes on with them is hardly indented.
fn is_continuation(line: &str, text: &str) -> bool {
    indent(line) == ENTRY && !line.trim_start().starts_with('-') && !text.is_empty()
}

fn prose(parts: &mut Vec<Part>, lines: &[&str]) {
    let mut is_open = false;
    for line in lines {
        match parts.last_mut().filter(|_| is_open) {
            Some(Part::Verbatim(verbatim)) if line.starts_with(' ') => {
                verbatim.push((*line).to_owned());
            }
            Some(Part::Prose(text)) if !line.starts_with(' ') => {
                *text = format!("{text} {line}");
            }
            _ if line.starts_with(' ') => parts.push(Part::Verbatim(vec![(*line).to_owned()])),
            _ => parts.push(Part::Prose((*line).to_owned())),
        }
        is_open = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(signature: &str, text: &str) -> Part {
        Part::Entry {
            signature: signature.to_owned(),
            text: text.to_owned(),
        }
    }

    fn section(title: &str, parts: Vec<Part>) -> Section {
        Section {
            title: title.to_owned(),
            parts,
        }
    }

    #[test]
    fn a_help_of_clap_is_taken_apart() {
        let help = "Serve\nwell\n\nUsage: x up [OPTIONS]\n\nOptions:\n      --a <A>  What\n  -h, --help\n          Print\n\n\
                    The file, in which all is JSON:\n  {\n    \"a\": 1\n  }\nElse none.\n";
        let verbatim = ["  {", "    \"a\": 1", "  }"].map(str::to_owned);
        let page = Page {
            intro: vec![Part::Prose("Serve well".to_owned())],
            usage: vec!["x up [OPTIONS]".to_owned()],
            sections: vec![section(
                "Options",
                vec![
                    entry("--a <A>", "What"),
                    entry("-h, --help", "Print"),
                    Part::Prose("The file, in which all is JSON:".to_owned()),
                    Part::Verbatim(verbatim.into()),
                    Part::Prose("Else none.".to_owned()),
                ],
            )],
        };
        assert_eq!(Page::of(help), page);
    }

    #[test]
    fn a_help_that_is_written_by_hand_is_taken_apart() {
        let help = "Gets it.\n\nUsage: x [FLAGS]\n       x check [--a]\n               [--b]\n\nFlags:\n  --a=A          it\n                 is\n\n\
                    Exit codes:\n  0   good\n      so\n  75  bad\n";
        let page = Page {
            intro: vec![Part::Prose("Gets it.".to_owned())],
            usage: vec!["x [FLAGS]".to_owned(), "x check [--a] [--b]".to_owned()],
            sections: vec![
                section("Flags", vec![entry("--a=A", "it is")]),
                section(
                    "Exit codes",
                    vec![entry("0", "good so"), entry("75", "bad")],
                ),
            ],
        };
        assert_eq!(Page::of(help), page);
    }
}
