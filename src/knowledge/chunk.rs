//! Sections become chunks of a sane size: huge ones are split, tiny ones joined with their neighbour.
//! Called by `read`; pure. Chunks never overlap and keep the order of the text.

use crate::dream::FragmentKind;

/// A stretch of a document's text under one heading or of one definition, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) heading: String,
}

/// What a parser made of a file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) kind: FragmentKind,
    /// The text that is kept: the file's own, or for HTML what a reader sees.
    pub(crate) text: String,
    /// For HTML, the file's line (from 1) of each line of `text`; else empty.
    pub(crate) line_of: Vec<u32>,
    pub(crate) sections: Vec<Section>,
}

/// A section of a size that fits a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) heading: String,
    /// First and last line in the file, from 1, both included.
    pub(crate) lines: (u32, u32),
}

/// About a thousand tokens: three fragments fit a small model's 4096-token window beside the instructions.
const MAX_BYTES: usize = 4_000;
/// Below this a prose section says too little to weave a task from.
const MIN_PROSE_BYTES: usize = 240;
/// A two-line function is still a whole thought.
const MIN_CODE_BYTES: usize = 80;
/// A heading is for people; a hostile one-line file must not become its own heading.
const MAX_HEADING_CHARS: usize = 160;

/// Cuts a parsed document into chunks; white space alone makes none.
pub(crate) fn chunks(parsed: &Parsed) -> Vec<Chunk> {
    let text = parsed.text.as_str();
    let min = match parsed.kind {
        FragmentKind::Prose => MIN_PROSE_BYTES,
        FragmentKind::Python | FragmentKind::Rust => MIN_CODE_BYTES,
    };
    let mut pieces: Vec<Section> = Vec::new();
    for section in &parsed.sections {
        let Some(section) = trimmed(text, section) else {
            continue;
        };
        let length = section.end - section.start;
        if let Some(last) = pieces.last_mut() {
            let tiny = last.end - last.start < min || length < min;
            if tiny && section.end - last.start <= MAX_BYTES {
                last.end = section.end;
                if last.heading.is_empty() {
                    last.heading = section.heading;
                }
                continue;
            }
        }
        split(text, section, &mut pieces);
    }
    let lines = LineIndex::new(text);
    pieces
        .into_iter()
        .map(|piece| {
            let first = lines.line(piece.start);
            let last = lines.line(piece.end - 1).max(first);
            let in_file = |line: usize| match parsed.line_of.get(line) {
                Some(&real) => real,
                None => u32::try_from(line + 1).unwrap_or(u32::MAX),
            };
            Chunk {
                start: piece.start,
                end: piece.end,
                lines: (in_file(first), in_file(last)),
                heading: short_heading(&piece.heading),
            }
        })
        .collect()
}

fn short_heading(heading: &str) -> String {
    let words = heading.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_HEADING_CHARS) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

/// The section without blank lines at its ends and white space at its very end; `None` where nothing is left.
fn trimmed(text: &str, section: &Section) -> Option<Section> {
    let body = &text[section.start..section.end];
    let end = section.start + body.trim_end().len();
    let first = section.start + (body.len() - body.trim_start().len());
    if first >= end {
        return None;
    }
    // Keep the indentation of the first line: without it code and doctests no longer parse.
    let start = text[section.start..first]
        .rfind('\n')
        .map_or(section.start, |at| section.start + at + 1);
    Some(Section {
        start,
        end,
        heading: section.heading.clone(),
    })
}

/// Pushes the section in pieces of at most `MAX_BYTES`.
fn split(text: &str, mut section: Section, into: &mut Vec<Section>) {
    while section.end - section.start > MAX_BYTES {
        let at = cut(text, section.start, section.end);
        let head = Section {
            start: section.start,
            end: at,
            heading: section.heading.clone(),
        };
        into.extend(trimmed(text, &head));
        section.start = at;
        match trimmed(text, &section) {
            Some(rest) => section = rest,
            None => return,
        }
    }
    into.push(section);
}

