//! The files of the checkout as texts, and the Rust ones among them as syntax trees.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use proc_macro2::{TokenStream, TokenTree};
use syn::Attribute;
use syn::spanned::Spanned;

use super::Finding;
use crate::process;
use crate::workspace::Workspace;

/// Texts by their path from the root, e.g. `crates/gtoken/src/lib.rs`.
pub(super) type Texts = BTreeMap<String, String>;

/// Syntax trees by the same paths.
pub(super) type Sources = BTreeMap<String, syn::File>;

/// Everything the checks look at.
pub(super) struct Tree {
    pub(super) texts: Texts,
    pub(super) sources: Sources,
}

impl Tree {
    /// Parses the Rust files among `texts`.
    pub(super) fn parse(texts: Texts) -> Self {
        let rust = texts.iter().filter(|(path, _)| is_rust(path));
        let sources = rust
            .filter_map(|(path, text)| Some((path.clone(), syn::parse_file(text).ok()?)))
            .collect();
        Self { texts, sources }
    }

    /// The Rust files that could not be parsed; nothing else is said about them.
    pub(super) fn unreadable(&self) -> Vec<Finding> {
        let rust = self.texts.iter().filter(|(path, _)| is_rust(path));
        rust.filter(|(path, _)| !self.sources.contains_key(*path))
            .map(|(path, text)| {
                let error = syn::parse_file(text).err();
                let (line, problem) = error.map_or((1, String::new()), |error| {
                    (error.span().start().line, error.to_string())
                });
                Finding::new(
                    path,
                    line,
                    format!("this is not Rust: {problem}"),
                    "mend or delete it",
                )
            })
            .collect()
    }
}

/// Reads every file that git would commit, new ones included; what is not UTF-8 is no concern of tidy.
pub(super) fn read(workspace: &Workspace) -> anyhow::Result<Tree> {
    let listed = process::output(workspace.git().args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .context("tidy asks git which files there are")?;
    let texts = listed
        .split_terminator('\0')
        .filter_map(|path| {
            Some((
                path.to_owned(),
                fs::read_to_string(workspace.root.join(path)).ok()?,
            ))
        })
        .collect();
    Ok(Tree::parse(texts))
}

/// Whether the attributes keep an item out of the product: `#[cfg(test)]`, `#[test]` and their relatives.
pub(super) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| is_test(attribute) || is_cfg_test(attribute))
}

/// Whether the attribute makes a function a test: `#[test]`, `#[tokio::test]`.
pub(super) fn is_test(attribute: &Attribute) -> bool {
    attribute
        .path()
        .segments
        .last()
        .is_some_and(|last| last.ident == "test")
}

/// Whether the file is Rust by its name.
pub(super) fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

/// First and last line of something, attributes and documentation included.
pub(super) fn lines(item: &impl Spanned) -> (usize, usize) {
    let span = item.span();
    (span.start().line, span.end().line)
}

/// Whether `word` occurs in the tokens, at any depth.
pub(super) fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// `cfg(test)` and `cfg(all(test, …))`; `not(test)` and `any(test, …)` also hold in the product.
fn is_cfg_test(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    list.path.is_ident("cfg")
        && mentions(list.tokens.clone(), "test")
        && !mentions(list.tokens.clone(), "not")
        && !mentions(list.tokens.clone(), "any")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(text: &str) -> Vec<Attribute> {
        syn::parse_str::<syn::ItemFn>(&format!("{text} fn f() {{}}"))
            .unwrap()
            .attrs
    }

    #[test]
    fn what_is_compiled_for_tests_only_is_told_from_the_product() {
        for test in [
            "#[cfg(test)]",
            "#[test]",
            "#[tokio::test]",
            "#[cfg(all(test, unix))]",
        ] {
            assert!(only_for_tests(&attributes(test)), "{test}");
        }
        for product in [
            "",
            "#[cfg(not(test))]",
            "#[cfg(any(test, unix))]",
            "#[cfg(unix)]",
            "#[doc = \"test\"]",
        ] {
            assert!(!only_for_tests(&attributes(product)), "{product}");
        }
    }

    #[test]
    fn a_file_that_is_not_rust_is_found_with_its_line() {
        let texts = Texts::from([("a.rs".to_owned(), "//! A.\nfn f( {}".to_owned())]);
        let findings = Tree::parse(texts).unreadable();
        assert_eq!((findings.len(), findings[0].line), (1, 2));
    }
}
