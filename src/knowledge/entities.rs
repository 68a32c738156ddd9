//! What a chunk is about, without a model: identifiers, code spans, headings, phrases and words. Called by `ingest`; pure.
//!
//! The idea is GraphRAG's "fast" variant: names and phrases stand for entities, and two of them are related where one
//! chunk mentions both. How telling a name is depends on how few chunks share it; `graph` weighs that.

use std::collections::HashMap;

use super::words::is_stop_word;
use crate::dream::FragmentKind;

/// What a chunk mentions, and how strongly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mention {
    pub(crate) name: String,
    pub(crate) weight: f64,
}

/// Bounds of what one chunk may mention, by class: names say most, single words least.
const MAX_NAMES: usize = 20;
const MAX_PHRASES: usize = 10;
const MAX_WORDS: usize = 16;
/// Longer names are hashes, paths or hostile.
const MAX_NAME_CHARS: usize = 60;

/// Weights by class, relative to a plain word.
const HEADING: f64 = 4.0;
const NAME: f64 = 3.0;
const PHRASE: f64 = 2.0;
const WORD: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Class {
    Name,
    Phrase,
    Word,
}

#[derive(Default)]
struct Tally {
    /// Count-weighted strength of each candidate.
    found: HashMap<(Class, String), f64>,
}

impl Tally {
    fn add(&mut self, class: Class, name: &str, weight: f64) {
        let length = name.chars().count();
        if (2..=MAX_NAME_CHARS).contains(&length) {
            *self.found.entry((class, name.to_owned())).or_default() += weight;
        }
    }
}

/// The chunk's entities, strongest first within each class; names in the text's own spelling, words in lower case.
pub(crate) fn mentions(kind: FragmentKind, heading: &str, text: &str) -> Vec<Mention> {
    let mut tally = Tally::default();
    // The last part of the path is this chunk's own; the parts above belong to its neighbours too.
    let own = heading.rsplit(" > ").next().unwrap_or_default();
    scan(own, FragmentKind::Prose, HEADING, &mut tally);
    spans(text, &mut tally);
    scan(text, kind, 1.0, &mut tally);

    let mut all: Vec<((Class, String), f64)> = tally.found.into_iter().collect();
    all.sort_by(|(a, x), (b, y)| a.0.cmp(&b.0).then(y.total_cmp(x)).then(a.1.cmp(&b.1)));
    let mut left = [MAX_NAMES, MAX_PHRASES, MAX_WORDS];
    let mut kept: HashMap<String, f64> = HashMap::new();
    let mut order = Vec::new();
    for ((class, name), strength) in all {
        let left = &mut left[class as usize];
        if *left == 0 {
            continue;
        }
        *left -= 1;
        let base = match class {
            Class::Name => NAME,
            Class::Phrase => PHRASE,
            Class::Word => WORD,
        };
        // Tenfold mention is not tenfold importance.
        let weight = base * (1.0 + strength.ln_1p());
        let entry = kept.entry(name.clone()).or_insert_with(|| {
            order.push(name);
            0.0
        });
        *entry = entry.max(weight);
    }
    order
        .into_iter()
        .map(|name| Mention {
            weight: kept[&name],
            name,
        })
        .collect()
}

/// Code spans between backticks, with the markup of reStructuredText roles removed.
fn spans(text: &str, tally: &mut Tally) {
    for line in text.lines() {
        let mut parts = line.split('`').filter(|part| !part.is_empty());
        let _before = parts.next().filter(|_| !line.starts_with('`'));
        // With paired backticks every second part is a span; an odd one out costs nothing but a weak name.
        for span in parts.step_by(2) {
            if let Some(name) = name_of_span(span) {
                tally.add(Class::Name, name, 1.0);
            }
        }
    }
}

/// `~os.path.join()` is `os.path.join`, `chain <itertools.chain>` is `itertools.chain`; sentences are no names.
fn name_of_span(span: &str) -> Option<&str> {
    let target = match (span.rfind('<'), span.ends_with('>')) {
        (Some(open), true) => &span[open + 1..span.len() - 1],
        _ => span,
    };
    let target = target.trim_start_matches(['~', '!', '.']);
    let name = target.split('(').next().unwrap_or(target).trim();
    let like_a_name = name.len() >= 2
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'));
    like_a_name.then_some(name.trim_end_matches(['.', ':', '-']))
}

