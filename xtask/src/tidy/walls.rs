//! Which package may depend on which: purity and size are read off the dependency list.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::workspace::Workspace;

/// The direct dependencies of a package.
#[derive(Debug, Clone)]
pub(super) struct Direct {
    /// Name of the package.
    pub(super) package: String,
    /// Path of its manifest, for the finding.
    pub(super) manifest: String,
    /// Names of the others, each with whether it is for tests only.
    pub(super) on: Vec<(String, bool)>,
}

/// Everything that gets into a package's library or programs, by the package's name.
pub(super) type Trees = BTreeMap<String, BTreeSet<String>>;

/// Packages whose direct dependencies are a closed list.
const ONLY: [(&str, &[&str]); 2] = [
    ("gtoken-contract", &["thiserror"]),
    (
        "gtoken-inject",
        &[
            "base64-simd",
            "gtoken-contract",
            "serde",
            "serde_json",
            "simdutf8",
            "thiserror",
            "wide",
        ],
    ),
];

/// What must not be anywhere below a package. A trailing `*` stands for any ending.
const NEVER: [(&str, &[&str], &str); 5] = [
    (
        "gtoken-contract",
        &[
            "tokio",
            "hyper",
            "kube*",
            "mio",
            "chrono",
            "jiff",
            "time",
            "rand",
            "getrandom",
        ],
        "what both programs agree on does no I/O and reads no clock",
    ),
    (
        "gtoken-inject",
        &[
            "tokio",
            "hyper",
            "kube*",
            "k8s-openapi",
            "mio",
            "chrono",
            "jiff",
            "time",
            "rand",
            "getrandom",
        ],
        "decisions are pure: no runtime, no clock, no randomness",
    ),
    (
        "gtoken",
        &[
            "tokio",
            "hyper*",
            "h2",
            "kube*",
            "k8s-openapi",
            "aws-lc-*",
            "openssl-sys",
            "native-tls",
            "reqwest",
            "gtoken-webhook",
            // Parsing a system's bundle of authorities costs more memory than the rest of the agent.
            "rustls-native-certs",
            "rustls-platform-verifier",
        ],
        "the agent runs in every pod, where each kilobyte counts",
    ),
    (
        "gtoken-webhook",
        &["aws-lc-*", "openssl-sys", "native-tls", "gtoken"],
        "one implementation of TLS, and the two programs do not know each other",
    ),
    (
        "gtoken-sandbox",
        &["gtoken*"],
        "an oracle that shares code with the product shares its mistakes",
    ),
];

/// The oracle, and who may use it outside of tests.
const ORACLE: (&str, [&str; 2]) = ("gtoken-sandbox", ["xtask", "caller-identity"]);

/// The direct dependencies, from `cargo metadata`.
pub(super) fn packages(workspace: &Workspace) -> Vec<Direct> {
    let packages = workspace.packages.iter();
    packages
        .map(|package| Direct {
            package: package.name.clone(),
            manifest: workspace.relative(&package.manifest_path),
            on: package
                .dependencies
                .iter()
                .map(|dependency| {
                    (
                        dependency.name.clone(),
                        dependency.kind.as_deref() == Some("dev"),
                    )
                })
                .collect(),
        })
        .collect()
}

/// The whole trees, each with the features that this package alone asks for, as it is shipped.
pub(super) fn trees(workspace: &Workspace) -> anyhow::Result<Trees> {
    NEVER
        .iter()
        .map(|(package, ..)| Ok(((*package).to_owned(), tree(workspace, package)?)))
        .collect()
}

fn tree(workspace: &Workspace, package: &str) -> anyhow::Result<BTreeSet<String>> {
    let below = workspace.normal_dependencies(package)?;
    let names = below.iter().filter_map(|line| line.split(' ').next());
    Ok(names.map(str::to_owned).collect())
}

/// Compares what is with what may be.
pub(super) fn check(packages: &[Direct], trees: &Trees) -> Vec<Finding> {
    packages
        .iter()
        .flat_map(|direct| [closed(direct), oracle(direct), below(direct, trees)].concat())
        .collect()
}

fn closed(direct: &Direct) -> Vec<Finding> {
    let lists = ONLY
        .iter()
        .filter(|(package, _)| *package == direct.package);
    lists
        .flat_map(|(_, allowed)| {
            direct
                .on
                .iter()
                .filter(|(name, test)| !test && !allowed.contains(&name.as_str()))
        })
        .map(|(name, _)| wall(direct, name, "its list of dependencies is closed"))
        .collect()
}

