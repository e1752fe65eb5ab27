//! Reads the names that a module declares, and the paths that it contains.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::sources::{is_mark, is_path_separator, within, word};

/// A module: a file, or a part of one.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) parent: usize,
    /// A module and a function may have the same name.
    pub(crate) names: BTreeMap<String, Vec<Name>>,
    pub(crate) globs: Vec<Path>,
    /// Paths of more than one segment, in declarations and elsewhere.
    pub(crate) paths: Vec<Path>,
}

pub(crate) type Path = Vec<String>;

#[derive(Clone, Debug)]
pub(crate) enum Name {
    Module(usize),
    Item,
    Import(Path),
}

/// A declaration of a module, with its body if that is in the same file.
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) body: Option<Vec<TokenTree>>,
}

/// Keywords before the name of an item.
const ITEMS: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

impl Module {
    /// Reads a module of the file with this name from its tokens. Returns its child modules as well.
    pub(crate) fn read(file: &str, parent: usize, tokens: &[TokenTree]) -> (Self, Vec<Child>) {
        let (names, globs, paths) = (BTreeMap::new(), vec![], vec![]);
        let mut module = Self { file: file.to_owned(), parent, names, globs, paths };
        let children = module.scan(tokens, true);
        (module, children)
    }

    /// Collects names and paths. `outer` is true for tokens at the level of the module, false within an item.
    fn scan(&mut self, tokens: &[TokenTree], outer: bool) -> Vec<Child> {
        let (mut children, mut at) = (vec![], 0);
        while let Some(token) = tokens.get(at) {
            let (rest, next) = (&tokens[at + 1..], word(tokens.get(at + 1)));
            at += 1;
            match (word(Some(token)).as_deref(), next) {
                (Some("mod"), Some(name)) if outer => {
                    let body = rest.get(1).map(within).filter(|_| !is_mark(rest.get(1), ';'));
                    children.push(Child { name, body });
                    at += 2;
                }
                (Some("use"), _) if !is_mark(rest.first(), '<') => {
                    let end = rest.iter().position(|token| is_mark(Some(token), ';'));
                    let end = end.expect("the end of an import");
                    self.import(&[], &rest[..end]);
                    at += end;
                }
                (Some("pub"), _) if rest.first().is_some_and(is_visibility) => at += 1,
                (Some("macro_rules"), _) if outer => {
                    let name = word(rest.get(1)).expect("the name of a macro");
                    self.names.entry(name).or_default().push(Name::Item);
                    at += 2;
                }
                (Some(keyword), Some(name)) if outer && ITEMS.contains(&keyword) => {
                    self.names.entry(name).or_default().push(Name::Item);
                }
                (Some(first), _) => {
                    let global = at > 2 && is_path_separator(&tokens[at - 3..at - 1]);
                    let mut path = vec![first.to_owned()];
                    while let Some(name) = word(tokens.get(at + 2))
                        && is_path_separator(&tokens[at..])
                    {
                        path.push(name);
                        at += 3;
                    }
                    if path.len() > 1 && !global {
                        self.paths.push(path);
                    }
                }
                (None, _) => drop(self.scan(&inside(token), false)),
            }
        }
        children
    }

    /// Reads the tree of a `use` declaration after `prefix`: `a`, `a::b as c`, `a::*` or `a::{b, c}`.
    fn import(&mut self, prefix: &[String], tree: &[TokenTree]) {
        let (mut path, mut rest) = (prefix.to_vec(), tree);
        if is_path_separator(tree) {
            // `::` is not the name of a module, so the path leads to another crate.
            path.push("::".to_owned());
            rest = &tree[2..];
        }
        while let Some(name) = word(rest.first()) {
            rest = &rest[1..];
            if name == "as" {
                break;
            }
            // `a::{self}` is `a`.
            if name != "self" || path.is_empty() {
                path.push(name);
            }
            rest = if is_path_separator(rest) { &rest[2..] } else { rest };
        }
        match rest.first() {
            Some(token @ TokenTree::Group(_)) => {
                let trees = within(token);
                let trees = trees.split(|token| is_mark(Some(token), ','));
                trees.filter(|tree| !tree.is_empty()).for_each(|tree| self.import(&path, tree));
            }
            Some(_) if is_mark(rest.first(), '*') => {
                self.paths.push(path.clone());
                self.globs.push(path);
            }
            renamed => {
                let name = word(renamed).or_else(|| path.last().cloned()).expect("a name");
                self.paths.push(path.clone());
                self.names.entry(name).or_default().push(Name::Import(path));
            }
        }
    }
}

/// Returns the tokens within a bracket, or within a string that is a path, such as `#[serde(with = "crate::a")]`.
fn inside(token: &TokenTree) -> Vec<TokenTree> {
    let TokenTree::Literal(literal) = token else { return within(token) };
    let literal = literal.to_string();
    let text = literal.trim_matches('"');
    let is_path = ["crate::", "self::", "super::"].iter().any(|first| text.starts_with(first));
    let tokens = text.parse::<TokenStream>().ok().filter(|_| is_path);
    tokens.into_iter().flatten().collect()
}

/// Returns true if the token is the bracket in `pub(crate)`.
fn is_visibility(token: &TokenTree) -> bool {
    let bracket = matches!(token, TokenTree::Group(it) if it.delimiter() == Delimiter::Parenthesis);
    let tokens = within(token);
    let first = word(tokens.first()).filter(|_| bracket);
    first.is_some_and(|first| {
        first == "in" || tokens.len() == 1 && ["crate", "self", "super"].contains(&first.as_str())
    })
}