/// Tokens of the text: identifiers by their shape, words, and phrases of two words that stand side by side.
fn scan(text: &str, kind: FragmentKind, weight: f64, tally: &mut Tally) {
    let is_code = kind != FragmentKind::Prose;
    let mut previous: Option<String> = None;
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_alphanumeric() || c == '_') {
        // Anything but a single space between two words ends the phrase.
        if rest[..start] != *" " {
            previous = None;
        }
        rest = &rest[start..];
        let end = rest
            .char_indices()
            .find(|&(at, c)| !(c.is_alphanumeric() || c == '_' || (c == '.' && inside(rest, at))))
            .map_or(rest.len(), |(at, _)| at);
        // In prose an underscore at an end is markup: `Pylint_`, `_a-label`; two of them are a Python name.
        let token = match &rest[..end] {
            name if is_code || name.starts_with("__") => name,
            name => name.trim_matches('_'),
        };
        rest = &rest[end..];
        if token.is_empty() {
            continue;
        }
        if token.starts_with(|c: char| c.is_numeric()) {
            previous = None;
        } else if is_identifier(token) || (is_code && token.len() >= 4 && !is_stop_word(token)) {
            tally.add(Class::Name, token, weight);
            if let Some((module, _)) = token.split_once('.') {
                tally.add(Class::Name, module, weight / 2.0);
            }
            previous = None;
        } else {
            let word = token.to_lowercase();
            if word.chars().count() < 3 || is_stop_word(&word) {
                previous = None;
                continue;
            }
            let word = singular(&word);
            if word.chars().count() >= 4 {
                tally.add(Class::Word, &word, weight);
            }
            if let Some(before) = previous.replace(word.clone()) {
                tally.add(Class::Phrase, &format!("{before} {word}"), weight);
            }
        }
    }
}

/// True where the dot at `at` stands between two parts of a name.
fn inside(text: &str, at: usize) -> bool {
    let next = text[at + 1..].chars().next();
    at > 0 && next.is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// snake_case, dotted.names and CamelCase; a capital at the start alone is only a sentence.
fn is_identifier(token: &str) -> bool {
    let inner = token.trim_matches('_');
    if inner.len() < 3 {
        return false;
    }
    if inner.contains('_') || inner.contains('.') || inner.len() < token.len() {
        return true;
    }
    let capitals = inner.chars().filter(|c| c.is_uppercase()).count();
    let smalls = inner.chars().filter(|c| c.is_lowercase()).count();
    capitals >= 2 && smalls >= 1
}

/// Plurals meet their singular; good enough for grouping, never shown as grammar.
fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() >= 3) {
        return format!("{stem}y");
    }
    match word.strip_suffix('s') {
        Some(stem) if stem.len() >= 4 && !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kind: FragmentKind, heading: &str, text: &str) -> Vec<String> {
        mentions(kind, heading, text)
            .into_iter()
            .map(|m| m.name)
            .collect()
    }

    #[test]
    fn names_spans_phrases_and_words_are_found() {
        let got = names(
            FragmentKind::Prose,
            "Top > Heap queue",
            "Use :func:`~heapq.heappush` or `pop_item()` on a binary tree, and the OrderedDict of nodes.",
        );
        for expected in [
            "heapq.heappush",
            "pop_item",
            "OrderedDict",
            "binary tree",
            "heap queue",
            "node",
        ] {
            assert!(got.iter().any(|n| n == expected), "{expected} in {got:?}");
        }
        assert!(!got.iter().any(|n| n == "the" || n == "top"));
    }

    #[test]
    fn code_gives_its_identifiers() {
        let got = names(
            FragmentKind::Python,
            "merge",
            "def merge(left, right):\n    return sorted(left)\n",
        );
        assert!(got.iter().any(|n| n == "left"));
        assert!(!got.iter().any(|n| n == "return"));
    }

    #[test]
    fn a_chunk_mentions_a_bounded_number_of_things_in_a_fixed_order() {
        let text: String = (0..500)
            .flat_map(|n| [format!("name_{n} "), format!("wordy{n} ")])
            .collect();
        let got = mentions(FragmentKind::Prose, "", &text);
        assert!(got.len() <= MAX_NAMES + MAX_PHRASES + MAX_WORDS);
        assert_eq!(got, mentions(FragmentKind::Prose, "", &text));
    }

    #[test]
    fn hostile_text_is_survived() {
        for text in ["`", "``````", "a`<>`", "....", "_", "é.é.", "\u{202e}`x"] {
            let _ = mentions(FragmentKind::Prose, text, text);
        }
    }
}