fn oracle(direct: &Direct) -> Vec<Finding> {
    let (name, users) = ORACLE;
    let mut findings = Vec::new();
    if direct.on.contains(&(name.to_owned(), false)) && !users.contains(&direct.package.as_str()) {
        findings.push(wall(direct, name, "the sandbox is for tests and tools"));
    }
    if direct.package == name {
        let product = direct
            .on
            .iter()
            .filter(|(name, test)| *test && name.starts_with("gtoken"));
        findings.extend(
            product
                .map(|(name, _)| wall(direct, name, "not even its tests may lean on the product")),
        );
    }
    findings
}

fn below(direct: &Direct, trees: &Trees) -> Vec<Finding> {
    let walls = NEVER
        .iter()
        .filter(|(package, ..)| *package == direct.package);
    walls
        .flat_map(|(package, names, reason)| {
            let tree = trees.get(*package).into_iter().flatten();
            tree.filter(|name| names.iter().any(|pattern| matches(pattern, name)))
                .map(|name| wall(direct, name, reason))
        })
        .collect()
}

fn wall(direct: &Direct, name: &str, reason: &str) -> Finding {
    let Direct {
        package, manifest, ..
    } = direct;
    let remedy = format!("see `cargo tree -p {package} -e normal -i {name}` and cut the way to it");
    Finding::new(
        manifest,
        1,
        format!("{package} must not depend on {name}: {reason}"),
        remedy,
    )
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(package: &str, on: &[(&str, bool)], tree: &[&str]) -> Vec<String> {
        let direct = Direct {
            package: package.to_owned(),
            manifest: format!("crates/{package}/Cargo.toml"),
            on: on
                .iter()
                .map(|(name, test)| ((*name).to_owned(), *test))
                .collect(),
        };
        let tree = tree.iter().map(|name| (*name).to_owned()).collect();
        let findings = check(&[direct], &Trees::from([(package.to_owned(), tree)]));
        findings
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    fn refused(package: &str, on: &[(&str, bool)], tree: &[&str]) -> bool {
        problems(package, on, tree).len() == 1
    }

    /// What is wrong in this very workspace.
    fn here(package: &str) -> Vec<Finding> {
        let workspace = Workspace::find().unwrap();
        let tree = tree(&workspace, package).unwrap();
        assert!(tree.contains("thiserror"), "cargo tree lists what is there");
        let mut direct = packages(&workspace);
        direct.retain(|direct| direct.package == package);
        assert_eq!(direct.len(), 1, "{package} is a member");
        check(&direct, &Trees::from([(package.to_owned(), tree)]))
    }

    #[test]
    fn a_pure_crate_that_reaches_outside_is_found() {
        assert!(refused("gtoken-contract", &[("serde", false)], &[]));
        assert!(refused("gtoken-inject", &[("json-patch", false)], &[]));
        assert!(refused("gtoken-inject", &[], &["tokio"]));
        let contract = [("thiserror", false), ("proptest", true)];
        assert_eq!(problems("gtoken-contract", &contract, &["syn"]), [""; 0]);
        assert_eq!(here("gtoken-contract"), []);
        assert_eq!(here("gtoken-inject"), []);
    }

    #[test]
    fn a_forbidden_crate_in_the_agent_is_found() {
        for name in [
            "tokio",
            "hyper-util",
            "kube-core",
            "aws-lc-sys",
            "h2",
            "rustls-platform-verifier",
        ] {
            assert!(refused("gtoken", &[], &[name]), "{name}");
        }
        let tree = ["ureq", "http", "rustls", "ring", "webpki-roots"];
        assert_eq!(problems("gtoken", &[("tokio", true)], &tree), [""; 0]);
        assert_eq!(here("gtoken"), []);
    }

    #[test]
    fn the_oracle_and_the_product_stay_apart() {
        assert!(refused("gtoken-sandbox", &[], &["gtoken-contract"]));
        assert!(refused("gtoken-sandbox", &[("gtoken-contract", true)], &[]));
        assert!(refused("gtoken-webhook", &[("gtoken-sandbox", false)], &[]));
        assert_eq!(
            problems("gtoken-webhook", &[("gtoken-sandbox", true)], &[]),
            [""; 0]
        );
        assert_eq!(
            problems("xtask", &[("gtoken-sandbox", false)], &[]),
            [""; 0]
        );
    }

    #[test]
    fn the_two_programs_do_not_know_each_other() {
        assert!(refused("gtoken", &[], &["gtoken-webhook"]));
        assert!(refused("gtoken-webhook", &[], &["gtoken"]));
        assert_eq!(problems("gtoken-webhook", &[], &["gtoken-inject"]), [""; 0]);
    }
}
