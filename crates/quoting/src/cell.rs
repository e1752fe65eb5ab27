//! Cells of CSV files that people open in spreadsheets, which run what looks like a formula.

use std::borrow::Cow;

/// How the cells begin that a spreadsheet takes for formulas, by OWASP's page on CSV injection.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Returns the text of a cell with a single quote before it if a spreadsheet would take it for a formula. Numbers
/// stay as they are. No two texts become the same.
pub fn cell(text: &str) -> Cow<'_, str> {
    // Quotes that are there already count, so that the guard can be told from them.
    let is_formula = text.trim_start_matches('\'').starts_with(FORMULAS);
    if is_formula && text.parse::<f64>().is_err() {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_guarded_and_numbers_and_names_are_not() {
        for (text, expected) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("@SUM(1)", "'@SUM(1)"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("-0.5", "-0.5"),
            ("+1e-3", "+1e-3"),
            ("cats/1.jpg", "cats/1.jpg"),
            ("'quoted'", "'quoted'"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_two_texts_become_the_same_cell(one in "['=+@a-]{0,4}", other in "['=+@a-]{0,4}") {
            prop_assert!(one == other || cell(&one) != cell(&other));
        }
    }
}
