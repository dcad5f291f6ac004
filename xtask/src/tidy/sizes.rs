//! The budgets of files and functions. Tests do not count: a long table of cases is no burden.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, Signature, TraitItemFn};

use super::Finding;
use super::modules::Reach;
use super::source::{Tree, lines, only_for_tests};

/// Lines of a `main.rs`: with nothing in it there is nothing to test.
const MAIN: usize = 20;

/// How large one kind of thing may be, in lines.
struct Budget {
    thing: &'static str,
    half: usize,
    nine_in_ten: usize,
    never_past: usize,
    remedy: &'static str,
}

const FILES: Budget = Budget {
    thing: "file",
    half: 150,
    nine_in_ten: 350,
    never_past: 500,
    remedy: "split it by what it knows",
};

const FUNCTIONS: Budget = Budget {
    thing: "function",
    half: 8,
    nine_in_ten: 30,
    never_past: 80,
    remedy: "give its steps names",
};

/// A file or function with its place and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sized {
    path: String,
    line: usize,
    name: String,
    length: usize,
}

/// Measures everything that is compiled into a product.
pub(super) fn check(tree: &Tree, reach: &Reach) -> Vec<Finding> {
    let (mut files, mut functions) = (Vec::new(), Vec::new());
    for path in reach
        .iter()
        .filter(|(_, test)| !**test)
        .map(|(path, _)| path)
    {
        let (text, source) = (&tree.texts[path], &tree.sources[path]);
        files.push(file(path, text, source));
        functions.extend(measured(path, source));
    }
    let mains = files
        .iter()
        .filter(|file| file.path.ends_with("/main.rs") && file.length > MAIN);
    let mut findings: Vec<_> = mains
        .map(|file| {
            too_long(
                file,
                "file",
                MAIN,
                "move what it does into the library, where tests reach it",
            )
        })
        .collect();
    findings.extend(over(&FILES, &files));
    findings.extend(over(&FUNCTIONS, &functions));
    findings
}

/// What breaks the budget: each thing past its limit, and a distribution that leans to the long side.
fn over(budget: &Budget, things: &[Sized]) -> Vec<Finding> {
    let longest = things
        .iter()
        .filter(|thing| thing.length > budget.never_past);
    let mut findings: Vec<_> = longest
        .map(|thing| too_long(thing, budget.thing, budget.never_past, budget.remedy))
        .collect();
    findings.extend(share(budget, things, budget.half, 5));
    findings.extend(share(budget, things, budget.nine_in_ten, 9));
    findings
}

fn too_long(thing: &Sized, kind: &str, limit: usize, remedy: &str) -> Finding {
    let Sized {
        path,
        line,
        name,
        length,
    } = thing;
    Finding::new(
        path,
        *line,
        format!("{kind} `{name}` has {length} lines, the limit is {limit}"),
        remedy,
    )
}

/// At least `tenths` of the things must have at most `limit` lines.
fn share(budget: &Budget, things: &[Sized], limit: usize, tenths: usize) -> Option<Finding> {
    let mut longer: Vec<_> = things.iter().filter(|thing| thing.length > limit).collect();
    if longer.len() * 10 <= things.len() * (10 - tenths) {
        return None;
    }
    longer.sort_by_key(|thing| (thing.length, &thing.path));
    // The shortest of them cost least to bring under the limit.
    let next: Vec<_> = longer
        .iter()
        .take(5)
        .map(|thing| format!("{}:{}", thing.path, thing.line))
        .collect();
    let problem = format!(
        "{} of {} {}s have more than {limit} lines, at most {} in ten may",
        longer.len(),
        things.len(),
        budget.thing,
        10 - tenths,
    );
    let remedy = format!("begin with those just over it: {}", next.join(", "));
    Some(Finding::new(
        &longer[0].path,
        longer[0].line,
        problem,
        remedy,
    ))
}

/// The file without the items that are compiled for tests only.
fn file(path: &str, text: &str, source: &syn::File) -> Sized {
    let tests = source
        .items
        .iter()
        .filter(|item| only_for_tests(attributes(item)))
        .map(lines);
    let left_out: usize = tests.map(|(first, last)| last + 1 - first).sum();
    Sized {
        path: path.to_owned(),
        line: 1,
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        length: text.lines().count() - left_out,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Every function with a body that is not there for tests only.
fn measured(path: &str, source: &syn::File) -> Vec<Sized> {
    let mut functions = Functions {
        path,
        found: Vec::new(),
    };
    functions.visit_file(source);
    functions.found
}

struct Functions<'a> {
    path: &'a str,
    found: Vec<Sized>,
}

impl Functions<'_> {
    /// From the first word of the signature to the closing brace: documentation is free.
    fn note(&mut self, signature: &Signature, body: &Block) {
        let first = signature.span().start().line;
        self.found.push(Sized {
            path: self.path.to_owned(),
            line: first,
            name: signature.ident.to_string(),
            length: body.span().end().line + 1 - first,
        });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !only_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        if !only_for_tests(&block.attrs) {
            visit::visit_item_impl(self, block);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !only_for_tests(&function.attrs) {
            self.note(&function.sig, &function.block);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !only_for_tests(&function.attrs) {
            self.note(&function.sig, &function.block);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.note(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::Texts;

    fn findings(files: &[(&str, String)]) -> Vec<Finding> {
        let texts: Texts = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.clone()))
            .collect();
        let reach = texts.keys().map(|path| (path.clone(), false)).collect();
        check(&Tree::parse(texts), &reach)
    }

    fn comments(lines: usize) -> String {
        "//\n".repeat(lines)
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "a();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_past_its_limit_is_found() {
        let found = findings(&[("a.rs", comments(501)), ("b.rs", comments(1))]);
        assert_eq!(
            found[0].problem,
            "file `a.rs` has 501 lines, the limit is 500"
        );
        assert_eq!(
            findings(&[("a.rs", comments(150)), ("b.rs", comments(150))]),
            []
        );
    }

    #[test]
    fn tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function("long", 600));
        assert_eq!(findings(&[("a.rs", tests)]), []);
    }

    #[test]
    fn a_main_that_does_something_is_found() {
        let found = findings(&[("a/src/main.rs", comments(21))]);
        assert!(
            found[0].problem.ends_with("has 21 lines, the limit is 20"),
            "{found:?}"
        );
    }

    #[test]
    fn a_long_function_is_found_at_its_line() {
        let methods = format!(
            "impl A {{\n#[inline]\n{}}}\n{}",
            function("long", 81),
            function("b", 3)
        );
        let found = findings(&[("a.rs", methods)]);
        let (line, problem) = (found[0].line, found[0].problem.as_str());
        assert_eq!(
            (line, problem),
            (3, "function `long` has 81 lines, the limit is 80")
        );
    }

    #[test]
    fn half_of_all_functions_must_be_short() {
        let text = [function("a", 8), function("b", 9), function("c", 9)].concat();
        let found = findings(&[("a.rs", text)]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].problem,
            "2 of 3 functions have more than 8 lines, at most 5 in ten may"
        );
        assert_eq!(
            findings(&[("a.rs", [function("a", 8), function("b", 9)].concat())]),
            []
        );
    }

    #[test]
    fn nine_of_ten_functions_must_fit_a_screen() {
        let mut text: String = (0..7).map(|n| function(&format!("f{n}"), 3)).collect();
        text += &[function("a", 31), function("b", 31)].concat();
        let found = findings(&[("a.rs", text)]);
        assert_eq!(
            found[0].problem,
            "2 of 9 functions have more than 30 lines, at most 1 in ten may"
        );
    }
}
