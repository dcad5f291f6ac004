//! What every file must and must not say.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Meta};

use super::Finding;
use super::source::{Tree, mentions};

/// Files in which a space at the end of a line never means anything.
const TEXT: [&str; 6] = [".rs", ".toml", ".md", ".yaml", ".yml", ".sh"];

/// Words for work that is not done, each put together so that this file does not hold it.
const UNDONE: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Looks at each file line by line, and at the Rust ones as a whole.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let texts = tree.texts.iter();
    let mut findings: Vec<_> = texts
        .filter(|(path, _)| {
            TEXT.iter().any(|ending| path.ends_with(ending)) || path.starts_with(".ci/")
        })
        .flat_map(|(path, text)| lines(path, text))
        .collect();
    for (path, source) in &tree.sources {
        // Of a module's tests its name has said everything.
        if !path.ends_with("/tests.rs") {
            findings.extend(undocumented(path, &tree.texts[path]));
        }
        let mut allows = Allows {
            path,
            findings: Vec::new(),
        };
        allows.visit_file(source);
        findings.extend(allows.findings);
    }
    findings
}

fn lines(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.ends_with([' ', '\t']) {
            findings.push(Finding::new(
                path,
                number,
                "space at the end of the line",
                "delete it",
            ));
        }
        if UNDONE.iter().any(|word| comment(path, line).contains(word))
            && !line.contains("https://")
        {
            findings.push(Finding::new(
                path,
                number,
                "a note of work left without a link",
                "do it, or link to where it is tracked",
            ));
        }
    }
    findings
}

/// The part of the line that is for people; prose files have none that counts.
fn comment<'a>(path: &str, line: &'a str) -> &'a str {
    let mark = match path.rsplit_once('.') {
        Some((_, "rs")) => "//",
        Some((_, "md")) => return "",
        _ => "#",
    };
    line.find(mark).map_or("", |start| &line[start..])
}

fn undocumented(path: &str, text: &str) -> Option<Finding> {
    (!text.starts_with("//!")).then(|| {
        Finding::new(
            path,
            1,
            "the module does not begin with `//!`",
            "say in a sentence what it is for",
        )
    })
}

/// Finds each `allow` that gives no reason, also in code that clippy is not shown.
struct Allows<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl<'ast> Visit<'ast> for Allows<'_> {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta
            && list.path.is_ident("allow")
            && !mentions(list.tokens.clone(), "reason")
        {
            self.findings.push(Finding::new(
                self.path,
                attribute.span().start().line,
                "a bare `allow`",
                "write `#[expect(LINT, reason = \"…\")]`, which also tells when it is no longer needed",
            ));
        }
        visit::visit_attribute(self, attribute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::Texts;

    fn problems(path: &str, text: &str) -> Vec<(usize, String)> {
        let tree = Tree::parse(Texts::from([(path.to_owned(), text.to_owned())]));
        check(&tree)
            .into_iter()
            .map(|finding| (finding.line, finding.problem))
            .collect()
    }

    #[test]
    fn space_at_the_end_of_a_line_is_found() {
        assert_eq!(
            problems("a.md", "a\nb \n"),
            [(2, "space at the end of the line".to_owned())]
        );
        assert_eq!(problems("a.pem", "a \n"), []);
    }

    #[test]
    fn work_left_needs_a_link() {
        let word = UNDONE[0];
        let found = problems("a.rs", &format!("//! A.\n// {word}: later\n"));
        assert_eq!(
            found,
            [(2, "a note of work left without a link".to_owned())]
        );
        assert_eq!(
            problems(
                "a.rs",
                &format!("//! A.\n// {word}: https://example.org/1\n")
            ),
            []
        );
        assert_eq!(
            problems("a.rs", &format!("//! A.\nconst A: &str = \"{word}\";\n")),
            []
        );
        assert_eq!(problems("a.toml", &format!("# {word}\n")).len(), 1);
    }

    #[test]
    fn a_module_without_its_sentence_is_found() {
        let found = problems("a.rs", "fn f() {}\n");
        assert_eq!(
            found,
            [(1, "the module does not begin with `//!`".to_owned())]
        );
        assert_eq!(problems("a/tests.rs", "fn f() {}\n"), []);
    }

    #[test]
    fn an_allow_without_a_reason_is_found_wherever_it_stands() {
        let text = "//! A.\nfn f() {\n    #[allow(unused)]\n    let a = 1;\n}\n";
        assert_eq!(problems("a.rs", text), [(3, "a bare `allow`".to_owned())]);
        assert_eq!(
            problems(
                "a.rs",
                "//! A.\n#[allow(unused, reason = \"b\")]\nfn f() {}\n"
            ),
            []
        );
    }
}
