//! `{{name}}` in a pack file's texts; pure. Called while a file's variants are made.

use std::collections::BTreeMap;

use super::PackError;

/// `text` with every `{{name}}` replaced. Braces around anything that is no plain name stay as they are, so that
/// Python's own doubled braces survive.
///
/// # Errors
/// A plain name that is no parameter: a typing mistake in the file.
pub(super) fn fill(
    file: &str,
    text: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<String, PackError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, tail) = rest.split_at(open);
        filled.push_str(before);
        let inside = tail.get(2..).unwrap_or_default();
        let close = inside.find("}}");
        let name = close.and_then(|at| inside.get(..at)).filter(|n| is_name(n));
        let Some(name) = name else {
            filled.push_str("{{");
            rest = inside;
            continue;
        };
        let value = parameters.get(name).ok_or_else(|| PackError::Invalid {
            file: file.to_owned(),
            what: format!("{{{{{name}}}}} is no parameter"),
        })?;
        filled.push_str(value);
        rest = inside.get(name.len() + 2..).unwrap_or_default();
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let parameters = BTreeMap::from([("n".to_owned(), "3".to_owned())]);
        assert_eq!(fill("f", text, &parameters).ok().as_deref(), expected);
    }

    #[test]
    fn parameters_are_filled_in_and_foreign_braces_stay() {
        check("a {{n}} b {{n}}", Some("a 3 b 3"));
        check("{{ n }} {{}} {{", Some("{{ n }} {{}} {{"));
        check("}} {{n}}}}", Some("}} 3}}"));
        check("no {{m}}", None);
    }
}
