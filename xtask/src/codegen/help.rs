//! Flags and variables as the programs themselves tell of them by `--help`.

/// A flag or variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name; that of a flag with its dashes.
    pub(super) name: String,
    /// The letter that stands for a flag behind one dash.
    pub(super) short: Option<char>,
    /// What its value is called; empty where there is none.
    pub(super) value: String,
    /// What it does.
    pub(super) text: String,
    /// Its default; empty where there is none.
    pub(super) default: String,
    /// The variable that sets it too; empty where there is none.
    pub(super) variable: String,
}

impl Entry {
    /// Whether it is one of the two flags that every program has.
    pub(super) fn is_about_the_program(&self) -> bool {
        matches!(&*self.name, "--help" | "--version")
    }
}

/// The flags of a program that tells of them as clap does.
pub(super) fn by_clap(help: &str) -> Vec<Entry> {
    let is_first = |line: &str| line.starts_with("      --") || line.starts_with("  -");
    let is_rest = |line: &str| line.starts_with("        ");
    let entries = blocks(help, is_first, is_rest);
    entries.iter().map(|block| entry(block)).collect()
}

/// The entries of one part of the agent's help, which is written by hand.
pub(super) fn by_hand(help: &str, part: &str) -> Vec<Entry> {
    let body = help.split_once(&format!("\n{part}:\n"));
    let body = body.map_or("", |(_, after)| after.split("\n\n").next().unwrap_or(""));
    let is_first = |line: &str| line.starts_with("  ") && !line.starts_with("   ");
    let entries = blocks(body, is_first, |line| line.starts_with("   "));
    entries.iter().map(|block| entry(block)).collect()
}

/// The lines of each entry, joined, with two spaces after what is its name and value.
fn blocks(
    help: &str,
    is_first: impl Fn(&str) -> bool,
    is_rest: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in help.lines() {
        if is_first(line) {
            blocks.push(line.trim().to_owned());
            is_open = true;
        } else if let Some(last) = blocks.last_mut().filter(|_| is_open && is_rest(line)) {
            let space = if last.contains("  ") { " " } else { "  " };
            *last = format!("{last}{space}{}", line.trim());
        } else {
            is_open = false;
        }
    }
    blocks
}

fn entry(block: &str) -> Entry {
    let (signature, text) = block.split_once("  ").unwrap_or((block, ""));
    let (text, default) = cut_out(text.trim(), "[default: ", "]");
    let (text, variable) = cut_out(&text, "[env: ", "=]");
    let (text, default) = if default.is_empty() {
        // The agent's own way to say so.
        let (text, plain) = cut_out(&text, "(default ", ")");
        let (text, other) = cut_out(&text, "(default: ", ")");
        (text, plain + &other)
    } else {
        (text, default)
    };
    // Where there are several names, the one with two dashes is the flag's.
    let names = || signature.split(", ").map(str::trim);
    let is_short = |name: &&str| !name.starts_with("--");
    let short = names()
        .filter(is_short)
        .find_map(|name| name.strip_prefix('-'));
    let flag = names().find(|name| name.starts_with("--"));
    let (name, value) = flag.map_or((signature, ""), |flag| {
        flag.split_at(flag.find([' ', '[', '=']).unwrap_or(flag.len()))
    });
    Entry {
        name: name.to_owned(),
        short: short.and_then(|letters| letters.chars().next()),
        value: value.trim().to_owned(),
        text,
        default,
        variable,
    }
}

/// Takes what stands between two marks out of a text.
fn cut_out(text: &str, before: &str, after: &str) -> (String, String) {
    let parts = text.split_once(before);
    let parts = parts.and_then(|(head, rest)| Some((head, rest.split_once(after)?)));
    match parts {
        Some((head, (inner, tail))) => (
            format!("{}{}", head.trim_end(), tail.trim_end()),
            inner.to_owned(),
        ),
        None => (text.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(entries: &[Entry]) -> Vec<[&str; 5]> {
        entries
            .iter()
            .map(|entry| {
                [
                    &*entry.name,
                    &*entry.value,
                    &*entry.text,
                    &*entry.default,
                    &*entry.variable,
                ]
            })
            .collect()
    }

    #[test]
    fn reads_what_clap_writes() {
        let help = "Serve\n\nOptions:\n      --log-level <LEVEL>\n          How much [env: LOG_LEVEL=]\n          \
                    [default: info]\n      --image <IMAGE>  The\n          image\n  -h, --help\n          Print help\n\nMore:\n      --a\n          A\n";
        assert_eq!(
            summary(&by_clap(help)),
            [
                ["--log-level", "<LEVEL>", "How much", "info", "LOG_LEVEL"],
                ["--image", "<IMAGE>", "The image", "", ""],
                ["--help", "", "Print help", "", ""],
                ["--a", "", "A", "", ""],
            ]
        );
    }

    #[test]
    fn a_flag_may_have_a_letter_and_other_names() {
        let shorts = |help| by_clap(help).iter().map(|it| it.short).collect::<Vec<_>>();
        assert_eq!(
            shorts("  -v, --version  It\n      --a  A\n"),
            [Some('v'), None]
        );
        let [help] = &by_hand("\nFlags:\n  --help, -h, help, h  it\n", "Flags")[..] else {
            panic!("one entry is read as another number of them");
        };
        assert_eq!((&*help.name, help.short), ("--help", Some('h')));
    }

    #[test]
    fn reads_what_is_written_by_hand() {
        let help = "x\n\nFlags:\n  --file=PATH    write it\n                 there (default: nowhere)\n  --json         log\n\nEnvironment:\n  A, B           both\n";
        assert_eq!(
            summary(&by_hand(help, "Flags")),
            [
                ["--file", "=PATH", "write it there", "nowhere", ""],
                ["--json", "", "log", "", ""],
            ]
        );
        assert_eq!(
            summary(&by_hand(help, "Environment")),
            [["A, B", "", "both", "", ""]]
        );
    }
}
