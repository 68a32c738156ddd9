//! Values at the edges of a kind: what careless code gets wrong. Pure.

use crate::dream::Value;

/// Every punctuation mark of ASCII, as a Python literal: quoting and escaping show themselves on these.
const PUNCTUATION: &str = r##"'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'"##;

/// Literals of the same kind as `value`, none of them equal to it.
pub(super) fn of(value: &Value) -> Vec<String> {
    let own = value.to_literal();
    let mut edges: Vec<String> = match value {
        Value::Bool(held) => vec![Value::Bool(!held).to_literal()],
        Value::Int(_) => texts(&["0", "1", "-1", "2", "-17", "255"]),
        Value::Float(_) => texts(&["0.0", "-0.5", "1.0", "2.5"]),
        Value::Str(_) => texts(&["''", "' '", "'Az09 _\\t\\nqQ'", "'\u{e9}'", PUNCTUATION]),
        Value::Bytes(_) => texts(&["b''", r"b'\x00\xff'", "b'Az09'"]),
        Value::List(items) => several(items, |items| Value::List(items).to_literal()),
        Value::Tuple(items) => several(items, |items| Value::Tuple(items).to_literal()),
        Value::Set(_) => texts(&["set()"]),
        Value::Dict(_) => texts(&["{}"]),
        _ => Vec::new(),
    };
    edges.retain(|edge| *edge != own);
    edges
}

fn texts(literals: &[&str]) -> Vec<String> {
    literals.iter().map(|&text| text.to_owned()).collect()
}

/// Nothing, the first alone, backwards, and all of it twice.
fn several(items: &[Value], of: impl Fn(Vec<Value>) -> String) -> Vec<String> {
    let mut forms = vec![of(Vec::new())];
    if items.len() > 1 {
        forms.push(of(items[..1].to_vec()));
        forms.push(of(items.iter().rev().cloned().collect()));
    }
    if !items.is_empty() {
        forms.push(of([items, items].concat()));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::parse_literal;

    #[test]
    fn edges_are_literals_of_the_same_kind_and_never_the_value_itself() {
        for text in [
            "True", "3", "0", "1.5", "'x'", "b'x'", "[1, 2]", "(3,)", "{1}", "{'a': 1}",
        ] {
            let value = parse_literal(text).expect("a literal");
            let edges = of(&value);
            assert!(!edges.is_empty(), "{text}");
            for edge in edges {
                let edge = parse_literal(&edge).expect("an edge is a literal");
                assert!(!edge.equals(&value), "{text}");
                assert_eq!(
                    std::mem::discriminant(&edge),
                    std::mem::discriminant(&value),
                    "{text}"
                );
            }
        }
    }
}
