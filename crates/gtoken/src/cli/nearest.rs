//! Which known name a mistyped one is nearest to.

/// The candidate that takes the fewest insertions, deletions and replacements; the first of equals.
pub(super) fn nearest(typed: &str, candidates: &[&'static str]) -> &'static str {
    let by_distance = |candidate: &&&'static str| distance(typed, candidate);
    candidates
        .iter()
        .min_by_key(by_distance)
        .copied()
        .unwrap_or_default()
}

/// Levenshtein's distance by one row; what is longer than any flag counts by its first 64 characters.
fn distance(typed: &str, candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().collect();
    let mut row: Vec<usize> = (0..=candidate.len()).collect();
    for (i, left) in typed.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in candidate.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[candidate.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_changes() {
        for (typed, candidate, changes) in [
            ("file", "file", 0),
            ("fil", "file", 1),
            ("flie", "file", 2),
            ("", "file", 4),
            ("refresh-token", "refresh", 6),
        ] {
            assert_eq!(distance(typed, candidate), changes, "{typed}");
        }
    }

    #[test]
    fn finds_the_nearest() {
        assert_eq!(nearest("audiance", &["file", "audience"]), "audience");
    }
}
