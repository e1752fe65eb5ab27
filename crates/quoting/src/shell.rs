//! Quotes words of commands that people copy into a shell.

use std::ffi::OsStr;

use crate::shown::{escaped, plain};

/// Returns the word quoted so that POSIX shells read exactly this text.
///
/// A word that starts with a dash gets `./` in front, so that no program reads it as a flag. A word with control
/// characters or bytes that are not UTF-8 is written as `$'...'`. That is in POSIX since 2024; bash, zsh and ksh had it
/// before.
///
/// # Examples
///
/// ```
/// use quoting::argument;
///
/// assert_eq!(argument("runs/train-2"), "runs/train-2");
/// assert_eq!(argument("it's"), r"'it'\''s'");
/// assert_eq!(argument("-f"), "./-f");
/// ```
#[doc(alias = "shell_escape")]
#[doc(alias = "shell_quote")]
#[doc(alias = "shlex")]
pub fn argument(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().as_encoded_bytes();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-:,+@".contains(letter);
    let quoted = match plain(word, &[]) {
        Some("") => "''".to_owned(),
        Some(text) if text.chars().all(is_plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => format!("$'{}'", escaped(word, &['\'', '\\'], &[])),
    };
    if word.starts_with(b"-") { format!("./{quoted}") } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_only_if_needed() {
        for (word, expected) in [
            ("runs/train-2", "runs/train-2"),
            ("s3://bucket/a", "s3://bucket/a"),
            ("my cats", "'my cats'"),
            ("it's", r"'it'\''s'"),
            ("$(rm -rf .)", "'$(rm -rf .)'"),
            ("~", "'~'"),
            ("-f", "./-f"),
            ("", "''"),
            ("a\nb'\\\x1b", r"$'a\nb\'\\\033'"),
        ] {
            assert_eq!(argument(word), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn quoted_arguments_round_trip_through_bash() {
        use std::os::unix::ffi::OsStrExt;
        let words: [&[u8]; 8] = [
            b"a b",
            b"it's \"quoted\"",
            b"$HOME `id` $(id) ; & | > < * ? [a] {a,b} # ! ~ \\",
            b"a\nhint: run this\x1b[31m\x07\x01",
            b"not UTF-8: \xff\xfe7",
            "\u{202e}\u{9b}1\u{200b}".as_bytes(),
            "été 猫".as_bytes(),
            b"",
        ];
        for word in words {
            let script = format!("printf %s {}", argument(OsStr::from_bytes(word)));
            let output = std::process::Command::new("bash").args(["-c", &script]).output();
            assert_eq!(output.expect("bash").stdout, word, "{script}");
        }
    }
}