/// Where to cut a long text: before the last flush-left paragraph that fits, else after a blank line, else after a
/// line, else between two characters. Always moves forward.
fn cut(text: &str, start: usize, end: usize) -> usize {
    let limit = text.floor_char_boundary((start + MAX_BYTES).min(end));
    let window = &text[start..limit];
    // A cut in the first third would leave crumbs.
    let floor = window.floor_char_boundary(window.len() / 3);
    let mut after_blank = None;
    let mut after_line = None;
    for (at, _) in window.rmatch_indices('\n') {
        if at < floor {
            break;
        }
        let next = at + 1;
        after_line = after_line.or(Some(next));
        if !window[..at].ends_with('\n') && !window[..at].ends_with("\n\r") {
            continue;
        }
        after_blank = after_blank.or(Some(next));
        let flush = text[start + next..end]
            .chars()
            .next()
            .is_some_and(|c| !c.is_whitespace());
        if flush {
            return start + next;
        }
    }
    after_blank.or(after_line).map_or(limit, |at| start + at)
}

/// Byte offset to line number.
#[derive(Debug)]
pub(crate) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    pub(crate) fn new(text: &str) -> Self {
        let newlines = text.bytes().enumerate().filter(|&(_, b)| b == b'\n');
        Self {
            starts: std::iter::once(0)
                .chain(newlines.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    /// Line of the byte, counted from 0.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|&start| start <= at) - 1
    }

    /// Where the line (from 0) starts; the end of the text for a line past the last.
    pub(crate) fn start(&self, line: usize, text: &str) -> usize {
        self.starts.get(line).copied().unwrap_or(text.len())
    }
}

/// Sections from cut points: `(start, heading)` in order; what stands before the first has the heading `before`.
pub(crate) fn between(cuts: Vec<(usize, String)>, before: &str, end: usize) -> Vec<Section> {
    let mut sections = Vec::with_capacity(cuts.len() + 1);
    let mut start = 0;
    let mut heading = before.to_owned();
    for (at, next) in cuts {
        if at > start {
            sections.push(Section {
                start,
                end: at,
                heading: std::mem::take(&mut heading),
            });
            start = at;
        }
        heading = next;
    }
    if end > start {
        sections.push(Section {
            start,
            end,
            heading,
        });
    }
    sections
}

/// Keeps the path of open headings: a heading closes all of its own and deeper levels.
#[derive(Debug, Default)]
pub(crate) struct HeadingPath {
    open: Vec<(usize, String)>,
}

impl HeadingPath {
    /// Opens a heading and returns the whole path, for people.
    pub(crate) fn open(&mut self, level: usize, title: &str) -> String {
        self.open.retain(|&(other, _)| other < level);
        self.open.push((level, title.trim().to_owned()));
        self.path()
    }

    pub(crate) fn path(&self) -> String {
        let titles: Vec<&str> = self.open.iter().map(|(_, title)| title.as_str()).collect();
        titles.join(" > ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str, cuts: Vec<(usize, String)>) -> Parsed {
        Parsed {
            kind: FragmentKind::Prose,
            text: text.to_owned(),
            line_of: Vec::new(),
            sections: between(cuts, "", text.len()),
        }
    }

    #[test]
    fn a_tiny_section_joins_its_neighbour_and_lines_count_from_one() {
        let long = "word ".repeat(100);
        let text = format!("# A\n\ntiny\n\n# B\n\n{long}\n");
        let at = text.find("# B").unwrap();
        let got = chunks(&parsed(&text, vec![(0, "A".into()), (at, "B".into())]));
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].lines, (1, 7));
        assert_eq!(got[0].heading, "A");
    }

    #[test]
    fn a_huge_section_is_cut_at_paragraphs() {
        let paragraph = format!("{}\n\n", "word ".repeat(150));
        let text = paragraph.repeat(20);
        let got = chunks(&parsed(&text, vec![(0, "H".into())]));
        assert!(got.len() > 3);
        for chunk in &got {
            assert!(chunk.end - chunk.start <= MAX_BYTES);
            assert!(text[chunk.start..].starts_with("word"));
        }
    }

    #[test]
    fn blank_text_makes_no_chunk() {
        assert_eq!(chunks(&parsed(" \n\n\t\n", vec![])), vec![]);
        assert_eq!(chunks(&parsed("", vec![])), vec![]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn chunks_are_ordered_bounded_and_lose_no_word(text in "[a-zé \n]{0,6000}") {
            let got = chunks(&parsed(&text, vec![]));
            let mut at = 0;
            let mut kept = String::new();
            for chunk in &got {
                prop_assert!(chunk.start >= at && chunk.end > chunk.start);
                prop_assert!(chunk.end - chunk.start <= MAX_BYTES);
                prop_assert!(chunk.lines.0 <= chunk.lines.1);
                kept.push_str(&text[chunk.start..chunk.end]);
                at = chunk.end;
            }
            let strip = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(strip(&kept), strip(&text));
        }
    }
}
