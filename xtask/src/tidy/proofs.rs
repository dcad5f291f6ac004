//! What tables name as proof: tests by `package::test_name`, and case folders by `package::folder-name`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemFn, Macro};

use super::cases;
use super::source::{Sources, Texts, is_test};

/// The names of a package's tests and case folders, by the name of its folder.
pub(super) type Proofs = BTreeMap<String, BTreeSet<String>>;

/// Collects the test functions of each package, those inside of macros such as `proptest!` included, and its cases.
pub(super) fn collect(sources: &Sources, texts: &Texts, packages: &[String]) -> Proofs {
    let mut proofs = Proofs::new();
    for folder in packages {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let mut names = Names(BTreeSet::new());
        let within = format!("{folder}/");
        for (_, source) in sources.iter().filter(|(path, _)| path.starts_with(&within)) {
            names.visit_file(source);
        }
        let cases = texts.keys().filter_map(|path| cases::case(path));
        let cases = cases.filter(|(package, _)| package == folder);
        names.0.extend(cases.map(|(_, case)| case.to_owned()));
        proofs.insert(name.to_owned(), names.0);
    }
    proofs
}

/// The names between backticks in a table's cell.
pub(super) fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// `package::test_name`, with any modules between.
pub(super) fn exists(name: &str, proofs: &Proofs) -> bool {
    let Some((package, path)) = name.split_once("::") else {
        return false;
    };
    let test = path.rsplit("::").next().unwrap_or(path);
    let names = proofs.get(package);
    names.is_some_and(|names| names.contains(test))
}

/// The cells of the rows of a page's tables, each with its line.
pub(super) fn rows(page: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    (1..).zip(page.lines()).filter_map(|(line, text)| {
        let row = text.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some((line, row.split('|').map(str::trim).collect()))
    })
}

struct Names(BTreeSet<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.attrs.iter().any(is_test) {
            self.0.insert(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
    }
}

impl Names {
    /// Finds `#[test] … fn name` among tokens that no parser of ours understands.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut marked, mut function) = (false, false);
        for token in tokens {
            match token {
                TokenTree::Group(group) if group.stream().to_string() == "test" => marked = true,
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) if function => {
                    self.0.insert(ident.to_string());
                    (marked, function) = (false, false);
                }
                TokenTree::Ident(ident) => function = marked && ident == "fn",
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "
        #[test] fn plain() {}
        mod tests { #[tokio::test] async fn waits() {} fn helper() {} }
        proptest! { #![config] /// Doc.
            #[test] fn holds(a in 0..9) { check(a) } fn not_one() {} }
    ";

    #[test]
    fn tests_and_cases_are_found_in_modules_macros_and_folders() {
        let code = syn::parse_file(CODE).unwrap();
        let sources = Sources::from([("crates/a/src/lib.rs".to_owned(), code)]);
        let readme = "crates/a/tests/cases/some-case/README.md".to_owned();
        let texts = Texts::from([(readme, "A case.".to_owned())]);
        let packages = ["crates/a".to_owned(), "crates/b".to_owned()];
        let proofs = collect(&sources, &texts, &packages);
        for name in ["a::plain", "a::tests::waits", "a::holds", "a::some-case"] {
            assert!(exists(name, &proofs), "{name}");
        }
        for name in [
            "a::helper",
            "a::not_one",
            "b::plain",
            "b::some-case",
            "plain",
            "c::plain",
        ] {
            assert!(!exists(name, &proofs), "{name}");
        }
    }

    #[test]
    fn every_second_piece_between_backticks_is_a_name() {
        assert_eq!(named("`a::b` and `c`"), ["a::b", "c"]);
        assert_eq!(named("by care"), [""; 0]);
    }
}
