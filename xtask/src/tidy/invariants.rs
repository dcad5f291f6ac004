//! The table of invariants in ARCHITECTURE.md: all twelve are there, and each names tests that exist.
//!
//! A row is `| NUMBER | … | TESTS |`. TESTS holds one or more `` `package::test_name` ``, the package by the name of
//! its folder, or begins with `not yet`, for what no part that exists could break.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemFn, Macro};

use super::Finding;
use super::source::{Sources, Texts, is_test};

const PAGE: &str = "ARCHITECTURE.md";
const NUMBERS: std::ops::RangeInclusive<usize> = 1..=12;
const NOT_YET: &str = "not yet";

/// The names of a package's tests, by the name of its folder.
pub(super) type Tests = BTreeMap<String, BTreeSet<String>>;

/// Collects the test functions of each package, those inside of macros such as `proptest!` included.
pub(super) fn tests(sources: &Sources, packages: &[String]) -> Tests {
    let mut tests = Tests::new();
    for folder in packages {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let mut names = Names(BTreeSet::new());
        let within = format!("{folder}/");
        for (_, source) in sources.iter().filter(|(path, _)| path.starts_with(&within)) {
            names.visit_file(source);
        }
        tests.insert(name.to_owned(), names.0);
    }
    tests
}

/// Compares the table with the tests there are.
pub(super) fn check(texts: &Texts, existing: &Tests) -> Vec<Finding> {
    let Some(text) = texts.get(PAGE) else {
        return vec![Finding::new(
            PAGE,
            1,
            "there is no such page",
            "write it, with the table of invariants",
        )];
    };
    let (mut findings, mut seen) = (Vec::new(), BTreeSet::new());
    for (line, number, held_by) in rows(text) {
        if !seen.insert(number) {
            findings.push(Finding::new(
                PAGE,
                line,
                format!("invariant {number} has two rows"),
                "keep one",
            ));
        }
        findings.extend(row(line, number, held_by, existing));
    }
    findings.extend(
        NUMBERS
            .filter(|number| !seen.contains(number))
            .map(|number| {
                let problem = format!("invariant {number} is not in the table");
                Finding::new(
                    PAGE,
                    1,
                    problem,
                    "add its row, with the test that holds it in the last column",
                )
            }),
    );
    findings
}

fn row(line: usize, number: usize, held_by: &str, tests: &Tests) -> Vec<Finding> {
    // Every second piece between backticks is code.
    let named: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
    if named.is_empty() && !held_by.starts_with(NOT_YET) {
        let problem = format!("invariant {number} names no test");
        return vec![Finding::new(
            PAGE,
            line,
            problem,
            "name one as `package::test_name`",
        )];
    }
    let missing = named.into_iter().filter(|name| !exists(name, tests));
    missing
        .map(|name| {
            let problem = format!("invariant {number} names `{name}`, and there is no such test");
            Finding::new(
                PAGE,
                line,
                problem,
                "write it as `package::test_name` of a test that exists",
            )
        })
        .collect()
}

/// `package::test_name`, with any modules between.
fn exists(name: &str, tests: &Tests) -> bool {
    let Some((package, path)) = name.split_once("::") else {
        return false;
    };
    let test = path.rsplit("::").next().unwrap_or(path);
    tests.get(package).is_some_and(|names| names.contains(test))
}

/// Line, number and last cell of the rows of the first table under a heading that speaks of invariants.
fn rows(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut wanted = false;
    (1..).zip(text.lines()).filter_map(move |(line, text)| {
        if text.starts_with('#') {
            wanted = text.to_lowercase().contains("invariant");
        }
        let cells: Vec<_> = text
            .trim()
            .strip_prefix('|')?
            .strip_suffix('|')?
            .split('|')
            .map(str::trim)
            .collect();
        let number = cells.first()?.parse().ok()?;
        wanted.then_some((line, number, *cells.last()?))
    })
}

struct Names(BTreeSet<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.attrs.iter().any(is_test) {
            self.0.insert(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
    }
}

impl Names {
    /// Finds `#[test] … fn name` among tokens that no parser of ours understands.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut marked, mut function) = (false, false);
        for token in tokens {
            match token {
                TokenTree::Group(group) if group.stream().to_string() == "test" => marked = true,
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) if function => {
                    self.0.insert(ident.to_string());
                    (marked, function) = (false, false);
                }
                TokenTree::Ident(ident) => function = marked && ident == "fn",
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "
        #[test] fn plain() {}
        mod tests { #[tokio::test] async fn waits() {} fn helper() {} }
        proptest! { #![config] /// Doc.
            #[test] fn holds(a in 0..9) { check(a) } fn not_one() {} }
    ";

    fn found(page: &str) -> Vec<String> {
        let sources = Sources::from([(
            "crates/a/src/lib.rs".to_owned(),
            syn::parse_file(CODE).unwrap(),
        )]);
        let texts = Texts::from([(PAGE.to_owned(), page.to_owned())]);
        let findings = check(&texts, &tests(&sources, &["crates/a".to_owned()]));
        findings
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    /// A page whose rows 2 to 12 are in order, with `first` before them.
    fn page(first: &str) -> String {
        let rest: Vec<_> = (2..=12)
            .map(|number| format!("| {number} | b | `a::plain` |"))
            .collect();
        let rest = rest.join("\n");
        format!("# The map\n| 1 | another table |\n## The twelve invariants\n{first}\n{rest}")
    }

    #[test]
    fn tests_are_found_in_modules_and_macros() {
        assert_eq!(
            found(&page(
                "| 1 | b | `a::plain`, `a::tests::waits` and `a::holds` |"
            )),
            [""; 0]
        );
        assert_eq!(
            found(&page("| 1 | b | not yet: no certificate is made so far |")),
            [""; 0]
        );
    }

    #[test]
    fn a_named_test_that_does_not_exist_is_found() {
        for name in ["a::helper", "a::not_one", "a::gone", "b::plain", "plain"] {
            let problem = format!("invariant 1 names `{name}`, and there is no such test");
            assert_eq!(found(&page(&format!("| 1 | b | `{name}` |"))), [problem]);
        }
    }

    #[test]
    fn an_invariant_that_is_missing_or_unheld_is_found() {
        assert_eq!(found(&page("")), ["invariant 1 is not in the table"]);
        assert_eq!(
            found(&page("| 1 | b | by care |")),
            ["invariant 1 names no test"]
        );
        assert_eq!(
            found(&page("| 1 | b | `a::plain` |\n| 1 | c | `a::plain` |")),
            ["invariant 1 has two rows"]
        );
    }

    #[test]
    fn a_missing_page_is_found() {
        assert_eq!(
            check(&Texts::new(), &Tests::new())[0].problem,
            "there is no such page"
        );
    }
}
