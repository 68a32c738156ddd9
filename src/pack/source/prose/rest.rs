//! reStructuredText, and plain text, which is read as if it were that.

use super::{PageBuilder, block_text, indent_of, looks_like_python, number};
use crate::pack::source::doctest;

/// Directives whose contents are code.
const CODE: &[&str] = &[
    "code",
    "code-block",
    "sourcecode",
    "testcode",
    "doctest",
    "testsetup",
];
/// Directives that document a name.
const DOCUMENTS: &[&str] = &[
    "function",
    "class",
    "method",
    "data",
    "exception",
    "decorator",
    "attribute",
];
/// Arguments of a code directive that mean Python.
const PYTHON: &[&str] = &["", "python", "python3", "py", "pycon", "pycon3", "default"];

pub(super) fn read(text: &str, page: &mut PageBuilder) {
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    // Indentation of the literal block that `::` announced.
    let mut literal: Option<usize> = None;
    let mut documents: Option<(usize, String)> = None;
    while let Some(line) = lines.get(at) {
        let indent = indent_of(line);
        let blank = line.trim().is_empty();
        if let Some(announced) = literal
            && !blank
        {
            literal = None;
            if indent > announced {
                let end = block_end(&lines, at, announced);
                let block = lines.get(at..end).unwrap_or_default();
                if block
                    .iter()
                    .any(|l| doctest::is_prompt(l) || looks_like_python(l))
                {
                    page.block(&block_text(block));
                }
                at = end;
                continue;
            }
        }
        if let Some((name, argument)) = directive(line) {
            at = read_directive(&lines, at, name, argument, page, &mut documents);
            continue;
        }
        if let Some((depth, parent)) = documents.take() {
            if !blank && indent <= depth {
                // The directive's contents are over: back to the section around it.
                page.heading(&parent, number(at));
            } else {
                documents = Some((depth, parent));
            }
        }
        if doctest::is_prompt(line) {
            let end = (at..lines.len())
                .find(|i| lines.get(*i).is_none_or(|l| l.trim().is_empty()))
                .unwrap_or(lines.len());
            page.block(&block_text(lines.get(at..end).unwrap_or_default()));
            at = end;
            continue;
        }
        if !blank && lines.get(at + 1).is_some_and(|next| underlines(next, line)) {
            documents = None;
            page.heading(line, number(at));
            at += 2;
            continue;
        }
        if indent >= 4 && looks_like_python(line) && documents.is_none() {
            let end = block_end(&lines, at, indent - 1);
            page.block(&block_text(lines.get(at..end).unwrap_or_default()));
            at = end;
            continue;
        }
        if is_rule(line) {
            at += 1;
            continue;
        }
        if let Some(before) = line.trim_end().strip_suffix("::") {
            literal = Some(indent);
            // `text::` shows one colon, `text ::` none.
            let colon = if before.ends_with(char::is_whitespace) {
                ""
            } else {
                ":"
            };
            if !before.trim().is_empty() {
                page.prose(&format!("{}{colon}", before.trim()));
            }
        } else {
            page.prose(line.trim());
        }
        at += 1;
    }
}

/// Takes one directive; returns the line to go on with.
fn read_directive(
    lines: &[&str],
    at: usize,
    name: &str,
    argument: &str,
    page: &mut PageBuilder,
    documents: &mut Option<(usize, String)>,
) -> usize {
    let indent = lines.get(at).map_or(0, |l| indent_of(l));
    if CODE.contains(&name) {
        let end = block_end(lines, at + 1, indent);
        let body = lines.get(at + 1..end).unwrap_or_default();
        let options = body
            .iter()
            .take_while(|l| l.trim_start().starts_with(':'))
            .count();
        if PYTHON.contains(&argument) || !name.contains("code") {
            page.block(&block_text(body.get(options..).unwrap_or_default()));
        }
        return end;
    }
    if name == "module" || name == "currentmodule" {
        page.page.module = Some(argument.to_owned()).filter(|a| !a.is_empty());
    } else if DOCUMENTS.contains(&name) && indent == 0 {
        let parent = match documents.take() {
            Some((_, parent)) => parent,
            None => page.current.title.clone(),
        };
        page.heading(argument, number(at));
        page.current.documents = (name == "function").then(|| {
            argument
                .split('(')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        });
        *documents = Some((indent, parent));
    }
    at + 1
}

/// Line behind the block of lines that are blank or indented more than `indent`.
fn block_end(lines: &[&str], from: usize, indent: usize) -> usize {
    (from..lines.len())
        .find(|i| {
            lines
                .get(*i)
                .is_some_and(|l| !l.trim().is_empty() && indent_of(l) <= indent)
        })
        .unwrap_or(lines.len())
}

/// Name without its domain, and argument, of `.. name:: argument`.
fn directive(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim_start().strip_prefix(".. ")?;
    let (name, argument) = rest.split_once("::")?;
    let name = name.rsplit(':').next().unwrap_or(name).trim();
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| (name, argument.trim()))
}

/// A line of one repeated mark, at least as long as the title above it.
fn underlines(line: &str, title: &str) -> bool {
    is_rule(line)
        && !is_rule(title)
        && line.trim_end().chars().count() >= title.trim_end().chars().count()
}

fn is_rule(line: &str) -> bool {
    let line = line.trim_end();
    let mut chars = line.chars();
    let first = chars.next();
    line.len() >= 3
        && first.is_some_and(|c| c.is_ascii_punctuation() && c != '>' && c != '.')
        && chars.all(|c| Some(c) == first)
}
