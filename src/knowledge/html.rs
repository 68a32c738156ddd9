//! HTML: what a reader sees, line for line, with sections at headings. Called by `read`; pure.
//!
//! Scripts, styles and navigation are left out; `<pre>` keeps its white space, so that doctests in it survive. The text
//! keeps to the file's own line numbers as far as it can; `line_of` tells the rest.

use tree_sitter::Node;

use super::chunk::{HeadingPath, Parsed, between};
use super::source::parse;
use crate::dream::FragmentKind;

/// Elements whose content no reader reads.
const UNSEEN: [&str; 8] = [
    "script", "style", "nav", "template", "svg", "noscript", "footer", "head",
];
/// Elements that begin and end a line of their own.
const BLOCKS: [&str; 28] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "aside",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "tr",
    "pre",
    "blockquote",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "br",
    "hr",
    "figure",
    "details",
    "summary",
];

/// The page's text, or `None` where it is too large or too strange to parse.
pub(crate) fn parsed(text: &str) -> Option<Parsed> {
    let tree = parse(text, &tree_sitter_html::LANGUAGE.into())?;
    let mut page = Page {
        source: text,
        out: String::with_capacity(text.len() / 2),
        line_of: vec![1],
        row: 0,
        read_to: 0,
        cuts: Vec::new(),
        path: HeadingPath::default(),
        title: None,
    };
    page.walk(tree.root_node());
    let end = page.out.len();
    Some(Parsed {
        kind: FragmentKind::Prose,
        sections: between(page.cuts, "", end),
        text: page.out,
        line_of: page.line_of,
    })
}

struct Page<'a> {
    source: &'a str,
    out: String,
    /// The file's line of each line of `out`.
    line_of: Vec<u32>,
    /// Current row of the file, from 0.
    row: usize,
    /// How far the source has been read, in bytes.
    read_to: usize,
    cuts: Vec<(usize, String)>,
    path: HeadingPath,
    /// Where the title of an open heading starts in `out`, and its level.
    title: Option<(usize, usize)>,
}

enum Step<'t> {
    Enter(Node<'t>),
    Leave(Element),
}

struct Element {
    block: bool,
    heading: bool,
    was_pre: bool,
}

impl Page<'_> {
    /// Walks with a stack of its own: a page may nest deeper than the thread's stack allows.
    fn walk(&mut self, root: Node<'_>) {
        let mut stack = vec![Step::Enter(root)];
        let mut pre = false;
        while let Some(step) = stack.pop() {
            match step {
                Step::Enter(node) => match node.kind() {
                    "script_element" | "style_element" | "comment" | "doctype" => {
                        self.pass(node, pre);
                    }
                    "start_tag" | "end_tag" | "self_closing_tag" | "erroneous_end_tag" => {
                        let tag = tag_name(node, self.source);
                        self.pass(node, pre);
                        if BLOCKS.contains(&tag.as_str()) && !pre {
                            self.newline();
                        }
                    }
                    "text" | "entity" | "raw_text" => self.text(node, pre),
                    "element" => {
                        let tag = node
                            .child(0)
                            .map(|first| tag_name(first, self.source))
                            .unwrap_or_default();
                        if UNSEEN.contains(&tag.as_str()) || is_furniture(node, self.source) {
                            self.pass(node, pre);
                            continue;
                        }
                        let level = heading_level(&tag);
                        self.gap(node.start_byte(), pre);
                        let element = Element {
                            block: BLOCKS.contains(&tag.as_str()),
                            heading: level.is_some(),
                            was_pre: pre,
                        };
                        if element.block && !pre {
                            self.newline();
                        }
                        if let Some(level) = level {
                            self.align(node.start_position().row);
                            self.title = Some((self.out.len(), level));
                        }
                        if tag == "pre" {
                            self.newline();
                            self.align(node.start_position().row);
                            pre = true;
                        }
                        stack.push(Step::Leave(element));
                        push_children(node, &mut stack);
                    }
                    // A bare `>` is an error to the grammar and text to every reader.
                    "ERROR" if !self.source[node.byte_range()].contains('<') => {
                        self.text(node, pre);
                    }
                    _ if node.child_count() == 0 => self.pass(node, pre),
                    _ => push_children(node, &mut stack),
                },
                Step::Leave(element) => {
                    if element.heading {
                        self.end_heading();
                    }
                    if element.block && !element.was_pre {
                        self.newline();
                    }
                    pre = element.was_pre;
                }
            }
        }
    }

    /// Skips a node that shows nothing.
    fn pass(&mut self, node: Node<'_>, pre: bool) {
        self.gap(node.start_byte(), pre);
        self.read_to = self.read_to.max(node.end_byte());
        self.row = self.row.max(node.end_position().row);
    }

    fn text(&mut self, node: Node<'_>, pre: bool) {
        self.gap(node.start_byte(), pre);
        let raw = self.source.get(node.byte_range()).unwrap_or_default();
        if !pre {
            self.align(node.start_position().row);
        }
        if node.kind() == "entity" {
            let shown = entity(raw);
            self.push(&shown, pre);
        } else {
            self.push(raw, pre);
        }
        self.read_to = self.read_to.max(node.end_byte());
        self.row = self.row.max(node.end_position().row);
    }

    /// What stands between two nodes: white space, or characters that the grammar could not place.
    fn gap(&mut self, to: usize, pre: bool) {
        if to <= self.read_to {
            return;
        }
        let gap = self
            .source
            .get(self.read_to..to)
            .unwrap_or_default()
            .to_owned();
        self.read_to = to;
        self.push(&gap, pre);
        self.row += gap.matches('\n').count();
    }

    fn push(&mut self, words: &str, pre: bool) {
        if pre {
            let mut row = self.row;
            for part in words.split_inclusive('\n') {
                self.out.push_str(part.trim_end_matches(['\r', '\n']));
                if part.ends_with('\n') {
                    row += 1;
                    self.break_line(row);
                }
            }
            return;
        }
        let mut first = true;
        for word in words.split_whitespace() {
            let spaced = !first || words.starts_with(char::is_whitespace);
            if spaced && !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
                self.out.push(' ');
            }
            self.out.push_str(word);
            first = false;
        }
        if words.ends_with(char::is_whitespace)
            && !self.out.is_empty()
            && !self.out.ends_with([' ', '\n'])
        {
            self.out.push(' ');
        }
    }

    fn newline(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.break_line(self.row);
        }
    }

    fn break_line(&mut self, row: usize) {
        self.out.push('\n');
        self.line_of
            .push(u32::try_from(row + 1).unwrap_or(u32::MAX));
    }

    /// Adds empty lines until the text stands on the file's own row, where it is not past it already.
    fn align(&mut self, row: usize) {
        if !(self.out.is_empty() || self.out.ends_with('\n')) {
            return;
        }
        while self.line_of.len() <= row {
            self.break_line(self.line_of.len());
        }
        if let Some(last) = self.line_of.last_mut() {
            *last = u32::try_from(row + 1).unwrap_or(u32::MAX);
        }
    }

    fn end_heading(&mut self) {
        if let Some((start, level)) = self.title.take() {
            let title = self.out[start..]
                .trim_end_matches(['¶', '\u{f0c1}', ' ', '\n'])
                .to_owned();
            if !title.is_empty() {
                self.cuts.push((start, self.path.open(level, &title)));
            }
        }
    }
}

