//! Hostile text made harmless for the place it goes to: a terminal, a Markdown page, a Python file. Pure. What the
//! program saves is written by models and taken from documents, so everything passes here before a person reads it.

use std::fmt::Write as _;

/// Control characters, those that turn the reading direction, and invisible ones: what a terminal obeys and what
/// hides text from a reader.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn replace(text: &str, keep: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) || !is_treacherous(c) {
            out.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    out
}

/// Text of several lines: line ends and tabs stay, everything else that a terminal would obey is spelled out.
#[must_use]
pub fn block(text: &str) -> String {
    replace(&text.replace("\r\n", "\n"), |c| matches!(c, '\n' | '\t'))
}

/// Text that must stay on one line: runs of white space become one space.
#[must_use]
pub fn line(text: &str) -> String {
    replace(&words(text), |_| false)
}

/// One line of at most `most` characters, with an ellipsis where some were left out.
#[must_use]
pub fn short(text: &str, most: usize) -> String {
    let line = line(text);
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line in which nothing is Markdown or HTML.
#[must_use]
pub fn markdown(text: &str) -> String {
    let line = line(text);
    let mut out = String::with_capacity(line.len());
    for (at, c) in line.chars().enumerate() {
        let special = matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '!' | '$'
        );
        // A list or a heading's underline begins with these; they are plain text further on.
        let leading = at == 0 && matches!(c, '-' | '+' | '=');
        // `12.` and `12)` at the start of a line number a list.
        let numbering = matches!(c, '.' | ')')
            && at > 0
            && line.chars().take(at).all(|before| before.is_ascii_digit());
        if special || leading || numbering {
            out.push('\\');
        }
        out.push(c);
    }
    // Bare addresses become links in many viewers.
    out.replace("://", ":\\//")
}

/// A fenced block that nothing inside can close.
#[must_use]
pub fn fenced(language: &str, text: &str) -> String {
    let text = block(text);
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    // Three is the shortest fence that Markdown knows.
    let fence = "`".repeat(3.max(longest + 1));
    let text = text.trim_end_matches('\n');
    format!("{fence}{language}\n{text}\n{fence}\n")
}

/// A code span on one line that nothing inside can close.
#[must_use]
pub fn span(text: &str) -> String {
    let text = line(text);
    let longest = text.split(|c| c != '`').map(str::len).max();
    let ticks = "`".repeat(1 + longest.unwrap_or_default());
    match text.as_str() {
        "" => String::new(),
        // Markdown takes one space off each side again.
        edge if edge.starts_with('`') || edge.ends_with('`') => format!("{ticks} {text} {ticks}"),
        _ => format!("{ticks}{text}{ticks}"),
    }
}

/// A Python string literal of plain ASCII whose value is exactly `text`.
#[must_use]
pub fn py_str(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            ' '..='~' => write!(out, "{c}"),
            _ => match u32::from(c) {
                code @ 0..=0xff => write!(out, "\\x{code:02x}"),
                code @ 0x100..=0xffff => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            },
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_sees_no_escape_and_no_hidden_text() {
        assert_eq!(
            block("a\x1b[31mred\x07\n\tb\r\nc\rd"),
            "a\\u{1b}[31mred\\u{7}\n\tb\nc\\u{d}d"
        );
        assert_eq!(line("one\n# two\r\x0b three"), "one # two three");
        assert_eq!(line("\u{202e}txt\u{9b}31m"), "\\u{202e}txt\\u{9b}31m");
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("abcd", 4), "abcd");
    }

    #[test]
    fn a_page_shows_markdown_as_text() {
        assert_eq!(
            markdown("# <b>x</b> [y](javascript:z) `c` *d* https://e"),
            "\\# \\<b\\>x\\</b\\> \\[y\\](javascript:z) \\`c\\` \\*d\\* https:\\//e"
        );
        assert_eq!(markdown("- a"), "\\- a");
        assert_eq!(markdown("12. a"), "12\\. a");
        assert_eq!(markdown("v 1.2"), "v 1.2");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(span("a`b``c"), "```a`b``c```");
        assert_eq!(span("`a"), "`` `a ``");
        assert_eq!(fenced("python", "x"), "```python\nx\n```\n");
        assert_eq!(fenced("", "a\n````\nb\n"), "`````\na\n````\nb\n`````\n");
    }

    proptest! {
        #[test]
        fn a_python_literal_is_one_ascii_line_that_only_its_end_closes(text in "\\PC*|.*|[\\\\\"'\n\r\u{0}\u{2028}{}]*") {
            let literal = py_str(&text);
            prop_assert!(literal.chars().all(|c| matches!(c, ' '..='~')));
            let inner = &literal[1..literal.len() - 1];
            let mut escaped = false;
            for c in inner.chars() {
                if escaped { escaped = false; } else if c == '\\' { escaped = true; } else { prop_assert!(c != '"'); }
            }
            prop_assert!(!escaped);
        }

        #[test]
        fn one_line_stays_one_line(text in ".*|[\r\n\u{b}\u{c}\u{85}\u{2028}#\\\\]*") {
            let harmless = line(&text).chars().all(|c| !c.is_control() && c != '\u{2028}');
            prop_assert!(harmless);
        }
    }
}
