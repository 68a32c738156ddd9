//! The text of a dream's three files, made from what was verified. Pure: the same dream always gives the same bytes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::escape;
use crate::dream::{DreamRecord, Generator, Scenario, Tier};
use crate::ids::DreamId;

/// Longest description line in a header: fits a wide editor.
const HEADER_WIDTH: usize = 110;

pub(super) fn code_file(dream: &DreamId) -> String {
    format!("dream_{dream}.py")
}

pub(super) fn test_file(dream: &DreamId) -> String {
    format!("test_dream_{dream}.py")
}

pub(super) fn record_file(dream: &DreamId) -> String {
    format!("dream_{dream}.json")
}

/// The solution under a header of comments. The first two lines are ours alone: Python looks there for an encoding,
/// and a title must not be able to name one.
pub(super) fn code_text(
    dream: &DreamId,
    scenario: &Scenario,
    tier: Tier,
    generator: Generator,
    code: &str,
) -> String {
    let mut out = format!(
        "# Dream {dream}\n# Synthetic code, proven {} by its checks; written by: {}.\n#\n",
        tier.as_str(),
        match generator {
            Generator::Llm => "a language model",
            Generator::Source => "the owner's own documents",
            Generator::Offline => "the offline pack",
        },
    );
    for (name, text) in [("Title", &scenario.title), ("Task", &scenario.task_prompt)] {
        let words = escape::line(text);
        if !words.is_empty() {
            for line in wrapped(&format!("{name}: {words}"), HEADER_WIDTH) {
                out.push_str("# ");
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    out.push_str("\n\n");
    out.push_str(code);
    if !code.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Lines of at most `width` characters, broken at spaces where there are some.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > width {
            lines.push(String::new());
            length = 0;
        }
        if let Some(line) = lines.last_mut() {
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
        }
    }
    lines
}

/// The commit mark's text.
pub(super) fn record_text(record: &DreamRecord) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    Ok(text)
}

/// File name to SHA-256, as the record holds it.
pub(super) fn hashes(files: [(String, &str); 2]) -> BTreeMap<String, String> {
    files
        .into_iter()
        .map(|(name, text)| (name, sha256(text.as_bytes())))
        .collect()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(title: &str) -> String {
        let scenario = Scenario {
            title: title.to_owned(),
            task_prompt: "Add\ntwo numbers.".to_owned(),
            ..Scenario::default()
        };
        let id = DreamId::parse("0123456789abcdef").expect("an id");
        code_text(&id, &scenario, Tier::Gold, Generator::Llm, "x = 1")
    }

    #[test]
    fn the_header_is_comments_whatever_the_title_says() {
        for title in [
            "evil\nimport os",
            "evil\rimport os",
            "a\x0cb\x1b[2J\u{85}\u{2028}import os",
            "ends in \\",
            "\"\"\"'''",
        ] {
            let text = header(title);
            let (head, code) = text.split_once("\n\n\n").expect("header and code");
            assert!(
                head.split(['\n', '\r']).all(|line| line.starts_with('#')),
                "{head}"
            );
            assert_eq!(code, "x = 1\n");
        }
    }

    #[test]
    fn a_title_cannot_name_the_files_encoding() {
        let text = header("coding: utf-7");
        assert!(text.lines().take(2).all(|line| !line.contains("coding:")));
    }

    #[test]
    fn long_words_stay_whole_and_lines_break_at_spaces() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aaaaaaaa b", 5), ["aaaaaaaa", "b"]);
    }
}
