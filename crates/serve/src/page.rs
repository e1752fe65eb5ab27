//! The web page: three files without inline scripts or styles, so that the security policy can forbid all other code.

use hyper::header::HeaderValue;

/// Content security policy of every response.
pub(crate) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Returns the content type and text of the page's file at `path`, or `None` for other paths.
pub(crate) fn file(path: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "/" => ("text/html; charset=utf-8", include_str!("page/index.html")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page/page.css")),
        "/page.js" => ("text/javascript; charset=utf-8", include_str!("page/page.js")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_no_inline_code_or_external_resources() {
        let (_, html) = file("/").expect("a page");
        for part in ["<style", "style=", "onclick", "onload", "http:", "https:", "javascript:"] {
            assert!(!html.contains(part), "{part}");
        }
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/page.js\"") && script.contains("></script>"));
        }
        let (_, script) = file("/page.js").expect("a script");
        for part in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(part), "{part}");
        }
    }
}
