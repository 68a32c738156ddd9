//! Wrong versions of literals that hold more than one thing: a whole table may stand in a text, in bytes or in the digits
//! of one number. Pure.

use std::ops::Range;

use tree_sitter::Node;

use super::Kind;
use crate::guardian::syntax::{Source, bare, children};

type Edit = (Kind, Range<usize>, String);

/// Most parts of one literal that are changed, spread over it: two untested ones of eight weigh as much as they should.
const PARTS_MAX: usize = 8;
/// Shorter ones are an ordinary word or number.
const CHARS_MIN: usize = 3;
const DIGITS_MIN: usize = 4;
/// Methods that take a text apart.
const APART: [&str; 7] = [
    "split",
    "rsplit",
    "splitlines",
    "partition",
    "rpartition",
    "find",
    "index",
];

/// Changes of a text or of bytes; none of a text with fields.
pub(super) fn texts(source: &Source<'_>, node: Node<'_>) -> Vec<Edit> {
    let parts = children(node);
    let (Some(start), Some(end)) = (parts.first(), parts.last()) else {
        return Vec::new();
    };
    if parts.iter().any(|part| part.kind() == "interpolation") {
        return Vec::new();
    }
    let within = start.end_byte()..end.start_byte();
    let Some(content) = source.text().get(within.clone()) else {
        return Vec::new();
    };
    let prefix = source.text_of(*start).to_ascii_lowercase();
    let (is_bytes, is_raw) = (prefix.contains('b'), prefix.contains('r'));
    let in_place = |(range, new): (Range<usize>, String)| {
        let range = within.start + range.start..within.start + range.end;
        (Kind::Constant, range, new)
    };
    let changed = if is_raw && (is_bytes || content.contains('\\')) {
        Vec::new()
    } else if is_bytes {
        elements(content)
    } else if is_by_position(source, node, content) {
        chars(content)
    } else {
        words(source, node, content)
    };
    if !changed.is_empty() {
        return spread(changed).into_iter().map(in_place).collect();
    }
    let other = match (content.is_empty(), is_bytes) {
        (true, false) => "'zq'",
        (true, true) => "b'zq'",
        (false, false) => "''",
        (false, true) => "b''",
    };
    vec![(Kind::Constant, node.byte_range(), other.to_owned())]
}

/// Changes of single digits of a number that is taken apart: `0x0906050D >> 8 * at & 0xFF`.
pub(super) fn digits(source: &Source<'_>, node: Node<'_>) -> Vec<Edit> {
    let text = source.text_of(node);
    let (from, base) = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (2, 16),
        Some("0o") => (2, 8),
        Some("0b") => (2, 2),
        _ => (0, 10),
    };
    let places: Vec<(usize, u32)> = text
        .char_indices()
        .skip(from)
        .filter_map(|(at, c)| Some((at, c.to_digit(base)?)))
        .collect();
    if places.len() < DIGITS_MIN || !is_divided(source, node) {
        return Vec::new();
    }
    let of = |(at, digit): (usize, u32)| {
        let other = if digit + 1 == base {
            digit - 1
        } else {
            digit + 1
        };
        let new = char::from_digit(other, base).unwrap_or('1').to_string();
        let at = node.start_byte() + at;
        (Kind::Constant, at..at + 1, new)
    };
    spread(places).into_iter().map(of).collect()
}

/// Words of a text: each of a table, the first and the last of what somebody reads.
fn words(source: &Source<'_>, node: Node<'_>, content: &str) -> Vec<(Range<usize>, String)> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut begin, mut escaped) = (None, false);
    for (at, c) in content.char_indices().chain([(content.len(), ' ')]) {
        let between = escaped || c.is_whitespace() || ",;:|/=\\".contains(c);
        escaped = c == '\\' && !escaped;
        if between {
            found.extend(begin.take().map(|begin| begin..at));
        } else {
            begin = begin.or(Some(at));
        }
    }
    let is_number = |word: &Range<usize>| {
        let word = &content[word.clone()];
        word.parse::<u32>().is_ok()
    };
    let numbers = found.iter().filter(|word| is_number(word)).count();
    let is_table = found.len() >= CHARS_MIN && numbers > 1
        || found.len() > 1 && is_apart(source, node, &APART);
    let is_prose = || {
        let long = content.split(' ').filter(|word| word.len() > 1);
        !content.contains(['\n', '\\']) && long.count() >= CHARS_MIN
    };
    if !is_table {
        let ends = match found.as_slice() {
            [first, .., last] if is_prose() => vec![first.clone(), last.clone()],
            _ => Vec::new(),
        };
        found = ends;
    }
    let other = |word: Range<usize>| {
        let text = &content[word.clone()];
        let next = text.parse::<u32>().ok().and_then(|n| n.checked_add(1));
        let new = next.map_or_else(|| format!("{text}q"), |n| n.to_string());
        (word, new)
    };
    found.into_iter().map(other).collect()
}

