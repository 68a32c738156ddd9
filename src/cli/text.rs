//! Text on its way to a terminal. Everything that came from a model or a document passes here, so that nothing of it
//! is obeyed: no colours, no cursor moves, no hidden letters.

use crate::journal::escape;

/// Several lines; line ends and tabs stay, all else that a terminal would obey is spelled out.
#[must_use]
pub fn clean(text: &str) -> String {
    escape::block(text)
}

/// One line.
#[must_use]
pub fn clean_line(text: &str) -> String {
    escape::line(text)
}

/// One line of at most `most` characters.
#[must_use]
pub fn clean_short(text: &str, most: usize) -> String {
    escape::short(text, most)
}

/// Digits of an id that lists show: a UUID version 7 begins with its millisecond in twelve.
pub(crate) const SHORT_ID: usize = 12;

/// The beginning of an id that is enough to name it.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}