fn push_children<'t>(node: Node<'t>, stack: &mut Vec<Step<'t>>) {
    let mut cursor = node.walk();
    let first = stack.len();
    stack.extend(node.children(&mut cursor).map(Step::Enter));
    stack[first..].reverse();
}

fn tag_name(tag: Node<'_>, source: &str) -> String {
    let mut cursor = tag.walk();
    tag.children(&mut cursor)
        .find(|child| child.kind() == "tag_name")
        .and_then(|child| source.get(child.byte_range()))
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// True for menus and search boxes that are marked as such, as Sphinx and MkDocs do it.
fn is_furniture(element: Node<'_>, source: &str) -> bool {
    let tag = element
        .child(0)
        .and_then(|tag| source.get(tag.byte_range()));
    tag.is_some_and(|tag| tag.contains("role=\"navigation\"") || tag.contains("role=\"search\""))
}

fn heading_level(tag: &str) -> Option<usize> {
    let level = tag.strip_prefix('h')?.parse().ok()?;
    (1..=6).contains(&level).then_some(level)
}

/// The character that an entity stands for; an unknown one stays as it is.
fn entity(raw: &str) -> String {
    let name = raw.trim_start_matches('&').trim_end_matches(';');
    let number = name
        .strip_prefix('#')
        .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
    if let Some(c) = number.and_then(char::from_u32) {
        return c.to_string();
    }
    match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => " ",
        "mdash" => "—",
        "ndash" => "–",
        "hellip" => "…",
        "lsquo" => "‘",
        "rsquo" => "’",
        "ldquo" => "“",
        "rdquo" => "”",
        "laquo" => "«",
        "raquo" => "»",
        "copy" => "©",
        "times" => "×",
        "middot" => "·",
        "bull" => "•",
        "para" => "¶",
        _ => raw,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_text_with_headings_doctests_and_the_files_own_lines() {
        let page = "<html><head><title>T</title><style>x{}</style></head><body>\n<nav>menu</nav><div role=\"navigation\"><h3>menu</h3></div>\n<h1>Heaps<a href=\"#x\">¶</a></h1>\n<p>Push &amp; <b>pop</b>\nitems.</p>\n<h2>Use</h2>\n<div class=\"highlight\"><pre><span></span><span class=\"gp\">&gt;&gt;&gt; </span><span>x</span>\n<span class=\"go\">  1</span>\n</pre></div>\n<script>alert(1)</script><p>end</p></body></html>\n";
        let got = parsed(page).unwrap();
        let headings: Vec<&str> = got.sections.iter().map(|s| s.heading.as_str()).collect();
        assert_eq!(headings, ["", "Heaps", "Heaps > Use"]);
        assert!(
            got.text.contains("Push & pop items.") || got.text.contains("Push & pop\nitems."),
            "{}",
            got.text
        );
        assert!(got.text.contains(">>> x\n  1\n"), "{}", got.text);
        assert!(!got.text.contains("alert") && !got.text.contains("menu"));
        let line = |needle: &str| {
            let at = got.text.find(needle).unwrap();
            got.line_of[got.text[..at].matches('\n').count()]
        };
        assert_eq!(line("Heaps"), 3);
        assert_eq!(line(">>> x"), 7);
        assert_eq!(line("  1"), 8);
        assert_eq!(line("end"), 10);
        assert_eq!(got.line_of.len(), got.text.matches('\n').count() + 1);
    }

    #[test]
    fn unescaped_prompts_and_broken_markup_are_kept_as_text() {
        let got = parsed("<p>a<pre>>>> 1 + 1\n2</pre><b>c").unwrap();
        assert!(got.text.contains("1 + 1\n2"), "{:?}", got.text);
        // Nested without end: kept within the parser's budget, whatever comes of it.
        let _ = parsed(&"<div>".repeat(3_000));
    }
}
