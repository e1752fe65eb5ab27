//! Parser for a complete `multipart/form-data` body (RFC 7578) in memory. Parts are slices of the body, not copies.

use hyper::body::Bytes;
use memchr::memmem::{Finder, find};

use crate::form_error::FormError;

/// Maximum number of header lines of a part.
const HEADERS: usize = 16;

/// Maximum bytes of a part's header, not counting the file name.
const HEADER: usize = 4 << 10;

/// Limits of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormLimits {
    pub(crate) files: usize,
    /// Maximum length of a file name, in bytes.
    pub(crate) name: usize,
}

/// A file in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) file_name: String,
    pub(crate) content: Bytes,
}

/// Returns the boundary between the parts if the content type is multipart, otherwise `None`.
///
/// # Errors
///
/// Returns an error if the type is multipart but not `multipart/form-data`, or if it has no valid boundary.
pub(crate) fn boundary(content_type: &str) -> Result<Option<String>, FormError> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if !kind.to_ascii_lowercase().starts_with("multipart/") {
        return Ok(None);
    }
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return Err(FormError::OtherType(kind.to_owned()));
    }
    match parameter(content_type, "boundary") {
        Some(boundary) if (1..=70).contains(&boundary.len()) => Ok(Some(boundary)),
        _ => Err(FormError::Boundary("`Content-Type` needs a boundary of 1 to 70 characters")),
    }
}

/// Returns the files in `body`. Stops after one file more than `most.files`, which shows that the form has too many.
///
/// # Errors
///
/// Returns an error if the body is not a form, or if one of its parts is not a file.
pub(crate) fn parts(
    body: &Bytes,
    boundary: &str,
    most: FormLimits,
) -> Result<Vec<Part>, FormError> {
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = Finder::new(delimiter.as_bytes());
    let cut = || FormError::CutShort("before the last boundary");
    // The first boundary needs no line break before it.
    let first = &delimiter.needle()[2..];
    let mut at = if body.starts_with(first) {
        first.len()
    } else {
        let found = delimiter
            .find(body)
            .ok_or(FormError::Boundary("the body does not contain the boundary"))?;
        found + delimiter.needle().len()
    };
    let mut parts = vec![];
    while parts.len() <= most.files {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            break;
        }
        let line = find(rest, b"\r\n").ok_or_else(cut)?;
        if !rest[..line].iter().all(|byte| b" \t".contains(byte)) {
            return Err(FormError::Boundary("unexpected bytes after a boundary"));
        }
        at += line + 2;
        let (length, file_name) = head(&body[at..], most.name)?;
        let begin = at + length;
        let end = begin + delimiter.find(&body[begin..]).ok_or_else(cut)?;
        parts.push(Part { file_name, content: body.slice(begin..end) });
        at = end + delimiter.needle().len();
    }
    Ok(parts)
}

/// Returns the length of a part's header, including the empty line that ends it, and the file name in it.
fn head(part: &[u8], most: usize) -> Result<(usize, String), FormError> {
    // A quotation mark in a file name takes three bytes in the header (`%22`).
    let longest = HEADER + 3 * most;
    let part = &part[..part.len().min(longest)];
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let (length, headers) = match httparse::parse_headers(part, &mut headers) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) if part.len() == longest => {
            return Err(FormError::HeaderTooLong(longest));
        }
        Ok(httparse::Status::Partial) => return Err(FormError::CutShort("in a part's header")),
        Err(error) => return Err(FormError::Header(error)),
    };
    let disposition = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-disposition"))
        .map(|header| String::from_utf8_lossy(header.value));
    let name = disposition.and_then(|disposition| parameter(&disposition, "filename"));
    match name {
        // Browsers write a quotation mark as `%22`.
        Some(name) if !name.is_empty() => {
            let name = name.replace("%22", "\"");
            if name.len() > most {
                let found = name.len();
                return Err(FormError::NameTooLong { found, most });
            }
            Ok((length, name))
        }
        _ => Err(FormError::NoName),
    }
}

/// Returns the value of a parameter in a header value such as `first; name=value; other="quoted \" value"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (key, value) = rest.split_once('=')?;
        let found;
        (found, rest) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, rest) = value.split_once(';').unwrap_or((value, ""));
                (value.trim().to_owned(), rest)
            }
        };
        if key.trim_matches([';', ' ', '\t']).eq_ignore_ascii_case(name) {
            return Some(found);
        }
    }
}

