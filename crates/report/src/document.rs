//! What every page here is: one file that needs no network and no script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A page with a heading and what it says above all; `head` is added to its head.
pub(crate) fn document(heading: &str, result: &str, head: Markup, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (heading) ": " (result) }
                style { (PreEscaped(include_str!("page.css"))) }
                (head)
            }
            body {
                header { h1 { (heading) } p.result { (result) } }
                main { (main) }
            }
        }
    }
}
