//! Whether a test or case folder that a row names is there and is about the row's setting.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::rows::{AGENT, ANNOTATIONS, Row, VARIABLES, WEBHOOK};

/// What settings are shown by.
#[derive(Default)]
struct Proofs {
    /// The inputs of each case folder, as one text.
    cases: BTreeMap<String, String>,
    /// Functions and constants.
    items: Vec<Item>,
}

/// A function or constant.
struct Item {
    folder: PathBuf,
    file: PathBuf,
    name: String,
    text: String,
}

impl Proofs {
    fn read(crates: &Path) -> Self {
        let mut proofs = Self::default();
        proofs.read_folder(crates);
        for case in entries(&crates.join("gtoken-inject/tests/cases")) {
            let inputs = ["review.json", "service-account.yaml", "settings.yaml"];
            let read = |input| fs::read_to_string(case.join(input)).unwrap_or_default();
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            proofs.cases.insert(name, inputs.map(read).join("\n"));
        }
        proofs
    }

    fn read_folder(&mut self, folder: &Path) {
        for path in entries(folder) {
            if path.is_dir() {
                self.read_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.take(&path, &fs::read_to_string(&path).unwrap());
            }
        }
    }

    fn take(&mut self, file: &Path, text: &str) {
        let items = items(text).into_iter().map(|(name, text)| Item {
            folder: file.parent().unwrap().to_owned(),
            file: file.to_owned(),
            name,
            text,
        });
        self.items.extend(items);
    }

    /// The text of a function, with what it uses of its file, or else of its folder.
    fn with_helpers(&self, test: &str) -> Option<String> {
        let place = self.items.iter().position(|item| item.name == test)?;
        let (mut within, mut next) = (vec![place], 0);
        while let Some(user) = within.get(next).map(|place| &self.items[*place]) {
            let used: BTreeSet<_> = words(&user.text).collect();
            let candidates = self.items.iter().enumerate();
            let candidates = candidates
                .filter(|(_, item)| item.folder == user.folder && used.contains(&*item.name));
            for (place, item) in candidates {
                let is_there = item.file == user.file || !self.has(&user.file, &item.name);
                if is_there && !within.contains(&place) {
                    within.push(place);
                }
            }
            next += 1;
        }
        Some(
            within
                .into_iter()
                .map(|place| &*self.items[place].text)
                .collect(),
        )
    }

    fn has(&self, file: &Path, name: &str) -> bool {
        self.items
            .iter()
            .any(|item| item.file == file && item.name == name)
    }

    /// What is wrong with naming `proof` for a setting.
    fn judge(&self, setting: &str, proof: &str) -> Option<String> {
        let is_about_it = if let Some(inputs) = self.cases.get(proof) {
            names_in_case(setting)
                .iter()
                .any(|name| inputs.contains(name))
        } else if let Some(test) = self.with_helpers(proof) {
            names_in_test(setting).any(|name| mentions(&test, name))
        } else {
            return Some(format!("{setting}: there is no {proof}"));
        };
        (!is_about_it).then(|| format!("{setting}: {proof} is about something else"))
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The functions of a file, each to the brace in the column that it began in, and its constants, each to its semicolon.
fn items(file: &str) -> Vec<(String, String)> {
    let mut items = Vec::new();
    let mut start = 0;
    for line in file.split_inclusive('\n') {
        let (indent, text) = (line.len() - line.trim_start().len(), &file[start..]);
        let after = |keyword: &str| line.split_once(keyword).map(|(_, rest)| rest);
        let (named, end) = match (after("fn "), after("const ")) {
            (Some(rest), _) => (Some(rest), format!("\n{}}}\n", &line[..indent])),
            (None, rest) => (rest, ";\n".to_owned()),
        };
        if let Some(name) = named.and_then(|rest| words(rest).next()) {
            let length = text.find(&end).map_or(text.len(), |at| at + end.len());
            items.push((name.to_owned(), text[..length].to_owned()));
        }
        start += line.len();
    }
    items
}

/// The names in a text that are no member's and no type's.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text
        .split(move |c| !is_part(c))
        .filter(|word| !word.is_empty());
    words.filter(|word| {
        let before = &text[..word.as_ptr().addr() - text.as_ptr().addr()];
        !before.ends_with(['.', ':'])
    })
}

/// How a case folder writes a setting: as an annotation or label, or as a member of `settings.yaml`.
fn names_in_case(setting: &str) -> Vec<String> {
    let Some(flag) = setting.strip_prefix("--") else {
        let prefix = if setting.contains('/') { "" } else { "/" };
        // In JSON a name has quotes, in YAML it needs none.
        return ["\"", ":"]
            .map(|end| format!("{prefix}{setting}{end}"))
            .into();
    };
    let names = [flag, flag.strip_prefix("agent-").unwrap_or(flag)].map(camel_case);
    // Those of which there may be several are plural there.
    let names = names.iter();
    names
        .flat_map(|name| [":", "s:"].map(|end| format!("\n{name}{end}")))
        .collect()
}

fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        name + &word[..1].to_uppercase() + &word[1..]
    })
}

/// How a test writes a setting: as a flag, or as any of the variables of its row.
fn names_in_test(setting: &str) -> impl Iterator<Item = &str> {
    let names = setting.split(", ");
    names.map(|name| name.split_once('=').map_or(name, |(name, _)| name))
}

/// Whether a text holds a name that does not go on.
fn mentions(text: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[at + name.len()..].starts_with(goes_on))
}

#[test]
fn each_row_names_where_it_takes_effect_and_where_it_is_wrong() {
    let proofs = Proofs::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"));
    let rows = [ANNOTATIONS, WEBHOOK, AGENT, VARIABLES]
        .into_iter()
        .flatten();
    let judged = rows.flat_map(
        |Row {
             name, right, wrong, ..
         }| [right, wrong].map(|proof| proofs.judge(name, proof)),
    );
    let problems: Vec<_> = judged.flatten().collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn what_is_not_there_or_about_something_else_is_found() {
    let mut proofs = Proofs::default();
    let inputs = "\nagentFlags: []\namazonaws.com/region: \"x\"";
    proofs.cases.insert("a-case".to_owned(), inputs.to_owned());
    let code = "const FLAG: &str = \"--image\";
fn a_test() {
    ask(1);
    here.other();
}
fn ask(n: u8) {
    run(FLAG)
}
fn other() {
    run(\"--json\")
}
";
    proofs.take(Path::new("tests/a.rs"), code);
    proofs.take(
        Path::new("tests/b.rs"),
        "fn run(flag: &str) {\n    set(\"--tls-min-version=1\")\n}\n",
    );
    for (setting, proof) in [
        ("--agent-flag", "a-case"),
        ("region", "a-case"),
        ("--image", "a_test"),
        ("--tls-min-version", "a_test"),
    ] {
        assert_eq!(proofs.judge(setting, proof), None);
    }
    for (setting, proof) in [
        ("--agent-flag", "another-case"),
        ("--region", "a-case"),
        ("audience", "a-case"),
        ("--json", "a_test"),
        ("--tls-min", "a_test"),
        ("GCE_METADATA_HOST", "a_test"),
    ] {
        assert!(proofs.judge(setting, proof).is_some(), "{setting}");
    }
}
