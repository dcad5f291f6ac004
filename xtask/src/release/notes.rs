//! What a release says of itself: its part of the changelog.

use anyhow::{Context as _, ensure};

/// The part for a version; while it is only tried, what is not released yet.
pub(super) fn of(changelog: &str, version: &str, is_tried: bool) -> anyhow::Result<String> {
    let title = format!("## [{version}]");
    let part =
        part(changelog, &title).or_else(|| part(changelog, "## [Unreleased]").filter(|_| is_tried));
    let part = part.with_context(|| {
        format!("CHANGELOG.md has no part `{title}`; give what is unreleased that name, and a date")
    })?;
    ensure!(
        !part.is_empty(),
        "the part `{title}` of CHANGELOG.md is empty"
    );
    Ok(format!("{part}\n"))
}

fn part<'a>(changelog: &'a str, title: &str) -> Option<&'a str> {
    let (_, after) = changelog.split_once(&format!("\n{title}"))?;
    let (_rest_of_title, body) = after.split_once('\n')?;
    let end = body.find("\n## ").unwrap_or(body.len());
    Some(body[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# C\n\n## [Unreleased]\n\n- new\n\n## [1.0.0] - 2024-01-01\n\n### Added\n\n- it\n\n## [0.9.0]\n";

    #[test]
    fn notes_are_the_part_of_the_version() {
        assert_eq!(
            of(CHANGELOG, "1.0.0", false).unwrap(),
            "### Added\n\n- it\n"
        );
        assert_eq!(of(CHANGELOG, "1.1.0", true).unwrap(), "- new\n");
    }

    #[test]
    fn a_version_that_nobody_described_is_not_released() {
        for (version, word) in [("1.1.0", "has no part"), ("0.9.0", "is empty")] {
            let error = of(&format!("{CHANGELOG}\n"), version, false)
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
