//! The table of invariants in ARCHITECTURE.md: all twelve are there, and each names tests that exist.
//!
//! A row is `| NUMBER | … | TESTS |`. TESTS holds one or more `` `package::test_name` ``, the package by the name of
//! its folder, or begins with `not yet`, for what no part that exists could break.

use std::collections::BTreeSet;

use super::Finding;
use super::proofs::{self, Proofs};
use super::source::Texts;

const PAGE: &str = "ARCHITECTURE.md";
const NUMBERS: std::ops::RangeInclusive<usize> = 1..=12;
const NOT_YET: &str = "not yet";

/// Compares the table with the tests there are.
pub(super) fn check(texts: &Texts, existing: &Proofs) -> Vec<Finding> {
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

fn row(line: usize, number: usize, held_by: &str, tests: &Proofs) -> Vec<Finding> {
    let named = proofs::named(held_by);
    if named.is_empty() && !held_by.starts_with(NOT_YET) {
        let problem = format!("invariant {number} names no test");
        return vec![Finding::new(
            PAGE,
            line,
            problem,
            "name one as `package::test_name`",
        )];
    }
    let missing = named
        .into_iter()
        .filter(|name| !proofs::exists(name, tests));
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

/// Line, number and last cell of the rows of the first table under a heading that speaks of invariants.
fn rows(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let is_heading =
        |line: &str| line.starts_with('#') && line.to_lowercase().contains("invariant");
    let start = text.lines().position(is_heading).unwrap_or(usize::MAX);
    let rows = proofs::rows(text).filter(move |(line, _)| *line > start);
    rows.filter_map(|(line, cells)| Some((line, cells.first()?.parse().ok()?, *cells.last()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let texts = Texts::from([(PAGE.to_owned(), page.to_owned())]);
        let names = ["plain", "waits", "holds"].map(str::to_owned);
        let findings = check(&texts, &Proofs::from([("a".to_owned(), names.into())]));
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
    fn tests_that_exist_may_be_named_by_their_modules_too() {
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
            check(&Texts::new(), &Proofs::new())[0].problem,
            "there is no such page"
        );
    }
}
