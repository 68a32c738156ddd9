//! Markdown: headings, fenced and indented blocks.

use super::{PageBuilder, block_text, indent_of, looks_like_python, number};
use crate::pack::source::doctest;

/// Words behind a fence that mean Python; an empty one may mean anything and is tried.
const PYTHON: &[&str] = &[
    "",
    "python",
    "py",
    "python3",
    "pycon",
    "python-repl",
    "doctest",
    "py3",
];

pub(super) fn read(text: &str, page: &mut PageBuilder) {
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let stripped = line.trim_start();
        if let Some(fence) = fence(stripped) {
            let end = (at + 1..lines.len())
                .find(|i| lines.get(*i).is_some_and(|l| closes(l, fence)))
                .unwrap_or(lines.len());
            let language = stripped
                .trim_start_matches(['`', '~', '{', '.', ' '])
                .to_ascii_lowercase();
            let language = language.split([' ', '}', ',']).next().unwrap_or_default();
            if PYTHON.contains(&language) {
                page.block(&block_text(lines.get(at + 1..end).unwrap_or_default()));
            }
            at = end + 1;
            continue;
        }
        if let Some(title) = heading(stripped) {
            page.heading(title, number(at));
        } else if lines.get(at + 1).is_some_and(|next| underlines(next)) && !stripped.is_empty() {
            page.heading(stripped, number(at));
            at += 1;
        } else if doctest::is_prompt(line) {
            let end = (at..lines.len())
                .find(|i| lines.get(*i).is_none_or(|l| l.trim().is_empty()))
                .unwrap_or(lines.len());
            page.block(&block_text(lines.get(at..end).unwrap_or_default()));
            at = end;
            continue;
        } else if indent_of(line) >= 4 && looks_like_python(line) {
            let end = (at..lines.len())
                .find(|i| {
                    lines
                        .get(*i)
                        .is_some_and(|l| !l.trim().is_empty() && indent_of(l) < 4)
                })
                .unwrap_or(lines.len());
            page.block(&block_text(lines.get(at..end).unwrap_or_default()));
            at = end;
            continue;
        } else {
            page.prose(line);
        }
        at += 1;
    }
}

/// Mark and length of an opening fence.
fn fence(line: &str) -> Option<(char, usize)> {
    let mark = line.chars().next().filter(|c| *c == '`' || *c == '~')?;
    let length = line.chars().take_while(|c| *c == mark).count();
    let info = line.get(length..)?;
    (length >= 3 && !info.contains(mark)).then_some((mark, length))
}

fn closes(line: &str, (mark, length): (char, usize)) -> bool {
    let line = line.trim();
    line.chars().count() >= length && line.chars().all(|c| c == mark)
}

fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let title = title.strip_prefix(' ')?;
    (1..=6)
        .contains(&level)
        .then(|| title.trim().trim_end_matches('#').trim())
}

/// A line of `=` or of at least three `-` makes the line above it a heading.
fn underlines(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'))
}
