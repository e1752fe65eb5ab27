//! Checks that only `cli` prints. Libraries return values, errors and events.

use proc_macro2::TokenTree;

use crate::sources::{Source, is_mark, of_workspace, within, word};

const MACROS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];
const STREAMS: [&str; 2] = ["stderr", "stdout"];

/// Returns the macros and streams that a library's file prints with, outside its tests.
fn prints(source: &Source) -> Vec<String> {
    let mut found = vec![];
    search(&source.tokens(), &mut found);
    found.iter().map(|word| format!("{} prints by `{word}`", source.name)).collect()
}

fn search(tokens: &[TokenTree], found: &mut Vec<String>) {
    for (at, token) in tokens.iter().enumerate() {
        search(&within(token), found);
        let Some(word) = word(Some(token)) else { continue };
        let is_macro = MACROS.contains(&&*word) && is_mark(tokens.get(at + 1), '!');
        // Methods and fields are streams of another program, such as `Command::stdout`.
        let is_own = at == 0 || !is_mark(tokens.get(at - 1), '.');
        if is_macro || STREAMS.contains(&&*word) && is_own {
            found.push(word);
        }
    }
}

#[test]
fn libraries_do_not_print() {
    let libraries = of_workspace().into_iter().filter(|(name, _)| name != "cli" && name != "xtask");
    let found = libraries.flat_map(|(name, sources)| {
        sources.into_iter().flat_map(move |source| {
            prints(&source).into_iter().map(|it| format!("{name}: {it}")).collect::<Vec<_>>()
        })
    });
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_form_of_printing_is_found() {
    let ways = [
        ("fn f() { println!(\"a\") }", "println"),
        ("fn f() { std::eprint!(\"a\") }", "eprint"),
        ("fn f() { g(dbg!(1)) }", "dbg"),
        ("fn f() { vec![print!(\"a\")]; }", "print"),
        ("fn f() { writeln!(io::stdout(), \"a\") }", "stdout"),
        ("use std::io::{Write, stderr as out};", "stderr"),
    ];
    for (text, word) in ways {
        let found = prints(&Source::new("a.rs", text));
        assert_eq!(found, [format!("a.rs prints by `{word}`")], "{text}");
    }
}

#[test]
fn code_that_does_not_print_is_accepted() {
    let text = "
        /// Calls println!() and stdout().
        fn print(c: &mut Command) { c.stdout(null()); print(c); format!(\"println!\"); }
        #[cfg(test)]
        mod tests { fn f() { println!(\"a\") } }
    ";
    assert_eq!(prints(&Source::new("a.rs", text)), Vec::<String>::new());
}
