//! Markdown, reStructuredText, HTML and plain text as sections of prose and Python blocks; pure and linear in the text.

mod html;
mod markdown;
mod rest;

use super::docstring::dedented;
use super::doctest;

/// Sections of one document; a generated page may hold many thousands.
const MOST_SECTIONS: usize = 2_000;
/// Titles that belong to the section before them.
const CONTINUES: &[&str] = &[
    "example", "usage", "test", "check", "doctest", "try it", "in use", "see it",
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: String,
    /// First and last line, counted from 1.
    pub(super) lines: (u32, u32),
    pub(super) prose: String,
    /// Python blocks without prompts, joined in order.
    pub(super) code: String,
    /// Doctest blocks in order.
    pub(super) sessions: Vec<String>,
    /// Name that a directive of the section documents.
    pub(super) documents: Option<String>,
}

/// What a document is about as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) sections: Vec<Section>,
    /// Module that the page documents.
    pub(super) module: Option<String>,
}

/// Reads a document by the ending of its path.
pub(super) fn read(path: &str, text: &str) -> Page {
    let lower = path.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|e| lower.ends_with(e));
    let mut page = PageBuilder::default();
    if ends(&[".md", ".markdown", ".mdx"]) {
        markdown::read(text, &mut page);
    } else if ends(&[".html", ".htm", ".xhtml"]) {
        html::read(text, &mut page);
    } else {
        rest::read(text, &mut page);
    }
    page.finish(text)
}

#[derive(Debug, Default)]
struct PageBuilder {
    page: Page,
    current: Section,
}

impl PageBuilder {
    /// A heading: the next section, unless it only announces examples of the one before.
    fn heading(&mut self, title: &str, line: u32) {
        let lower = title.to_ascii_lowercase();
        if CONTINUES.iter().any(|c| lower.starts_with(c)) && !self.current.title.is_empty() {
            return;
        }
        self.close(line.saturating_sub(1));
        title.trim().clone_into(&mut self.current.title);
        self.current.lines.0 = line;
    }

    fn prose(&mut self, line: &str) {
        let blank = line.trim().is_empty();
        if !(blank && (self.current.prose.is_empty() || self.current.prose.ends_with("\n\n"))) {
            self.current.prose.push_str(line.trim_end());
            self.current.prose.push('\n');
        }
    }

    /// A block of Python: code up to the first prompt at its margin, a session from there on. Prompts further in stand
    /// in docstrings.
    fn block(&mut self, text: &str) {
        let at_margin = |line: &str| line.starts_with(">>>") && doctest::is_prompt(line);
        let code: Vec<&str> = text.lines().take_while(|l| !at_margin(l)).collect();
        if text.lines().any(at_margin) {
            self.current.sessions.push(text.to_owned());
        }
        let code = code.join("\n");
        if !code.trim().is_empty() {
            if !self.current.code.is_empty() {
                self.current.code.push_str("\n\n");
            }
            self.current.code.push_str(&code);
        }
    }

    fn close(&mut self, last_line: u32) {
        let mut section = std::mem::take(&mut self.current);
        section.lines.1 = last_line.max(section.lines.0);
        let prose = std::mem::take(&mut section.prose);
        prose.trim().clone_into(&mut section.prose);
        let empty =
            section.prose.is_empty() && section.code.is_empty() && section.sessions.is_empty();
        if !empty && self.page.sections.len() < MOST_SECTIONS {
            self.page.sections.push(section);
        }
    }

    fn finish(mut self, text: &str) -> Page {
        let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
        self.close(lines.max(1));
        for section in &mut self.page.sections {
            section.lines.0 = section.lines.0.max(1);
        }
        self.page
    }
}

/// Lines of a block without the indentation they share.
fn block_text(lines: &[&str]) -> String {
    // The first line counts as well: a block of code has no line that stands apart.
    let text = format!("\n{}", lines.join("\n"));
    dedented(&text)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// True where an indented block without any mark looks like Python.
fn looks_like_python(line: &str) -> bool {
    let code = line.trim_start();
    [
        "def ",
        "async def ",
        "class ",
        "import ",
        "from ",
        "@",
        "assert ",
    ]
    .iter()
    .any(|start| code.starts_with(start))
}

fn number(index: usize) -> u32 {
    u32::try_from(index).map_or(u32::MAX, |i| i.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(&str, &str, &str, usize)]) {
        let page = read(path, text);
        let found: Vec<_> = page
            .sections
            .iter()
            .map(|s| {
                (
                    s.title.as_str(),
                    s.prose.as_str(),
                    s.code.as_str(),
                    s.sessions.len(),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn markdown_blocks_belong_to_their_section() {
        check(
            "a.md",
            "# T\n\nWords.\n\n```python\ndef f():\n    return 1\n```\n\n## Examples\n\n```pycon\n>>> f()\n1\n```\n\nOther\n-----\n\n```sh\nrm\n```\nEnd.",
            &[
                ("T", "Words.", "def f():\n    return 1", 1),
                ("Other", "End.", "", 0),
            ],
        );
    }

    #[test]
    fn rest_blocks_directives_and_bare_doctests_are_found() {
        check(
            "a.rst.txt",
            "Title\n=====\n\nText::\n\n    def f():\n        return 1\n\nMore.\n\n>>> f()\n1\n\n.. function:: g(x)\n\n   Says g.\n\n   .. code-block:: python\n      :linenos:\n\n      x = 1\n",
            &[
                ("Title", "Text:\n\nMore.", "def f():\n    return 1", 1),
                ("g(x)", "Says g.", "x = 1", 0),
            ],
        );
    }

    #[test]
    fn html_is_read_without_its_tags() {
        check(
            "a.html",
            "<style>p{}</style><h1>A &amp; b</h1><p>Some <b>bold</b> words.</p><pre><code>&gt;&gt;&gt; f(1)\n<i>2</i>\n</code></pre>",
            &[("A & b", "Some bold words.", "", 1)],
        );
    }
}