/// Elements of bytes, where there are several.
fn elements(content: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = content[at..].chars().next() {
        let rest = &content[at..];
        let hex = rest.strip_prefix("\\x").and_then(|hex| hex.get(..2));
        let value = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (length, new) = match value {
            Some(value) => (4, format!("\\x{:02x}", value.wrapping_add(1))),
            None if c == '\\' => {
                let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
                (1 + escaped, "q".to_owned())
            }
            None => (c.len_utf8(), next_to(c)),
        };
        found.push((at..at + length, new));
        at += length;
    }
    if found.len() < CHARS_MIN {
        found.clear();
    }
    found
}

fn chars(content: &str) -> Vec<(Range<usize>, String)> {
    let places = content.char_indices();
    places
        .map(|(at, c)| (at..at + c.len_utf8(), next_to(c)))
        .collect()
}

fn next_to(c: char) -> String {
    match c.to_digit(10) {
        Some(9) => "8".to_owned(),
        Some(digit) => (digit + 1).to_string(),
        None if c == 'q' => "r".to_owned(),
        None => "q".to_owned(),
    }
}

/// Whether a text is asked for its letters by number. An alphabet is none: its order is what everybody knows.
fn is_by_position(source: &Source<'_>, node: Node<'_>, content: &str) -> bool {
    let bytes = content.as_bytes();
    let plain = bytes.iter().all(u8::is_ascii_alphanumeric);
    let in_order = bytes
        .windows(2)
        .all(|pair| pair[1].checked_sub(pair[0]) == Some(1));
    bytes.len() >= CHARS_MIN && plain && !in_order && is_apart(source, node, &[])
}

/// Whether a literal, or the name that it is given, is asked for its parts: by a number, or by one of these methods.
fn is_apart(source: &Source<'_>, node: Node<'_>, methods: &[&str]) -> bool {
    let apart = |of: Node<'_>, is_it: &dyn Fn(Node<'_>) -> bool| {
        let field = |name| of.child_by_field_name(name).map(bare);
        match of.kind() {
            "subscript" => methods.is_empty() && field("value").is_some_and(is_it),
            "attribute" => {
                let method = field("attribute").map_or("", |n| source.text_of(n));
                methods.contains(&method) && field("object").is_some_and(is_it)
            }
            _ => false,
        }
    };
    is_used(source, node, &apart)
}

/// Whether a number, or the name that it is given, is divided or shifted.
fn is_divided(source: &Source<'_>, node: Node<'_>) -> bool {
    let divided = |of: Node<'_>, is_it: &dyn Fn(Node<'_>) -> bool| {
        let field = |name| of.child_by_field_name(name);
        let by = field("operator").map_or("", |o| o.kind());
        of.kind() == "binary_operator"
            && matches!(by, ">>" | "//" | "%" | "/")
            && field("left").map(bare).is_some_and(is_it)
    };
    is_used(source, node, &divided)
}

/// Whether a node uses, in a certain way, what a second question tells.
type Use<'a> = dyn Fn(Node<'_>, &dyn Fn(Node<'_>) -> bool) -> bool + 'a;

/// Whether a literal itself, or somewhere the name that it is given, is used in a certain way.
fn is_used(source: &Source<'_>, node: Node<'_>, way: &Use<'_>) -> bool {
    let mut whole = node;
    while let Some(around) = whole
        .parent()
        .filter(|p| matches!(p.kind(), "parenthesized_expression" | "concatenated_string"))
    {
        whole = around;
    }
    let Some(parent) = whole.parent() else {
        return false;
    };
    if way(parent, &|used| used == bare(whole)) {
        return true;
    }
    let left = (parent.kind() == "assignment")
        .then(|| parent.child_by_field_name("left"))
        .flatten();
    let Some(name) = left.map(|left| source.text_of(left)) else {
        return false;
    };
    // `Tariff.ROWS`, `self.ROWS`
    let is_name = |used: Node<'_>| source.text_of(used).rsplit('.').next() == Some(name);
    let mut nodes = source.nodes().into_iter();
    nodes.any(|(node, _)| way(node, &is_name))
}

fn spread<T: Clone>(all: Vec<T>) -> Vec<T> {
    if all.len() <= PARTS_MAX {
        return all;
    }
    let last = all.len() - 1;
    let at = |n: usize| all[n * last / (PARTS_MAX - 1)].clone();
    (0..PARTS_MAX).map(at).collect()
}
