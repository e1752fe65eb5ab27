//! Removes secrets from messages of object stores: values of variables with credentials, and the secret parts of URLs
//! and answers.

use std::env;

use crate::location::without_secrets;

/// Prefixes of the names of variables that object stores read, by provider.
const OWNERS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// Words in the names of those variables whose values are secret.
const SECRETS: [&str; 5] = ["KEY", "TOKEN", "SECRET", "SAS", "PASSWORD"];

/// Maximum length of a message in characters, since an answer may be a whole page.
const LONGEST: usize = 300;

/// Returns `text` on one line and without secrets.
pub(crate) fn redact(text: &str) -> String {
    let secrets = env::vars_os().filter_map(|(name, value)| {
        let name = name.to_str()?;
        let is_secret = OWNERS.iter().any(|owner| name.starts_with(owner))
            && SECRETS.iter().any(|word| name.contains(word));
        is_secret.then(|| value.into_string().ok()).flatten()
    });
    redact_these(text, secrets)
}

fn redact_these(text: &str, secrets: impl Iterator<Item = String>) -> String {
    let mut text = in_few_words(text);
    for secret in secrets {
        // Shorter values, such as numeric settings, may be part of any word.
        if secret.len() >= 8 {
            text = text.replace(&secret, "...");
        }
    }
    let words = text.split_whitespace().map(|word| match word.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", without_secrets(rest)),
        None => word.to_owned(),
    });
    let text = words.collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Reduces an XML answer to its code and message. Other elements repeat what was signed, and the key that signed it.
fn in_few_words(text: &str) -> String {
    let Some(start) = text.find("<?xml").or_else(|| text.find("<Error>")) else {
        return text.to_owned();
    };
    let answer = &text[start..];
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let said: Vec<_> = ["Code", "Message"].into_iter().filter_map(element).collect();
    format!("{}{}", &text[..start], said.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted() {
        let text = "Error performing PUT https://user:hunter2@store.example/bucket/a?sig=hunter2 in 3ms\n- \
            403 Forbidden: <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>The \
            signature differs.</Message><AWSAccessKeyId>hunter2</AWSAccessKeyId></Error>";
        let expected = "Error performing PUT https://...@store.example/bucket/a?... in 3ms - 403 \
            Forbidden: SignatureDoesNotMatch: The signature differs.";
        assert_eq!(redact_these(text, std::iter::empty()), expected);
        let secret = || ["very secret key".to_owned(), "1".to_owned()].into_iter();
        assert_eq!(redact_these("with very secret key 1", secret()), "with ... 1");
        assert!(redact_these(&"page ".repeat(1_000), secret()).len() < LONGEST + 10);
    }
}
