//! The table of the chart's values, from `values.yaml` and its comments.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, bail};

use super::File;
use crate::workspace::Workspace;

const VALUES: &str = "deploy/chart/values.yaml";

const HEAD: &str = "# The chart gtoken-webhook

Made by `cargo xtask codegen` from `values.yaml`; edit nothing here.

```sh
kubectl create namespace gtoken
helm install gtoken-webhook deploy/chart --namespace gtoken
helm test gtoken-webhook --namespace gtoken
```

A misspelt value is refused with its name, and so are values that contradict each other.

| value | default | what it says |
|---|---|---|
";

/// `deploy/chart/README.md`.
pub(super) fn table(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let path = workspace.root.join(VALUES);
    let text =
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let mut table = HEAD.to_owned();
    for Row {
        name,
        default,
        says,
    } in rows(&text)?
    {
        let says = says.replace('|', "\\|");
        writeln!(table, "| `{name}` | `{default}` | {says} |")?;
    }
    Ok(vec![File::new("deploy/chart/README.md", table)])
}

/// A value that has no others below it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    default: String,
    says: String,
}

/// A key whose values are being read.
struct Level {
    indent: usize,
    key: String,
    says: String,
}

/// Reads values in block style, each with the comment above it or else that of what it is part of.
fn rows(text: &str) -> anyhow::Result<Vec<Row>> {
    let (mut levels, mut comment, mut rows) = (Vec::<Level>::new(), String::new(), Vec::new());
    for line in text.lines() {
        let words = line.trim();
        if let Some(part) = words.strip_prefix('#') {
            if !comment.is_empty() {
                comment.push(' ');
            }
            comment.push_str(part.trim());
            continue;
        }
        let Some((key, default)) = words.split_once(':') else {
            // What stands above an empty line is about no value.
            comment.clear();
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        levels.retain(|level| level.indent < indent);
        let mut says = std::mem::take(&mut comment);
        if let Some(above) = levels.last().filter(|_| says.is_empty()) {
            says.clone_from(&above.says);
        }
        let names = levels.iter().map(|level| &*level.key).chain([key]);
        let name = names.collect::<Vec<_>>().join(".");
        if default.is_empty() {
            levels.push(Level {
                indent,
                key: key.to_owned(),
                says,
            });
        } else if says.is_empty() {
            bail!("{VALUES} does not say what {name} is; write a comment above it");
        } else {
            rows.push(Row {
                name,
                default: default.trim().to_owned(),
                says,
            });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_the_comment_above_it_or_above_what_it_is_part_of() {
        let text = "# Of all.\n\n# How\n# many.\nreplicas: 2\n\n# The image.\nimage:\n  tag: \"\"\n  # Its pull.\n  pull: [a: b]\nother: {} # No\n";
        let row = |name: &str, default: &str, says: &str| Row {
            name: name.to_owned(),
            default: default.to_owned(),
            says: says.to_owned(),
        };
        let error = rows(text).unwrap_err().to_string();
        assert!(error.contains("what other is"), "{error}");
        let rows = rows(text.split("other").next().unwrap()).unwrap();
        assert_eq!(
            rows,
            [
                row("replicas", "2", "How many."),
                row("image.tag", "\"\"", "The image."),
                row("image.pull", "[a: b]", "Its pull."),
            ]
        );
    }
}
