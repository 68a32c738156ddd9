//! Given names as an interpreter reads them, and which of them it is told. Pure; the bench and its jobs use it.

use std::collections::{BTreeMap, HashSet};

use crate::dream::{Check, parse_literal};

/// What is given to the code under judgement: the names that its setup or its call speaks of. What only `holds` looks
/// at is an expectation, and stays outside of that interpreter.
pub(crate) fn bound(check: &Check) -> BTreeMap<String, String> {
    let texts = [check.setup.as_str(), check.call.as_str()];
    let words = texts.map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let words: HashSet<&str> = words.into_iter().flatten().collect();
    let mut given = readable(&check.given);
    given.retain(|name, _| words.contains(name.as_str()));
    given
}

/// Literals in the one form that an interpreter reads too: `nan` becomes `float('nan')`.
pub(super) fn readable(given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let rewrite = |text: &String| {
        parse_literal(text).map_or_else(|_| text.clone(), |value| value.to_literal())
    };
    given
        .iter()
        .map(|(name, text)| (name.clone(), rewrite(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::bound;
    use crate::dream::Check;

    #[test]
    fn what_only_a_property_looks_at_stays_outside() {
        let given = ["xs", "n", "want"].map(|name| (name.to_owned(), "[nan]".to_owned()));
        let check = Check {
            given: given.into(),
            setup: "m = n + 1".to_owned(),
            ..Check::example("f(xs, m)", "3")
        };
        let bound = bound(&check);
        assert_eq!(bound.keys().collect::<Vec<_>>(), ["n", "xs"]);
        assert_eq!(bound["xs"], "[float('nan')]");
    }
}
