//! One file in: what kind it is, whether it may be read, its text and chunks. Called by `ingest`.
//!
//! Never reads more than `MAX_FILE_BYTES`, never follows a link, never blocks on a pipe.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use serde::Serialize;

use super::chunk::{Parsed, Section};
use super::{html, markdown, rst, source};
use crate::dream::FragmentKind;

/// Largest file that is read. The largest page of the Python documentation has 0.2 MB; whole books have 2.
pub(crate) const MAX_FILE_BYTES: u64 = 20_000_000;
/// A NUL in the first part makes a file binary, as grep and git see it.
const HEAD_BYTES: u64 = 8_192;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Markdown,
    Rst,
    Html,
    Plain,
    Python,
    Rust,
}

/// Why a file was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    Unreadable,
    Binary,
    TooLarge,
    NotUtf8,
    /// Its name is not UTF-8.
    BadName,
    /// Text, but of no kind that is understood.
    UnknownKind,
}

impl Refusal {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Binary => "binary",
            Self::TooLarge => "too large",
            Self::NotUtf8 => "not UTF-8",
            Self::BadName => "name not UTF-8",
            Self::UnknownKind => "unknown kind",
        }
    }
}

/// The format by the file's name; `None` for a kind that is not understood.
pub(crate) fn format(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let mut parts = name.rsplit('.');
    let (last, before) = (parts.next()?, parts.next());
    let Some(before) = before else {
        let known = ["readme", "notes", "changes", "changelog", "todo"];
        return known.contains(&last).then_some(Format::Plain);
    };
    match last {
        "md" | "markdown" => Some(Format::Markdown),
        "rst" => Some(Format::Rst),
        "txt" if before == "rst" => Some(Format::Rst),
        "txt" if before == "md" => Some(Format::Markdown),
        "txt" | "text" => Some(Format::Plain),
        "html" | "htm" | "xhtml" => Some(Format::Html),
        "py" | "pyi" => Some(Format::Python),
        "rs" => Some(Format::Rust),
        _ => None,
    }
}

/// Size and time of last change: while they stay the same, the file is not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
}

impl Stamp {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            size: metadata.len(),
            mtime_ns: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// The text of a file, or why it is left out.
pub(crate) fn text(path: &Path) -> Result<(String, Stamp), Refusal> {
    let (mut file, stamp) = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0));
    // The file may grow while it is read: the cap holds against what is really there.
    let read = file
        .by_ref()
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes);
    read.map_err(|_| Refusal::Unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Refusal::TooLarge);
    }
    if bytes.contains(&0) {
        return Err(Refusal::Binary);
    }
    let mut text = String::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok((text, stamp))
}

/// Why a file of no known kind is left out, from its size and its first bytes.
pub(crate) fn refusal_of_unknown(path: &Path) -> Refusal {
    let (mut file, _) = match open(path) {
        Ok(opened) => opened,
        Err(refusal) => return refusal,
    };
    let mut head = Vec::new();
    match file.by_ref().take(HEAD_BYTES).read_to_end(&mut head) {
        Ok(_) if head.contains(&0) => Refusal::Binary,
        Ok(_) => Refusal::UnknownKind,
        Err(_) => Refusal::Unreadable,
    }
}

fn open(path: &Path) -> Result<(File, Stamp), Refusal> {
    // NONBLOCK: the name may have become a pipe since the walk saw it.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|_| Refusal::Unreadable)?;
    let metadata = file.metadata().map_err(|_| Refusal::Unreadable)?;
    if !metadata.is_file() {
        return Err(Refusal::Unreadable);
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(Refusal::TooLarge);
    }
    Ok((file, Stamp::of(&metadata)))
}

/// Text and sections. A text that its own parser gives up on is kept as plain text.
pub(crate) fn parse(format: Format, text: String) -> Parsed {
    let (kind, sections) = match format {
        Format::Html => match html::parsed(&text) {
            Some(page) => return page,
            None => (FragmentKind::Prose, None),
        },
        Format::Markdown => (FragmentKind::Prose, Some(markdown::sections(&text))),
        Format::Rst => (FragmentKind::Prose, Some(rst::sections(&text))),
        Format::Plain => (FragmentKind::Prose, None),
        Format::Python => (
            FragmentKind::Python,
            source::sections(&text, FragmentKind::Python),
        ),
        Format::Rust => (
            FragmentKind::Rust,
            source::sections(&text, FragmentKind::Rust),
        ),
    };
    let sections = sections.unwrap_or_else(|| {
        vec![Section {
            start: 0,
            end: text.len(),
            heading: String::new(),
        }]
    });
    Parsed {
        kind,
        text,
        line_of: Vec::new(),
        sections,
    }
}

/// True where the text may hold examples that say their own answers, or functions of a library that can be asked for them:
/// doctest prompts, asserts, directives that document a function.
pub(crate) fn may_hold_examples(text: &str) -> bool {
    text.contains(">>> ")
        || text.lines().any(|line| {
            line.trim_start().starts_with("assert ") || line.starts_with(".. function:: ")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_name() {
        let kind = |name: &str| format(Path::new(name));
        assert_eq!(kind("a/heapq.rst.txt"), Some(Format::Rst));
        assert_eq!(kind("A.MD"), Some(Format::Markdown));
        assert_eq!(kind("notes.txt"), Some(Format::Plain));
        assert_eq!(kind("README"), Some(Format::Plain));
        assert_eq!(kind("x.tar.gz"), None);
        assert_eq!(kind(".gitignore"), None);
    }

    #[test]
    fn prompts_and_asserts_mark_a_document() {
        assert!(may_hold_examples("   >>> 1 + 1\n"));
        assert!(may_hold_examples("def t():\n    assert f(1) == 2\n"));
        assert!(may_hold_examples(".. function:: comb(n, k)\n"));
        assert!(!may_hold_examples("we assert that >>>this\n"));
    }
}
