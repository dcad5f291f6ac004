//! What a program is made of, as `CycloneDX` (<https://cyclonedx.org/docs/1.6/json/>): the crates in it, from the lock file.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::VERSION;
use crate::workspace::Workspace;

/// The bill of one program, which names no time, so that it is the same tomorrow.
pub(super) fn of(workspace: &Workspace, package: &str) -> anyhow::Result<String> {
    let crates = workspace.normal_dependencies(package)?;
    Ok(serde_json::to_string_pretty(&bill(package, &crates))? + "\n")
}

fn bill(package: &str, crates: &BTreeSet<String>) -> Value {
    let components: Vec<_> = crates.iter().filter_map(|line| component(line)).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": described("application", package, VERSION)},
        "components": components,
    })
}

/// A crate from `name v1.2.3`; those of ours have a path behind, and are what the program is.
fn component(line: &str) -> Option<Value> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let is_ours = words.next().is_some_and(|word| word.starts_with("(/"));
    (!is_ours).then(|| described("library", name, version))
}

fn described(kind: &str, name: &str, version: &str) -> Value {
    let reference = format!("pkg:cargo/{name}@{version}");
    json!({"type": kind, "bom-ref": reference, "name": name, "version": version, "purl": reference})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_names_the_crates_of_others() {
        let lines = [
            "ring v0.17.14",
            "gtoken-contract v0.5.0 (/src/crates/gtoken-contract)",
            "serde_derive v1.0.1 (proc-macro)",
        ];
        let bill = bill("gtoken", &lines.map(str::to_owned).into());
        assert_eq!(bill["metadata"]["component"]["name"], "gtoken");
        let components = bill["components"].as_array().unwrap();
        let named = components.iter().map(|it| it["purl"].as_str().unwrap());
        assert_eq!(
            named.collect::<Vec<_>>(),
            ["pkg:cargo/ring@0.17.14", "pkg:cargo/serde_derive@1.0.1"]
        );
    }
}
