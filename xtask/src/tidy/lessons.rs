//! The table of what went wrong elsewhere, in docs/lessons.md: no defect is left out, and each row names tests that exist.
//!
//! A row is `| DEFECT | … | TESTS |`. DEFECT may be empty where something was only seen, and has no number.

use std::collections::BTreeSet;

use super::Finding;
use super::proofs::{self, Proofs};
use super::source::Texts;

const PAGE: &str = "docs/lessons.md";

/// The defects of the Go gtoken that a program of ours could have too, by the numbers of the study that found them.
const DEFECTS: [&str; 26] = [
    "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10", "D11", "D12", "D13", "D14", "D15",
    "D16", "D17", "D18", "D19", "D20", "D23", "D24", "D27", "D28", "D29", "D33",
];

/// Compares the page with the tests and case folders there are.
pub(super) fn check(texts: &Texts, existing: &Proofs) -> Vec<Finding> {
    let page = texts.get(PAGE).map_or("", String::as_str);
    let (mut findings, mut seen) = (Vec::new(), BTreeSet::new());
    // The first rows of a table are its head and a line below it.
    let is_row = |(_, cells): &(usize, Vec<&str>)| cells.len() == 3 && !is_head(cells);
    for (line, cells) in proofs::rows(page).filter(is_row) {
        seen.insert(cells[0]);
        let named = proofs::named(cells[2]);
        if named.is_empty() {
            let problem = format!("\"{}\" names no test", cells[1]);
            findings.push(Finding::new(
                PAGE,
                line,
                problem,
                "name one as `package::test_name`",
            ));
        }
        for name in named
            .into_iter()
            .filter(|name| !proofs::exists(name, existing))
        {
            let problem = format!("`{name}` is neither a test nor a case");
            let remedy = "write it as `package::test_name` or `package::case-folder`";
            findings.push(Finding::new(PAGE, line, problem, remedy));
        }
    }
    let missing = DEFECTS.into_iter().filter(|defect| !seen.contains(defect));
    findings.extend(missing.map(|defect| {
        let problem = format!("{defect} is not in the table");
        Finding::new(
            PAGE,
            1,
            problem,
            "add its row, with the tests that would notice it",
        )
    }));
    findings
}

fn is_head(cells: &[&str]) -> bool {
    cells[2] == "shown by" || cells[2].starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &str) -> Vec<String> {
        let row = |defect: &&str| format!("| {defect} | x | `a::b` |");
        let all: Vec<_> = DEFECTS.iter().skip(1).map(row).collect();
        let all = all.join("\n");
        let page = format!("# Lessons\n| defect | what | shown by |\n|---|---|---|\n{rows}\n{all}");
        let texts = Texts::from([(PAGE.to_owned(), page)]);
        let proofs = Proofs::from([("a".to_owned(), BTreeSet::from(["b".to_owned()]))]);
        let findings = check(&texts, &proofs).into_iter();
        findings.map(|finding| finding.problem).collect()
    }

    #[test]
    fn a_defect_that_nothing_would_notice_is_found() {
        assert_eq!(
            found("| D1 | lost | `a::b` |\n| | seen | `a::b` |"),
            [""; 0]
        );
        assert_eq!(found(""), ["D1 is not in the table"]);
        assert_eq!(found("| D1 | lost | by care |"), ["\"lost\" names no test"]);
        assert_eq!(
            found("| D1 | lost | `a::gone` |"),
            ["`a::gone` is neither a test nor a case"]
        );
    }

    #[test]
    fn a_missing_page_leaves_out_all() {
        assert_eq!(check(&Texts::new(), &Proofs::new()).len(), DEFECTS.len());
    }
}
