//! Versions and lints are decided in one place, the root manifest.

use super::Finding;
use super::source::Texts;

/// Looks at the `Cargo.toml` of each package.
pub(super) fn check(texts: &Texts, packages: &[String]) -> Vec<Finding> {
    let manifests = packages.iter().map(|folder| format!("{folder}/Cargo.toml"));
    let present = manifests.filter_map(|path| Some((texts.get(&path)?, path)));
    present
        .flat_map(|(text, path)| manifest(&path, text))
        .collect()
}

fn manifest(path: &str, text: &str) -> Vec<Finding> {
    let (mut section, mut linted, mut findings) = ("", false, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            findings.extend(subtable(path, number, section));
        } else if section == "lints" && line.replace(' ', "") == "workspace=true" {
            linted = true;
        } else if section.ends_with("dependencies") && is_key(line) && !inherits(line) {
            let problem = format!("a version outside the root manifest: `{line}`");
            findings.push(Finding::new(
                path,
                number,
                problem,
                "declare it in [workspace.dependencies] and write `workspace = true`",
            ));
        }
    }
    if !linted {
        findings.push(Finding::new(
            path,
            1,
            "the lints of the workspace do not hold here",
            "add `[lints]` with `workspace = true`",
        ));
    }
    findings
}

/// `[dependencies.name]` would hide from the check by line.
fn subtable(path: &str, number: usize, section: &str) -> Option<Finding> {
    let hidden = section.contains("dependencies.");
    hidden.then(|| {
        Finding::new(
            path,
            number,
            "a dependency as a table",
            "write it on one line under [dependencies]",
        )
    })
}

/// A line that begins an entry; what is indented or closes a bracket goes on with one.
fn is_key(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '"')
}

fn inherits(line: &str) -> bool {
    line.replace(' ', "").contains("workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(usize, String)> {
        let texts = Texts::from([("crates/a/Cargo.toml".to_owned(), text.to_owned())]);
        let findings = check(&texts, &["crates/a".to_owned()]);
        findings
            .into_iter()
            .map(|finding| (finding.line, finding.problem))
            .collect()
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        let text = "[lints]\nworkspace = true\n[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\nc = { workspace = true, features = [\n  \"d\",\n] }\n";
        assert_eq!(
            problems(text),
            [(
                5,
                "a version outside the root manifest: `b = \"1\"`".to_owned()
            )]
        );
    }

    #[test]
    fn a_dependency_as_a_table_is_found() {
        let text =
            "[lints]\nworkspace = true\n[target.'cfg(unix)'.dependencies.a]\nversion = \"1\"\n";
        assert_eq!(problems(text), [(3, "a dependency as a table".to_owned())]);
    }

    #[test]
    fn a_package_without_our_lints_is_found() {
        assert_eq!(
            problems("[package]\n"),
            [(1, "the lints of the workspace do not hold here".to_owned())]
        );
    }
}
