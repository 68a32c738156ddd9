//! HTML, read by its tags alone: headings, preformatted blocks, and everything else as prose.

use super::{PageBuilder, block_text, number};

/// Tags whose contents are no text.
const HIDDEN: &[&str] = &["script", "style", "head", "template", "svg"];
/// Tags that end a line of prose.
const BREAKS: &[&str] = &[
    "p", "li", "br", "div", "tr", "dt", "dd", "ul", "ol", "table", "section", "article",
];
/// Longest entity, in bytes.
const MOST_ENTITY: usize = 10;

pub(super) fn read(text: &str, page: &mut PageBuilder) {
    let mut rest = text;
    let mut line = 0;
    let mut buffer = String::new();
    let mut within = Within::Prose;
    while let Some(open) = rest.find('<') {
        let (before, tail) = rest.split_at(open);
        take(before, &mut buffer, &within);
        line += before.matches('\n').count();
        let close = tail.find('>').map_or(tail.len(), |c| c + 1);
        let (tag, after) = if tail.starts_with("<!--") {
            let end = tail.find("-->").map_or(tail.len(), |c| c + 3);
            tail.split_at(end)
        } else {
            tail.split_at(close)
        };
        rest = after;
        let at = line;
        line += tag.matches('\n').count();
        let closing = tag.starts_with("</");
        let name = tag_name(tag);
        match &within {
            Within::Hidden(hidden) => {
                if closing && name == *hidden {
                    within = Within::Prose;
                    buffer.clear();
                }
            }
            Within::Pre if closing && name == "pre" => {
                let lines: Vec<&str> = buffer.lines().collect();
                page.block(&block_text(&lines));
                buffer.clear();
                within = Within::Prose;
            }
            Within::Heading(start) if closing && is_heading(&name) => {
                page.heading(&words(&buffer), number(*start));
                buffer.clear();
                within = Within::Prose;
            }
            Within::Pre | Within::Heading(_) => {}
            Within::Prose => {
                let hides = !closing && HIDDEN.contains(&name.as_str()) && !tag.ends_with("/>");
                let starts = hides || (!closing && (name == "pre" || is_heading(&name)));
                if starts || BREAKS.contains(&name.as_str()) {
                    flush(&mut buffer, page);
                }
                if hides {
                    within = Within::Hidden(name);
                } else if starts && name == "pre" {
                    within = Within::Pre;
                } else if starts {
                    within = Within::Heading(at);
                }
            }
        }
    }
    take(rest, &mut buffer, &within);
    flush(&mut buffer, page);
}

enum Within {
    Prose,
    Pre,
    /// Line on which it began, counted from 0.
    Heading(usize),
    Hidden(String),
}

fn take(text: &str, buffer: &mut String, within: &Within) {
    if !matches!(within, Within::Hidden(_)) {
        decode(text, buffer);
    }
}

fn flush(buffer: &mut String, page: &mut PageBuilder) {
    let text = words(buffer);
    if !text.is_empty() {
        page.prose(&text);
        page.prose("");
    }
    buffer.clear();
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

fn tag_name(tag: &str) -> String {
    tag.trim_start_matches(['<', '/'])
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Appends `text` with its entities replaced; unknown ones stay.
fn decode(text: &str, buffer: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, tail) = rest.split_at(at);
        buffer.push_str(before);
        let end = tail.bytes().take(MOST_ENTITY).position(|b| b == b';');
        let char = end.and_then(|e| tail.get(1..e)).and_then(entity);
        let (text, used) = match (char, end) {
            (Some(char), Some(end)) => (char, end + 1),
            (None, _) | (_, None) => ('&', 1),
        };
        buffer.push(text);
        rest = tail.get(used..).unwrap_or_default();
    }
    buffer.push_str(rest);
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
