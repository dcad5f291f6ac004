//! What a patch changes, as a person reads it.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// How many unchanged lines are shown around a change.
const CONTEXT: usize = 2;

/// The pod before and after as YAML, line by line: what was added has a `+`.
pub(crate) fn readable(before: &Value, after: &Value) -> anyhow::Result<String> {
    let [before, after] =
        [before, after].map(|pod| serde_saphyr::to_string(pod).context("a pod is YAML"));
    let (before, after) = (before?, after?);
    let diff = TextDiff::from_lines(&before, &after);
    let mut text = String::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            text.push_str("    ⋮\n");
        }
        for change in group
            .iter()
            .flat_map(|operation| diff.iter_changes(operation))
        {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Equal => ' ',
                ChangeTag::Insert => '+',
            };
            writeln!(text, "  {sign} {}", change.value().trim_end())?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_what_was_added_where() {
        let before = json!({"containers": [{"name": "app"}], "z": 1});
        let after = json!({"containers": [{"name": "app"}, {"name": "agent"}], "z": 1});
        assert_eq!(
            readable(&before, &after).unwrap(),
            "    containers:\n    - name: app\n  + - name: agent\n    z: 1\n"
        );
    }
}
