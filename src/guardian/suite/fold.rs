//! Constant expressions of plain data, worked out: `[5] + [6]` asks what `[5, 6]` asks. Pure; only what is sure and small.

use crate::dream::Value;

/// Most elements or characters of what is worked out, and the largest power.
const LENGTH_MAX: usize = 10_000;
const POWER_MAX: u32 = 60;

/// What an operator makes of two constants; `None` where that is not for us to say.
pub(super) fn operated(operator: &str, left: &Value, right: &Value) -> Option<Value> {
    match (operator, left, right) {
        ("+", Value::List(a), Value::List(b)) => Some(Value::List([&a[..], &b[..]].concat())),
        ("+", Value::Tuple(a), Value::Tuple(b)) => Some(Value::Tuple([&a[..], &b[..]].concat())),
        ("+", Value::Str(a), Value::Str(b)) => Some(Value::Str(format!("{a}{b}"))),
        ("*", Value::List(items), Value::Int(n)) | ("*", Value::Int(n), Value::List(items)) => {
            repeated(items, n).map(Value::List)
        }
        ("*", Value::Tuple(items), Value::Int(n)) | ("*", Value::Int(n), Value::Tuple(items)) => {
            repeated(items, n).map(Value::Tuple)
        }
        ("*", Value::Str(text), Value::Int(n)) | ("*", Value::Int(n), Value::Str(text)) => {
            let times = times(n, text.len())?;
            Some(Value::Str(text.repeat(times)))
        }
        (_, Value::Int(a), Value::Int(b)) => {
            let (a, b): (i128, i128) = (a.parse().ok()?, b.parse().ok()?);
            let whole = match operator {
                "+" => a.checked_add(b),
                "-" => a.checked_sub(b),
                "*" => a.checked_mul(b),
                "**" => {
                    let power = u32::try_from(b).ok().filter(|b| *b <= POWER_MAX)?;
                    a.checked_pow(power)
                }
                // Python rounds down, towards the smaller.
                "//" if b > 0 => Some(a.div_euclid(b)),
                "%" if b > 0 => Some(a.rem_euclid(b)),
                _ => None,
            };
            whole.map(|n| Value::Int(n.to_string()))
        }
        _ => None,
    }
}

/// What a built-in type makes of one constant.
pub(super) fn called(name: &str, argument: &Value) -> Option<Value> {
    match (name, argument) {
        ("list", _) => items(argument).map(Value::List),
        ("tuple", _) => items(argument).map(Value::Tuple),
        ("int", Value::Int(_)) | ("str", Value::Str(_)) => Some(argument.clone()),
        ("str", Value::Int(n)) => Some(Value::Str(n.clone())),
        _ => None,
    }
}

/// The elements of what has them in an order that is sure.
fn items(of: &Value) -> Option<Vec<Value>> {
    match of {
        Value::List(items) | Value::Tuple(items) => Some(items.clone()),
        Value::Str(text) if text.len() <= LENGTH_MAX => {
            let chars = text.chars().map(|c| Value::Str(c.to_string()));
            Some(chars.collect())
        }
        Value::Range(start, end, step) => {
            let (mut at, end): (i64, i64) = (start.parse().ok()?, end.parse().ok()?);
            let step: i64 = step.parse().ok()?;
            let mut found = Vec::new();
            while step > 0 && at < end || step < 0 && at > end {
                if found.len() == LENGTH_MAX {
                    return None;
                }
                found.push(Value::Int(at.to_string()));
                at = at.checked_add(step)?;
            }
            Some(found)
        }
        _ => None,
    }
}

fn repeated(items: &[Value], n: &str) -> Option<Vec<Value>> {
    // At every depth: what is repeated may itself have been worked out.
    let length = items.iter().map(|item| item.to_literal().len()).sum();
    let times = times(n, length)?;
    Some(
        items
            .iter()
            .cloned()
            .cycle()
            .take(items.len() * times)
            .collect(),
    )
}

/// How often something of this length is repeated; below zero is never.
fn times(n: &str, length: usize) -> Option<usize> {
    let times: i64 = n.parse().ok()?;
    let times = usize::try_from(times.max(0)).ok()?;
    let whole = times.checked_mul(length)?;
    (whole <= LENGTH_MAX).then_some(times)
}

#[cfg(test)]
mod tests {
    use super::{called, operated};
    use crate::dream::parse_literal;

    #[track_caller]
    fn check(left: &str, operator: &str, right: &str, expected: Option<&str>) {
        let [left, right] = [left, right].map(|text| parse_literal(text).expect("a literal"));
        let made = operated(operator, &left, &right).map(|value| value.to_literal());
        assert_eq!(made.as_deref(), expected);
    }

    #[test]
    fn plain_data_is_worked_out() {
        // It is long at a depth.
        check("[[0, 0]]", "*", "9000", None);
        check("[5]", "+", "[6]", Some("[5, 6]"));
        check("'a'", "*", "3", Some("'aaa'"));
        check("2", "*", "(1,)", Some("(1, 1)"));
        check("[1]", "*", "-2", Some("[]"));
        check("10", "**", "3", Some("1000"));
        check("-7", "//", "2", Some("-4"));
        check("-7", "%", "2", Some("1"));
        check("[1]", "*", "100000", None);
        check("2", "**", "1000", None);
        check("1", "//", "0", None);
        check("1.5", "+", "1", None);
        check("[1]", "+", "(2,)", None);
    }

    #[test]
    fn built_in_types_make_data() {
        for (name, argument, expected) in [
            ("list", "(2, 8)", Some("[2, 8]")),
            ("list", "range(3)", Some("[0, 1, 2]")),
            ("tuple", "'ab'", Some("('a', 'b')")),
            ("list", "{1}", None),
            ("set", "[1]", None),
        ] {
            let argument = parse_literal(argument).expect("a literal");
            let made = called(name, &argument).map(|value| value.to_literal());
            assert_eq!(made.as_deref(), expected);
        }
    }
}
