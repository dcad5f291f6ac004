//! The pure crates reach for nothing outside: no files, network, processes, clock, environment or randomness.
//!
//! Their manifests keep other people's I/O out; this keeps out that of the standard library.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Macro, Path, UseTree};

use super::Finding;
use super::source::Sources;

/// The folders of the pure crates.
const PURE: [&str; 2] = ["crates/gtoken-contract/src/", "crates/gtoken-inject/src/"];

/// What gives the same input another output, or does something besides.
const OUTSIDE: [&str; 13] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::*",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Macros that write somewhere.
const WRITERS: [&str; 4] = ["eprint", "eprintln", "print", "println"];

/// Looks at every file of the pure crates.
pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let pure = sources
        .iter()
        .filter(|(path, _)| PURE.iter().any(|folder| path.starts_with(folder)));
    pure.flat_map(|(path, source)| {
        let mut names = Names(Vec::new());
        names.visit_file(source);
        names.0.into_iter().map(|(line, name)| {
            let problem = format!("`{name}` reaches outside of a pure crate");
            Finding::new(path, line, problem, "take what it gives as an argument")
        })
    })
    .collect()
}

/// The names of the outside, with their lines.
struct Names(Vec<(usize, String)>);

impl Names {
    fn note(&mut self, line: usize, name: String) {
        let is_within = |outside: &&str| {
            name.strip_prefix(*outside)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if OUTSIDE.iter().any(is_within) {
            self.0.push((line, name));
        }
    }

    fn imports(&mut self, prefix: &str, tree: &UseTree) {
        let line = tree.span().start().line;
        match tree {
            UseTree::Path(path) => self.imports(&format!("{prefix}{}::", path.ident), &path.tree),
            UseTree::Name(name) if name.ident == "self" => {
                self.note(line, prefix.trim_end_matches("::").to_owned());
            }
            UseTree::Name(name) => self.note(line, format!("{prefix}{}", name.ident)),
            UseTree::Rename(rename) => self.note(line, format!("{prefix}{}", rename.ident)),
            UseTree::Glob(_) => self.note(line, format!("{prefix}*")),
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.imports(prefix, tree)),
        }
    }
}

impl Visit<'_> for Names {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.imports("", &item.tree);
    }

    fn visit_path(&mut self, path: &Path) {
        let segments: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.note(path.span().start().line, segments.join("::"));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &Macro) {
        if let Some(name) = WRITERS.iter().find(|name| called.path.is_ident(name)) {
            self.0
                .push((called.path.span().start().line, format!("{name}!")));
        }
        visit::visit_macro(self, called);
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::{Texts, Tree};
    use super::*;

    fn found(path: &str, source: &str) -> Vec<String> {
        let tree = Tree::parse(Texts::from([(path.to_owned(), source.to_owned())]));
        check(&tree.sources)
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_pure_crate_that_names_the_outside_is_found() {
        for source in [
            "use std::fs;",
            "use std::time::{Duration, SystemTime};",
            "use std::time::*;",
            "use std::env::{self, VarError};",
            "use std::io as files;",
            "fn f() { let now = std::time::Instant::now(); }",
            "fn f(map: ::std::collections::HashMap<u8, u8>) {}",
            "fn f() { println!(\"x\"); }",
        ] {
            assert!(
                !found("crates/gtoken-inject/src/a.rs", source).is_empty(),
                "{source}"
            );
        }
    }

    #[test]
    fn what_is_pure_or_elsewhere_is_not() {
        let pure = "use std::{fmt, time::Duration}; fn f() { let d = std::time::Duration::ZERO; }";
        assert_eq!(found("crates/gtoken-contract/src/a.rs", pure), [""; 0]);
        assert_eq!(found("crates/gtoken/src/a.rs", "use std::fs;"), [""; 0]);
        assert_eq!(
            found("crates/gtoken-inject/tests/it/a.rs", "use std::fs;"),
            [""; 0]
        );
    }
}
