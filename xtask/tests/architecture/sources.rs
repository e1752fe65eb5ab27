//! Reads the workspace's Rust files as tokens, without comments and tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path relative to its crate's folder, such as `src/lib.rs`.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// Returns the file's tokens without doc comments and code that is compiled for tests only.
    pub(crate) fn tokens(&self) -> Vec<TokenTree> {
        let tokens: TokenStream = self.text.parse().unwrap_or_else(|_| panic!("{}", self.name));
        without_tests(tokens)
    }
}

/// Returns the files in `src` of each crate in `crates`, and of `xtask`.
pub(crate) fn of_workspace() -> BTreeMap<String, Vec<Source>> {
    let root = root();
    let entries = fs::read_dir(root.join("crates")).expect("a folder");
    let crates = entries.map(|entry| entry.expect("an entry").path());
    let crates = crates.chain([root.join("xtask")]).map(|folder| {
        let mut sources = vec![];
        read(&folder, "src", &mut sources);
        (folder.file_name().expect("a name").to_str().expect("text").to_owned(), sources)
    });
    crates.collect()
}

/// Returns the workspace's folder.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the workspace").to_owned()
}

/// Returns true if the token is this punctuation mark.
pub(crate) fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Returns true if `tokens` begin with two colons.
pub(crate) fn is_path_separator(tokens: &[TokenTree]) -> bool {
    let joint = matches!(tokens.first(), Some(TokenTree::Punct(punct)) if punct.spacing() == Spacing::Joint);
    joint && is_mark(tokens.first(), ':') && is_mark(tokens.get(1), ':')
}

/// Returns a token's text if it is an identifier or a keyword.
pub(crate) fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

/// Returns the tokens within a token.
pub(crate) fn within(token: &TokenTree) -> Vec<TokenTree> {
    match token {
        TokenTree::Group(group) => group.stream().into_iter().collect(),
        _ => vec![],
    }
}

fn read(folder: &Path, below: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder.join(below)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{below}/{}", entry.file_name().to_str().expect("text"));
        if entry.path().is_dir() {
            read(folder, &name, sources);
        } else if name.ends_with(".rs") {
            sources.push(Source::new(&name, &fs::read_to_string(entry.path()).expect("text")));
        }
    }
}

/// Removes doc comments, and items with an attribute that is true in tests only.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let (mut kept, mut at) = (vec![], 0);
    while let Some(token) = tokens.get(at) {
        at += 1;
        // `#[..]`, or `#![..]`, which applies to the enclosing item.
        let inner = usize::from(is_mark(tokens.get(at), '!'));
        let attribute = tokens.get(at + inner).filter(|_| is_mark(Some(token), '#')).map(within);
        match attribute.as_deref() {
            Some(attribute) if is_of_tests(attribute) && inner == 1 => return vec![],
            Some(attribute) if is_of_tests(attribute) => {
                // An item ends with a semicolon or its body.
                let rest = &tokens[at + 1..];
                let end = rest.iter().position(|token| is_mark(Some(token), ';') || is_body(token));
                at = end.map_or(tokens.len(), |end| at + end + 2);
            }
            Some([first, ..]) if word(Some(first)).is_some_and(|it| it == "doc") => {
                at += inner + 1;
            }
            _ => kept.push(match token {
                TokenTree::Group(group) => {
                    let stream = without_tests(group.stream()).into_iter().collect();
                    Group::new(group.delimiter(), stream).into()
                }
                other => other.clone(),
            }),
        }
    }
    kept
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Returns true if an attribute is `test`, `cfg(test)` or `cfg(all(test, ..))`.
fn is_of_tests(attribute: &[TokenTree]) -> bool {
    let condition = match attribute {
        [name, condition] if word(Some(name)).is_some_and(|it| it == "cfg") => within(condition),
        [name] => return word(Some(name)).is_some_and(|it| it == "test"),
        _ => return false,
    };
    let all = match condition.as_slice() {
        [name, all] if word(Some(name)).is_some_and(|it| it == "all") => within(all),
        _ => condition,
    };
    let mut parts = all.split(|token| is_mark(Some(token), ','));
    parts.any(|part| matches!(part, [it] if word(Some(it)).is_some_and(|it| it == "test")))
}

#[test]
fn only_tests_and_doc_comments_are_removed() {
    let text = "
        //! Doc.
        #![warn(kept_0)]
        /// Doc.
        fn kept_1() { #[cfg(test)] dropped(); kept_2(\"//\"); }
        #[cfg(test)]
        #[allow(unused)]
        mod dropped { fn dropped() {} }
        #[cfg(all(test, unix))] use dropped::{dropped, dropped_too};
        #[cfg(not(test))] fn kept_3(_: [u8; 2]) {}
        #[cfg(any(test, unix))] fn kept_4() {}
        #[test] fn dropped() {}
        mod kept { #![cfg(test)] fn dropped() {} }
        struct Kept { #[serde(default)] kept_5: u8 }
    ";
    let tokens: TokenStream = Source::new("a.rs", text).tokens().into_iter().collect();
    let tokens = tokens.to_string();
    assert!(!tokens.contains("dropped") && !tokens.contains("Doc"), "{tokens}");
    assert_eq!(tokens.matches("kept").count(), 7, "{tokens}");
}
