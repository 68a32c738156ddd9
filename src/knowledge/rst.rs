//! reStructuredText: sections at underlined titles and at the definitions that Sphinx documents. Called by `read`; pure.
//!
//! Not a full parser: titles and flush-left definition directives are all that chunks need, and a text that breaks
//! every rule of the format still yields sections.

use super::chunk::{HeadingPath, Section, between};

/// Directives whose argument is a definition of its own.
const DEFINITIONS: [&str; 12] = [
    "function",
    "class",
    "method",
    "classmethod",
    "staticmethod",
    "attribute",
    "data",
    "exception",
    "decorator",
    "module",
    "property",
    "describe",
];
/// Definitions stand below every title.
const DEFINITION_LEVEL: usize = 100;

pub(crate) fn sections(text: &str) -> Vec<Section> {
    let lines = lines(text);
    let mut cuts = Vec::new();
    let mut path = HeadingPath::default();
    // Levels in the order in which their style first appears, as the format defines it.
    let mut styles: Vec<(char, bool)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if let Some(title) = title_at(&lines, at) {
            let style = (title.mark, title.overlined);
            let level = styles.iter().position(|&s| s == style).unwrap_or_else(|| {
                styles.push(style);
                styles.len() - 1
            });
            cuts.push((lines[at].0, path.open(level, &plain(title.text))));
            at += title.lines;
            continue;
        }
        if let Some(signature) = definition(lines[at].1) {
            cuts.push((lines[at].0, path.open(DEFINITION_LEVEL, &signature)));
        }
        at += 1;
    }
    between(cuts, "", text.len())
}

/// Each line with its start, without its end.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        lines.push((start, line.trim_end()));
        start += line.len();
    }
    lines
}

struct Title<'a> {
    text: &'a str,
    mark: char,
    overlined: bool,
    lines: usize,
}

/// The title that starts at this line, if one does.
fn title_at<'a>(lines: &[(usize, &'a str)], at: usize) -> Option<Title<'a>> {
    let line = |n: usize| lines.get(n).map(|&(_, line)| line);
    let previous_blank = at == 0 || lines[at - 1].1.is_empty() || lines[at - 1].1.starts_with("..");
    if !previous_blank {
        return None;
    }
    let first = line(at)?;
    if let Some(mark) = rule(first) {
        let text = line(at + 1)?.trim();
        let closed = rule(line(at + 2)?) == Some(mark);
        return (closed && !text.is_empty() && rule(text).is_none()).then_some(Title {
            text,
            mark,
            overlined: true,
            lines: 3,
        });
    }
    let flush = first.chars().next().is_some_and(|c| !c.is_whitespace());
    let under = line(at + 1)?;
    let mark = rule(under)?;
    // A rule shorter than the title is an error of the format that writers make all the time; a very short one is text.
    let long_enough =
        under.chars().count() >= 4.min(first.chars().count()) && under.chars().count() >= 2;
    (flush && long_enough).then_some(Title {
        text: first,
        mark,
        overlined: false,
        lines: 2,
    })
}

/// The punctuation mark of a line that consists of nothing else.
fn rule(line: &str) -> Option<char> {
    let mark = line.chars().next()?;
    let whole = line.len() >= 2 && mark.is_ascii_punctuation() && line.chars().all(|c| c == mark);
    // Dots and colons alone are markup, not rules.
    (whole && !(line == ".." || line == "::" || line == "...")).then_some(mark)
}

/// The signature of `.. function:: name(args)`, with or without a domain, at the left margin.
fn definition(line: &str) -> Option<String> {
    let rest = line.strip_prefix(".. ")?;
    let (directive, signature) = rest.split_once("::")?;
    // Domains: `py:function`, `c:function`; old Sphinx also wrote `cfunction`.
    let name = directive.rsplit(':').next().unwrap_or(directive).trim();
    let name = name
        .strip_prefix('c')
        .filter(|n| DEFINITIONS.contains(n))
        .unwrap_or(name);
    let signature = signature.trim();
    (DEFINITIONS.contains(&name) && !signature.is_empty() && name != "module")
        .then(|| plain(signature))
}

/// A title without the markup of roles: ``:mod:`heapq` `` is `heapq`.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(tick) = rest.find('`') {
        let before = &rest[..tick];
        let role = before.ends_with(':').then(|| {
            let inner = &before[..before.len() - 1];
            inner.rfind(':').filter(|&start| {
                inner[start + 1..]
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, ':' | '-' | '_'))
            })
        });
        match role.flatten() {
            Some(start) => out.push_str(&before[..start]),
            None => out.push_str(before),
        }
        rest = &rest[tick + 1..];
    }
    out.push_str(rest);
    // Escapes of the format, and `!` before a name that must not become a link.
    let out = out.replace("\\ ", "").replace(" !", " ").replace('\\', "");
    let out = out.strip_prefix('!').unwrap_or(&out);
    out.replace("--", "—").replace("—-", "—")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(text: &str) -> Vec<String> {
        sections(text).into_iter().map(|s| s.heading).collect()
    }

    #[test]
    fn underlines_give_levels_in_the_order_of_their_first_use() {
        let text = "*****\nTop\n*****\n\nintro\n\nPart\n====\n\na\n\nSub\n---\n\nb\n\nPart 2\n======\n\nc\n";
        assert_eq!(
            headings(text),
            ["Top", "Top > Part", "Top > Part > Sub", "Top > Part 2"]
        );
    }

    #[test]
    fn definitions_are_sections_of_their_own_and_close_at_the_next_title() {
        let text = ":mod:`heapq` --- Heaps\n======================\n\n.. module:: heapq\n\n.. function:: heappush(heap, item)\n\n   Push.\n\nTheory\n------\n\nx\n";
        assert_eq!(
            headings(text),
            [
                "heapq — Heaps",
                "heapq — Heaps > heappush(heap, item)",
                "heapq — Heaps > Theory"
            ]
        );
    }

    #[test]
    fn titles_lose_the_markup_of_the_format() {
        assert_eq!(
            plain(":mod:`!contextlib` --- for :keyword:`!with`\\ -blocks"),
            "contextlib — for with-blocks"
        );
        assert_eq!(plain("f(a, *, \\"), "f(a, *, ");
    }

    #[test]
    fn tables_and_transitions_are_no_titles() {
        assert_eq!(headings("a\n\n----------\n\nb\n"), [""]);
        assert_eq!(
            headings("=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n"),
            [""]
        );
        assert_eq!(headings("a::\n\n   x\n   ==\n"), [""]);
    }
}