/// Returns the text up to the closing quotation mark, and the rest after it. A backslash escapes only a quotation mark
/// or a backslash. Before other characters it is the path separator of some systems.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return Some((text, rest.as_str())),
            '\\' if rest.as_str().starts_with(['"', '\\']) => text.extend(rest.next()),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: FormLimits = FormLimits { files: 9, name: 100 };

    /// Returns a form with these files, as browsers write it.
    fn form(files: &[(&str, &[u8])]) -> Bytes {
        let mut body = vec![];
        for (name, content) in files {
            body.extend_from_slice(
                b"--limit\r\nContent-Disposition: form-data; name=\"files\"; filename=\"",
            );
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(b"\"\r\nContent-Type: image/jpeg\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--limit--\r\n");
        body.into()
    }

    proptest! {
        #[test]
        fn form_files_round_trip(
            contents in prop::collection::vec(prop::collection::vec(prop::sample::select(b"\r\n-limt\0a".to_vec()), 0..40), 0..5),
        ) {
            prop_assume!(contents.iter().all(|content| find(content, b"\r\n--limit").is_none()));
            let files: Vec<(&str, &[u8])> = contents.iter().map(|content| ("a.jpg", &content[..])).collect();
            let found = parts(&form(&files), "limit", MOST).expect("a form");
            let found: Vec<&[u8]> = found.iter().map(|part| &part.content[..]).collect();
            prop_assert_eq!(found, contents);
        }

        #[test]
        fn truncated_forms_are_errors_and_random_ones_do_not_panic(
            cut in 0usize..200, noise in prop::collection::vec(prop::sample::select(b"\r\n-limt: ;=\"\\".to_vec()), 0..60),
        ) {
            let whole = form(&[("a.jpg", b"one"), ("b.jpg", b"")]);
            // Bytes after the last boundary are ignored.
            let cut = cut.min(whole.len() - 5);
            prop_assert!(parts(&whole.slice(..cut), "limit", MOST).is_err());
            let _ = parts(&[b"--limit\r\n", &noise[..]].concat().into(), "limit", MOST);
            let _ = parameter(&String::from_utf8_lossy(&noise), "t");
        }
    }

    #[test]
    fn file_names_from_browsers_and_curl_are_decoded() {
        let names = |written: &str| {
            let parts = parts(&form(&[(written, b"")]), "limit", MOST);
            parts.map(|parts| parts[0].file_name.clone())
        };
        for (written, expected) in [
            ("Zürich.jpg", "Zürich.jpg"),
            ("a; filename=b.jpg", "a; filename=b.jpg"),
            ("a%22b.jpg", "a\"b.jpg"),
            (r#"a\"b\\c.jpg"#, r#"a"b\c.jpg"#),
            (r"C:\images\1.jpg", r"C:\images\1.jpg"),
        ] {
            assert_eq!(names(written).as_deref(), Ok(expected));
        }
        assert_eq!(names(""), Err(FormError::NoName));
        assert_eq!(names(&"%22".repeat(100)), Ok("\"".repeat(100)));
        let long = names(&"a".repeat(101));
        assert_eq!(long, Err(FormError::NameTooLong { found: 101, most: 100 }));
        let longer = names(&"a".repeat(10_000)).expect_err("a header that is too long");
        assert_eq!(longer, FormError::HeaderTooLong(4396));
        let plain = "form-data; name=files ;filename = a.jpg ; x=y";
        assert_eq!(parameter(plain, "FileName").as_deref(), Some("a.jpg"));
        assert_eq!(parameter("form-data; xfilename=a", "filename"), None);
    }

    #[test]
    fn preamble_and_epilogue_are_ignored() {
        let whole = form(&[("a.jpg", b"one"), ("b.jpg", b"two")]);
        let around: Bytes = [b"a preamble\r\n", &whole[..], b"--limit\r\nno part"].concat().into();
        assert_eq!(parts(&around, "limit", MOST), parts(&whole, "limit", MOST));
        assert_eq!(parts(&whole, "limit", MOST).map(|parts| parts.len()), Ok(2));
        assert_eq!(
            parts(&form(&[("a.jpg", &b""[..]); 9]), "limit", FormLimits { files: 3, ..MOST })
                .map(|parts| parts.len()),
            Ok(4)
        );
    }

    #[test]
    fn boundary_is_read_only_from_form_data() {
        let of = |content_type| boundary(content_type).map(|boundary| boundary.unwrap_or_default());
        assert_eq!(of("multipart/form-data; boundary=abc"), Ok("abc".into()));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Ok("a b".into()));
        assert_eq!(of("image/jpeg"), Ok(String::new()));
        assert_eq!(of(""), Ok(String::new()));
        assert!(of("multipart/mixed; boundary=abc").is_err());
        assert!(of("multipart/form-data").is_err());
        assert!(of(&format!("multipart/form-data; boundary={}", "a".repeat(71))).is_err());
    }
}
