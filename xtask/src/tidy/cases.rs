//! Every folder of test data is used by a test and says what it shows.

use std::collections::BTreeSet;

use super::Finding;
use super::source::{Texts, is_rust};

/// Looks at each `crates/*/tests/cases/NAME/`.
pub(super) fn check(texts: &Texts) -> Vec<Finding> {
    let cases: BTreeSet<_> = texts.keys().filter_map(|path| case(path)).collect();
    cases
        .into_iter()
        .flat_map(|(package, name)| judge(texts, package, name))
        .collect()
}

fn judge(texts: &Texts, package: &str, name: &str) -> Vec<Finding> {
    let readme = format!("{package}/tests/cases/{name}/README");
    let mut findings = Vec::new();
    if !texts.contains_key(&readme) && !texts.contains_key(&format!("{readme}.md")) {
        findings.push(Finding::new(
            &readme,
            1,
            "the case has no README",
            "say in a line what it shows",
        ));
    }
    let literal = format!("\"{name}\"");
    let mut users = texts.iter().filter(|(path, _)| is_test(path, package));
    if !users.any(|(_, text)| text.contains(&literal)) {
        let problem = format!("no test of {package} names the case {literal}");
        findings.push(Finding::new(
            &readme,
            1,
            problem,
            "add a test for it, or delete the folder",
        ));
    }
    findings
}

/// Package folder and name, for a file of a case.
pub(super) fn case(path: &str) -> Option<(&str, &str)> {
    let (package, rest) = path.split_once("/tests/cases/")?;
    let (name, _file) = rest.split_once('/')?;
    Some((package, name))
}

/// Where a package's tests are written.
fn is_test(path: &str, package: &str) -> bool {
    path.strip_prefix(package).is_some_and(|rest| {
        is_rust(rest) && (rest.starts_with("/tests/") || rest.ends_with("/tests.rs"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let texts = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        check(&texts)
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_case_that_no_test_names_is_found() {
        let files = [
            ("crates/a/tests/cases/plain/README", "A pod."),
            ("crates/a/tests/cases/job/README.md", "A job."),
            (
                "crates/a/tests/it/main.rs",
                "fn plain() { check(\"plain\") }",
            ),
            ("crates/b/tests/it/main.rs", "fn job() { check(\"job\") }"),
        ];
        assert_eq!(
            problems(&files),
            ["no test of crates/a names the case \"job\""]
        );
    }

    #[test]
    fn a_case_that_does_not_explain_itself_is_found() {
        let files = [
            ("crates/a/tests/cases/plain/review.json", "{}"),
            ("crates/a/src/tests.rs", "check(\"plain\")"),
        ];
        assert_eq!(problems(&files), ["the case has no README"]);
    }
}
