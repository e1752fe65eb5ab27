//! Code blocks of a README.

/// Returns the first block with the info string `info`.
pub(crate) fn first_block(readme: &str, info: &str) -> Option<String> {
    blocks(readme).find(|(found, _)| *found == info).map(|(_, code)| code)
}

/// Returns the examples of a README that rustdoc compiles, with their hidden lines.
pub(crate) fn examples(readme: &str) -> Vec<String> {
    let rust = blocks(readme).filter(|(info, _)| matches!(*info, "rust" | "rust,no_run"));
    rust.map(|(_, code)| with_hidden_lines(&code)).collect()
}

/// Returns the info string and the content of every fenced block.
fn blocks(readme: &str) -> impl Iterator<Item = (&str, String)> {
    let mut lines = readme.lines();
    std::iter::from_fn(move || {
        let info = lines.by_ref().find_map(|line| line.strip_prefix("```"))?;
        let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        Some((info, content.join("\n")))
    })
}

/// Returns the code with the lines that rustdoc hides.
fn with_hidden_lines(code: &str) -> String {
    let shown = |line: &str| match line {
        "#" => String::new(),
        line => line.strip_prefix("# ").unwrap_or(line).to_owned(),
    };
    code.lines().map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_info_string() {
        let readme = "a\n```toml\nb = 1\n```\n```rust,no_run\n# c();\nd();\n```\n```text\ne\n```\n";
        assert_eq!(first_block(readme, "toml").as_deref(), Some("b = 1"));
        assert_eq!(first_block(readme, "sh"), None);
        assert_eq!(examples(readme), ["c();\nd();"]);
    }
}
