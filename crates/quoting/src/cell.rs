//! Quotes text for cells of CSV files.
//!
//! Spreadsheets run a cell that looks like a formula, and a stranger's file name may look like one (CSV injection).

use std::borrow::Cow;

/// First characters of a cell that spreadsheets read as a formula, from OWASP's page on CSV injection.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Returns the text for a cell, with a single quote in front if a spreadsheet would run it as a formula.
///
/// Numbers stay unchanged. Different texts give different cells.
///
/// # Examples
///
/// ```
/// use quoting::cell;
///
/// assert_eq!(cell("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
/// assert_eq!(cell("-0.5"), "-0.5"); // a number
/// assert_eq!(cell("cats/1.jpg"), "cats/1.jpg");
/// ```
#[doc(alias = "CSV injection")]
#[doc(alias = "formula injection")]
pub fn cell(text: &str) -> Cow<'_, str> {
    // Existing leading quotes are skipped: `'=1` gets a quote too and stays different from a guarded `=1`.
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
    fn formulas_are_escaped_but_numbers_and_names_are_not() {
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
        fn distinct_texts_have_distinct_cells(one in "['=+@a-]{0,4}", other in "['=+@a-]{0,4}") {
            prop_assert!(one == other || cell(&one) != cell(&other));
        }
    }
}
