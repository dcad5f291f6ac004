//! No orphan: each Rust file of a package is compiled into one of its targets.
//!
//! A file that no `mod` names is neither built nor tested, and nobody notices when it rots.

use std::collections::BTreeMap;

use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta};

use super::Finding;
use super::source::{Sources, only_for_tests};

/// The file that a target begins with.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// Path from the root of the checkout.
    pub(super) path: String,
    /// Whether the target is a test or a benchmark.
    pub(super) test: bool,
}

/// The files that are compiled, each with `true` if that happens for tests only.
pub(super) type Reach = BTreeMap<String, bool>;

/// Follows the `mod` declarations from `roots`.
pub(super) fn reach(roots: &[Root], sources: &Sources) -> Reach {
    let mut reach = Reach::new();
    for root in roots {
        let folder = parent(&root.path).to_owned();
        visit(&root.path, &folder, root.test, sources, &mut reach);
    }
    reach
}

/// The files under `packages` that were not reached.
pub(super) fn orphans(reach: &Reach, sources: &Sources, packages: &[String]) -> Vec<Finding> {
    let candidates = sources.keys().filter(|path| {
        packages.iter().any(|folder| {
            path.strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    });
    candidates
        .filter(|path| !reach.contains_key(*path))
        .map(|path| {
            Finding::new(
                path,
                1,
                "no `mod` declares this file, so it is never compiled",
                "declare or delete it",
            )
        })
        .collect()
}

/// Notes the file and goes on to its modules, which live in `folder`.
fn visit(path: &str, folder: &str, test: bool, sources: &Sources, reach: &mut Reach) {
    let Some(source) = sources.get(path) else {
        return;
    };
    let test = test || only_for_tests(&source.attrs);
    // The product's way to a file counts more than a test's, so that one may come second and go through again.
    if reach.get(path).is_some_and(|&known| test || !known) {
        return;
    }
    reach.insert(path.to_owned(), test);
    items(
        &source.items,
        &Place { file: path, folder },
        test,
        sources,
        reach,
    );
}

/// Where `mod` declarations are read: their file, and the folder in which their own files are looked for.
struct Place<'a> {
    file: &'a str,
    folder: &'a str,
}

fn items(items: &[Item], place: &Place<'_>, test: bool, sources: &Sources, reach: &mut Reach) {
    for item in items {
        if let Item::Mod(module) = item {
            declared(
                module,
                place,
                test || only_for_tests(&module.attrs),
                sources,
                reach,
            );
        }
    }
}

/// Follows one `mod`, with a body or in a file.
fn declared(module: &ItemMod, place: &Place<'_>, test: bool, sources: &Sources, reach: &mut Reach) {
    let inner = join(place.folder, &module.ident.to_string());
    if let Some((_, body)) = &module.content {
        let place = Place {
            folder: &inner,
            ..*place
        };
        items(body, &place, test, sources, reach);
    } else if let Some(path) = explicit(&module.attrs) {
        let path = join(parent(place.file), &path);
        visit(&path, parent(&path), test, sources, reach);
    } else {
        visit(&format!("{inner}.rs"), &inner, test, sources, reach);
        visit(&join(&inner, "mod.rs"), &inner, test, sources, reach);
    }
}

/// The value of `#[path = "…"]`.
fn explicit(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// `name` as seen from `folder`, with `..` resolved.
fn join(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Sources {
        let parsed =
            |(path, text): &(&str, &str)| ((*path).to_owned(), syn::parse_file(text).unwrap());
        files.iter().map(parsed).collect()
    }

    fn root(path: &str, test: bool) -> Root {
        Root {
            path: path.to_owned(),
            test,
        }
    }

    #[test]
    fn a_file_that_no_mod_names_is_an_orphan() {
        let sources = sources(&[
            ("crates/a/src/lib.rs", "mod b;"),
            ("crates/a/src/b.rs", "mod c { mod d; }"),
            ("crates/a/src/b/c/d.rs", ""),
            ("crates/a/src/b/lost.rs", ""),
            ("outside/e.rs", ""),
        ]);
        let reach = reach(&[root("crates/a/src/lib.rs", false)], &sources);
        let orphans = orphans(&reach, &sources, &["crates/a".to_owned()]);
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].path, "crates/a/src/b/lost.rs");
    }

    #[test]
    fn mod_rs_and_explicit_paths_are_followed() {
        let sources = sources(&[
            (
                "a/tests/it/main.rs",
                "mod b; #[path = \"../shared/c.rs\"] mod c;",
            ),
            ("a/tests/it/b/mod.rs", "mod d;"),
            ("a/tests/it/b/d.rs", ""),
            ("a/tests/shared/c.rs", ""),
        ]);
        assert_eq!(
            reach(&[root("a/tests/it/main.rs", true)], &sources).len(),
            4
        );
    }

    #[test]
    fn what_only_tests_reach_is_told_from_the_product() {
        let sources = sources(&[
            (
                "a/src/lib.rs",
                "#[cfg(test)] mod tests; #[cfg(test)] mod both; mod b;",
            ),
            ("a/src/tests.rs", "mod deep;"),
            ("a/src/tests/deep.rs", ""),
            ("a/src/both.rs", "mod inner;"),
            ("a/src/both/inner.rs", ""),
            ("a/src/b.rs", "#[path = \"both.rs\"] mod both;"),
        ]);
        let reach = reach(&[root("a/src/lib.rs", false)], &sources);
        let product = reach
            .iter()
            .filter(|(_, test)| !**test)
            .map(|(path, _)| path.as_str());
        assert_eq!(
            product.collect::<Vec<_>>(),
            ["a/src/b.rs", "a/src/both.rs", "a/src/lib.rs"]
        );
    }
}
