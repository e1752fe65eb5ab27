//! Quotes names in messages as git does: unchanged, or in double quotes with C escapes.
//!
//! The name of a stranger's file may contain escape sequences or line feeds. Unquoted, these would control the terminal
//! or forge lines of output.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter, Write};

/// Control characters with a one-letter C escape, each with its letter.
const SHORT: [[char; 2]; 7] = [
    ['\x07', 'a'],
    ['\x08', 'b'],
    ['\t', 't'],
    ['\n', 'n'],
    ['\x0b', 'v'],
    ['\x0c', 'f'],
    ['\r', 'r'],
];

/// Displays a name, or other text of one line, for people.
///
/// # Examples
///
/// ```
/// use quoting::Shown;
/// use std::path::Path;
///
/// let path = Path::new("my cats/1\n.jpg");
/// assert_eq!(format!("no image at `{}`", path.shown()), r#"no image at `"my cats/1\n.jpg"`"#);
/// assert_eq!("été".shown().to_string(), "été");
/// ```
#[doc(alias = "core.quotePath")]
#[doc(alias = "escape_debug")]
pub trait Shown {
    /// Returns a value that displays the text on one line, without characters that a terminal acts on.
    fn shown(&self) -> Name<'_>;
}

impl<T: AsRef<OsStr> + ?Sized> Shown for T {
    fn shown(&self) -> Name<'_> {
        Name(self.as_ref())
    }
}

/// A name to display, quoted if necessary.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(&'a OsStr);

impl Display for Name<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.pad(&match plain(self.0.as_encoded_bytes(), &[]) {
            Some(text) => Cow::Borrowed(text),
            None => {
                Cow::Owned(format!("\"{}\"", escaped(self.0.as_encoded_bytes(), &['"', '\\'], &[])))
            }
        })
    }
}

/// Returns the text unchanged if it is UTF-8 without hidden characters, other than the allowed ones.
pub(crate) fn plain<'a>(text: &'a [u8], kept: &[char]) -> Option<&'a str> {
    let is_escaped = |letter| is_hidden(letter) && !kept.contains(&letter);
    str::from_utf8(text).ok().filter(|text| !text.contains(is_escaped))
}

/// Returns the text with C escapes.
///
/// The characters `with_backslash` get a backslash in front. Hidden characters, other than the allowed ones, are
/// escaped as in git: `\n` and the like, otherwise each byte in octal digits. So are bytes that are not UTF-8.
pub(crate) fn escaped(text: &[u8], with_backslash: &[char], kept: &[char]) -> String {
    let mut escaped = String::new();
    let octal = |escaped: &mut String, bytes: &[u8]| {
        for byte in bytes {
            write!(escaped, "\\{byte:03o}").expect("a string grows");
        }
    };
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match SHORT.iter().find(|[control, _]| *control == letter) {
                _ if kept.contains(&letter) => escaped.push(letter),
                _ if with_backslash.contains(&letter) => escaped.extend(['\\', letter]),
                Some([_, name]) => escaped.extend(['\\', *name]),
                None if is_hidden(letter) => {
                    octal(&mut escaped, letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None => escaped.push(letter),
            }
        }
        octal(&mut escaped, chunk.invalid());
    }
    escaped
}

/// Returns true if a terminal acts on the character or does not show it.
///
/// These are control characters, line and paragraph separators, and Unicode's `Default_Ignorable_Code_Point` and
/// annotation characters. Joiners and variation selectors are excluded, because scripts and emoji need them.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e00ff}'
                | '\u{e01f0}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_are_unchanged() {
        for name in [
            "cats/1.jpg",
            r#"C:\photos\cat "1".jpg"#,
            "caf\u{e9} cafe\u{301}",
            "\u{3000}\u{732b}",
            "\u{1f469}\u{200d}\u{1f52c}\u{fe0f}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "$(rm -rf .)",
            "",
        ] {
            assert_eq!(name.shown().to_string(), name);
        }
        assert_eq!(format!("[{:4}][{:>4}]", "a".shown(), "a".shown()), "[a   ][   a]");
    }

    #[test]
    fn control_characters_are_quoted_as_in_git() {
        for (name, expected) in [
            ("\x1b[2J", r#""\033[2J""#),
            ("a\nhint: b", r#""a\nhint: b""#),
            ("\t\"\\\u{7f}", r#""\t\"\\\177""#),
            ("\u{9b}31m", r#""\302\23331m""#),
            ("gpj.\u{202e}exe", r#""gpj.\342\200\256exe""#),
            ("\u{2028}\u{200b}\u{e0041}", r#""\342\200\250\342\200\213\363\240\201\201""#),
        ] {
            assert_eq!(name.shown().to_string(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn non_utf_8_bytes_are_shown_as_octal_escapes() {
        let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"a\xff.jpg");
        assert_eq!(name.shown().to_string(), r#""a\377.jpg""#);
    }

    #[test]
    fn hidden_characters_match_unicode_properties() {
        let class = r"[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Cf}]";
        // Joiners, variation selectors, and format characters with a visible shape: number signs and hieroglyphs.
        let kept = r"[\x{34F}\x{200C}\x{200D}\p{Variation_Selector}\p{Prepended_Concatenation_Mark}\x{13430}-\x{1343F}]";
        let hir = regex_syntax::parse(&format!("[{class}--{kept}]")).expect("a class");
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(expected)) =
            hir.into_kind()
        else {
            panic!("expected a class");
        };
        let is_expected =
            |c: char| expected.iter().any(|range| (range.start()..=range.end()).contains(&c));
        for letter in '\0'..=char::MAX {
            assert_eq!(is_hidden(letter), is_expected(letter), "{:?}", letter.escape_unicode());
        }
    }

    proptest! {
        #[test]
        fn shown_names_have_no_hidden_characters_and_are_distinct(one: String, other: String) {
            let [shown, of_other] = [&one, &other].map(|name| name.shown().to_string());
            prop_assert!(!shown.contains(is_hidden), "{shown:?}");
            // A file's name may itself look quoted. Git quotes it again, but messages need not.
            prop_assert!(one == other || one.starts_with('"') || other.starts_with('"') || shown != of_other);
        }
    }
}
