//! Docstrings: what Python sees of them, and what is left without their examples; pure.

use tree_sitter::Node;

use super::doctest;
use super::syntax::{named_children, preorder, text_of};

/// Headings in docstrings that announce nothing but examples.
const EXAMPLE_HEADINGS: &[&str] = &[
    "example",
    "examples",
    "usage",
    "doctest",
    "doctests",
    "for example",
];

/// The docstring of a body as Python sees it, without common indentation.
pub(super) fn docstring(body: Node, source: &str) -> Option<String> {
    let first = named_children(body)
        .into_iter()
        .find(|n| n.kind() != "comment")?;
    let (content, raw) = string_content(first, source)?;
    let text = source.get(content)?;
    let text = if raw {
        text.to_owned()
    } else {
        unescaped(text)
    };
    Some(dedented(&text))
}

/// Range of the text of a statement that is nothing but a string, and whether the string is a raw one.
fn string_content(statement: Node, source: &str) -> Option<(std::ops::Range<usize>, bool)> {
    if statement.kind() != "expression_statement" || statement.named_child_count() != 1 {
        return None;
    }
    let string = statement.named_child(0).filter(|n| n.kind() == "string")?;
    let parts = named_children(string);
    let start = parts.iter().find(|n| n.kind() == "string_start")?;
    let end = parts.iter().find(|n| n.kind() == "string_end")?;
    let prefix = text_of(*start, source).to_ascii_lowercase();
    let plain = !prefix.contains('f') && !prefix.contains('b') && !prefix.contains('t');
    plain.then(|| (start.end_byte()..end.start_byte(), prefix.contains('r')))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('\n') | None => {}
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(same @ ('\\' | '\'' | '"')) => plain.push(same),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}

/// First line trimmed, the others without the white space they share.
pub(super) fn dedented(text: &str) -> String {
    let shared = text
        .lines()
        .skip(1)
        .filter(|l| !l.trim().is_empty())
        .map(|l| l.len() - l.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let cut = if index == 0 {
            line.trim_start()
        } else {
            line.get(shared..).unwrap_or_default()
        };
        lines.push(cut.trim_end());
    }
    lines.join("\n").trim().to_owned()
}

/// Prose without headings that have lost their examples, at most one blank line in a row.
pub(super) fn without_headings(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        let word = line.trim().trim_end_matches(':').to_ascii_lowercase();
        let underline = !line.trim().is_empty()
            && line
                .trim()
                .chars()
                .all(|c| c == '-' || c == '=' || c == '~');
        let orphan = EXAMPLE_HEADINGS.contains(&word.as_str())
            || (underline && kept.last().is_none_or(|l| l.trim().is_empty()));
        let doubled = line.trim().is_empty() && kept.last().is_none_or(|l| l.trim().is_empty());
        if !orphan && !doubled {
            kept.push(line);
        }
    }
    kept.join("\n").trim().to_owned()
}

/// A statement's code, its docstrings without their doctests.
pub(super) fn without_doctests(statement: Node, source: &str) -> String {
    let mut code = String::new();
    let mut at = statement.start_byte();
    for node in preorder(statement, |n| n.kind() != "expression_statement") {
        let Some((content, _)) = string_content(node, source) else {
            continue;
        };
        let text = source.get(content.clone()).unwrap_or_default();
        if !text.lines().any(doctest::is_prompt) {
            continue;
        }
        let mut prose = without_headings(&doctest::without(text));
        if prose.contains('\n') {
            // The closing quotes stand where they stood before.
            let indent = " ".repeat(node.start_position().column);
            prose.push('\n');
            prose.push_str(&indent);
        } else if prose.is_empty() {
            prose.push(' ');
        }
        code.push_str(source.get(at..content.start).unwrap_or_default());
        code.push_str(&prose);
        at = content.end;
    }
    code.push_str(source.get(at..statement.end_byte()).unwrap_or_default());
    code
}
