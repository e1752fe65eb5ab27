//! Checks that texts of libraries name no flag and no command of the program. `cli` turns their errors into hints.

use std::collections::BTreeSet;

use proc_macro2::TokenTree;

use crate::sources::{Source, is_mark, of_workspace, within, word};

/// Name of the program in pages that it generates, which is not advice.
const GENERATOR: &str = "permafrost compare";

/// Returns the flags and commands that string literals of a library's file name, outside its tests.
fn named(source: &Source, commands: &BTreeSet<String>) -> Vec<String> {
    let mut found = vec![];
    search(&source.tokens(), commands, &mut found);
    found.iter().map(|words| format!("{} names `{words}`", source.name)).collect()
}

fn search(tokens: &[TokenTree], commands: &BTreeSet<String>, found: &mut Vec<String>) {
    for (at, token) in tokens.iter().enumerate() {
        search(&within(token), commands, found);
        let TokenTree::Literal(text) = token else { continue };
        let text = text.to_string();
        // The reason of a lint is for developers, so it may name them.
        let is_reason = at > 1 && is_mark(tokens.get(at - 1), '=');
        let is_reason = is_reason && word(tokens.get(at - 2)).is_some_and(|it| it == "reason");
        // Only string literals have quotes.
        if text.contains('"') && !is_reason {
            found.extend(flags(&text).chain(calls(&text, commands)));
        }
    }
}

/// Returns the flags in a text. A custom property of CSS looks like one but is followed by a colon: `--share:0.5`.
fn flags(text: &str) -> impl Iterator<Item = String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.match_indices("--").filter_map(move |(at, dashes)| {
        let (before, name) = (&text[..at], &text[at + dashes.len()..]);
        let end = name.find(|letter| !is_part(letter) && letter != '-').unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        let is_word = before.ends_with(|it: char| it.is_whitespace() || "\"'`(=".contains(it));
        // An escaped line break ends a word too.
        let is_word = is_word || before.ends_with("\\n");
        let is_name = name.len() > 1 && name.starts_with(|it: char| it.is_ascii_lowercase());
        (is_word && is_name && !after.starts_with(':')).then(|| format!("--{name}"))
    })
}

/// Returns the commands of the program in a text.
fn calls(text: &str, commands: &BTreeSet<String>) -> impl Iterator<Item = String> {
    text.match_indices("permafrost ").filter_map(|(at, program)| {
        let name = &text[at + program.len()..];
        let end = name.find(|it: char| !it.is_ascii_lowercase()).unwrap_or(name.len());
        let call = format!("{program}{}", &name[..end]);
        (commands.contains(&name[..end]) && call != GENERATOR).then_some(call)
    })
}

/// Returns the names of the program's commands, which have one file each.
fn commands(program: &[Source]) -> BTreeSet<String> {
    let names = program.iter().filter_map(|source| source.name.strip_prefix("src/commands/"));
    names.filter_map(|name| name.strip_suffix(".rs")).map(str::to_owned).collect()
}

#[test]
fn no_library_names_a_flag_or_a_command() {
    let crates = of_workspace();
    let commands = commands(&crates["cli"]);
    assert!(commands.contains("train"), "{commands:?}");
    let libraries = crates.iter().filter(|(name, _)| !["cli", "xtask"].contains(&name.as_str()));
    let found = libraries.flat_map(|(name, sources)| {
        let named = sources.iter().flat_map(|source| named(source, &commands));
        named.map(move |fault| format!("{name}: {fault}"))
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn flags_and_commands_are_found_in_string_literals() {
    let commands = BTreeSet::from(["train", "compare"].map(str::to_owned));
    let named = |text: &str| named(&Source::new("a.rs", text), &commands);
    for (text, words) in [
        (r#"fn f() { "hint: name it with `--val-split 0.2`" }"#, "--val-split"),
        (r#"const HINT: &str = "--out";"#, "--out"),
        (r##"fn f() { format!(r#"line\n{a} --resume"#) }"##, "--resume"),
        (r#"fn f() { format!("{fault}\nleave out\n--strict") }"#, "--strict"),
        (r#"#[error("name another one (--port)")] enum E {}"#, "--port"),
        (r#"fn f() { "see `permafrost train`" }"#, "permafrost train"),
    ] {
        assert_eq!(named(text), [format!("a.rs names `{words}`")], "{text}");
    }
    let nothing = r#"
        /// The flag `--out` of `permafrost train`.
        #[allow(dead_code, reason = "for `--out` alone")]
        fn f() -> u8 {
            "a -- b, a--b, --, -- , permafrost is, permafrost compare";
            style("--share:0.5");
            b'-'
        }
        #[cfg(test)]
        mod tests { fn f() { "--out" } }
    "#;
    assert_eq!(named(nothing), Vec::<String>::new());
}
