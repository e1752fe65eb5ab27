//! Frame of every page: one HTML file that needs neither network nor scripts.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Returns a page with a heading, a one-line result and the content `main`. `head` is added to the HTML head.
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
