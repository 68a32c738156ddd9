//! When two values are equal, as the contract's section 5 defines it.
//!
//! Bool only with bool, int and float by value, floats within a tolerance at any depth, list is not tuple, the order of
//! dicts and sets does not count. Types must match otherwise: a set is not a frozenset, bytes are no bytearray, a
//! complex number equals only a complex number.

use std::collections::HashMap;

use super::Value;

/// Relative tolerance of floats (contract, section 5).
const RELATIVE: f64 = 1e-9;
/// Absolute tolerance of floats, for values near zero (contract, section 5).
const ABSOLUTE: f64 = 1e-12;
/// Above this many entries that only a tolerance could pair, sets and dicts are paired in sorted order instead of each
/// with each: 2000 × 2000 comparisons take some 20 ms.
const PAIR_EACH_MAX: usize = 2_000;

impl Value {
    /// Whether `observed` is what `self` expects, as the contract's section 5 defines it. Symmetric.
    #[must_use]
    pub fn equals(&self, observed: &Self) -> bool {
        match (self, observed) {
            (Self::None, Self::None) | (Self::Ellipsis, Self::Ellipsis) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => plain_int(a) == plain_int(b),
            (Self::Float(a), Self::Float(b)) => close(*a, *b),
            (Self::Int(i), Self::Float(f)) | (Self::Float(f), Self::Int(i)) => {
                let int: f64 = i.parse().unwrap_or(f64::NAN);
                int.is_finite() && close(int, *f)
            }
            (Self::Complex(re, im), Self::Complex(re2, im2)) => {
                close(*re, *re2) && close(*im, *im2)
            }
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Surrogates(a), Self::Surrogates(b))
            | (Self::Bytes(a), Self::Bytes(b))
            | (Self::Bytearray(a), Self::Bytearray(b)) => a.eq_ignore_ascii_case(b),
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b))
            }
            (Self::Set(a), Self::Set(b)) | (Self::Frozenset(a), Self::Frozenset(b)) => {
                let (a, b): (Vec<_>, Vec<_>) = (
                    a.iter().map(|v| (v, &Self::None)).collect(),
                    b.iter().map(|v| (v, &Self::None)).collect(),
                );
                unordered_equal(&a, &b)
            }
            (Self::Dict(a), Self::Dict(b)) => {
                let (a, b): (Vec<_>, Vec<_>) = (
                    a.iter().map(|(k, v)| (k, v)).collect(),
                    b.iter().map(|(k, v)| (k, v)).collect(),
                );
                unordered_equal(&a, &b)
            }
            (Self::Range(..), Self::Range(..)) => self.key(true) == observed.key(true),
            (
                Self::None
                | Self::Bool(_)
                | Self::Int(_)
                | Self::Float(_)
                | Self::Complex(..)
                | Self::Str(_)
                | Self::Surrogates(_)
                | Self::Bytes(_)
                | Self::Bytearray(_)
                | Self::List(_)
                | Self::Tuple(_)
                | Self::Set(_)
                | Self::Frozenset(_)
                | Self::Dict(_)
                | Self::Range(..)
                | Self::Ellipsis,
                _,
            ) => false,
        }
    }

    /// A text that two values share exactly when Python finds them equal (`1 == 1.0`, order of sets ignored). With
    /// `bools_apart` a bool equals only a bool, as the contract has it; without, `True == 1` as in a Python dict.
    pub(in crate::dream) fn key(&self, bools_apart: bool) -> String {
        let join = |items: &[Self]| {
            let keys: Vec<_> = items.iter().map(|v| v.key(bools_apart)).collect();
            keys.join(",")
        };
        let sorted = |mut keys: Vec<String>| {
            keys.sort_unstable();
            keys.join(",")
        };
        match self {
            Self::None => "n".to_owned(),
            Self::Bool(b) if bools_apart => format!("b{b}"),
            Self::Bool(b) => format!("i{}", u8::from(*b)),
            Self::Int(i) => format!("i{}", plain_int(i)),
            Self::Float(f) => number_key(*f),
            Self::Complex(re, im) if *im == 0.0 && !bools_apart => number_key(*re),
            Self::Complex(re, im) => format!("c{},{}", number_key(*re), number_key(*im)),
            Self::Str(s) => format!("s{}:{s}", s.len()),
            Self::Surrogates(h) => format!("u{}", h.to_ascii_lowercase()),
            Self::Bytes(h) => format!("x{}", h.to_ascii_lowercase()),
            Self::Bytearray(h) => format!("y{}", h.to_ascii_lowercase()),
            Self::List(v) => format!("[{}]", join(v)),
            Self::Tuple(v) => format!("({})", join(v)),
            Self::Set(v) => format!(
                "{{{}}}",
                sorted(v.iter().map(|v| v.key(bools_apart)).collect())
            ),
            Self::Frozenset(v) => format!(
                "<{}>",
                sorted(v.iter().map(|v| v.key(bools_apart)).collect())
            ),
            Self::Dict(v) => {
                let pairs = v
                    .iter()
                    .map(|(k, v)| format!("{}={}", k.key(bools_apart), v.key(bools_apart)));
                format!("d{{{}}}", sorted(pairs.collect()))
            }
            Self::Range(a, b, c) => format!("r{},{},{}", plain_int(a), plain_int(b), plain_int(c)),
            Self::Ellipsis => "e".to_owned(),
        }
    }

    /// Whether a number lies anywhere in it: only then can a tolerance make two different values equal.
    fn has_number(&self) -> bool {
        match self {
            Self::Int(_) | Self::Float(_) | Self::Complex(..) => true,
            Self::List(v) | Self::Tuple(v) | Self::Set(v) | Self::Frozenset(v) => {
                v.iter().any(Self::has_number)
            }
            Self::Dict(v) => v.iter().any(|(k, v)| k.has_number() || v.has_number()),
            Self::None
            | Self::Bool(_)
            | Self::Str(_)
            | Self::Surrogates(_)
            | Self::Bytes(_)
            | Self::Bytearray(_)
            | Self::Range(..)
            | Self::Ellipsis => false,
        }
    }
}

/// The one form of an integer's text: no plus, no leading zeros, no minus zero.
fn plain_int(text: &str) -> String {
    let (minus, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => format!("{minus}{digits}"),
    }
}

fn close(a: f64, b: f64) -> bool {
    #[expect(
        clippy::float_cmp,
        reason = "the exact case of a tolerant comparison; infinities need it"
    )]
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let apart = (a - b).abs();
    apart.is_finite() && (apart <= ABSOLUTE || apart <= RELATIVE * a.abs().max(b.abs()))
}

fn number_key(f: f64) -> String {
    if f.is_finite() && f.fract() == 0.0 {
        format!("i{}", plain_int(&format!("{f:.0}")))
    } else {
        format!("f{:x}", f.to_bits())
    }
}

/// Pairs entries that are equal exactly, then those that only a tolerance makes equal.
fn unordered_equal<'a>(a: &[(&'a Value, &'a Value)], b: &[(&'a Value, &'a Value)]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let key = |(k, v): &(&Value, &Value)| format!("{}={}", k.key(true), v.key(true));
    let mut left: HashMap<String, Vec<(&Value, &Value)>> = HashMap::new();
    for entry in b {
        left.entry(key(entry)).or_default().push(*entry);
    }
    let mut unpaired = Vec::new();
    for entry in a {
        if left.get_mut(&key(entry)).and_then(Vec::pop).is_none() {
            if !entry.0.has_number() && !entry.1.has_number() {
                return false;
            }
            unpaired.push(*entry);
        }
    }
    let mut rest: Vec<_> = left.into_values().flatten().collect();
    if unpaired.len() > PAIR_EACH_MAX {
        return sorted_equal(unpaired, rest);
    }
    unpaired.iter().all(|(key, value)| {
        let found = rest
            .iter()
            .position(|(k, v)| key.equals(k) && value.equals(v));
        found.map(|at| rest.swap_remove(at)).is_some()
    })
}

fn sorted_equal<'a>(
    mut a: Vec<(&'a Value, &'a Value)>,
    mut b: Vec<(&'a Value, &'a Value)>,
) -> bool {
    let number = |v: &Value| match v {
        Value::Int(i) => i.parse().unwrap_or(f64::NAN),
        Value::Float(f) => *f,
        _ => f64::NAN,
    };
    for side in [&mut a, &mut b] {
        side.sort_by(|x, y| number(x.0).total_cmp(&number(y.0)));
    }
    a.iter()
        .zip(&b)
        .all(|(a, b)| a.0.equals(b.0) && a.1.equals(b.1))
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::dream::parse_literal;

    #[track_caller]
    fn check(expected: &str, observed: &str, equal: bool) {
        let [a, b] = [expected, observed].map(|text| parse_literal(text).unwrap());
        assert_eq!(a.equals(&b), equal, "{expected} with {observed}");
        assert_eq!(b.equals(&a), equal, "{observed} with {expected}");
    }

    #[test]
    fn numbers_are_equal_by_value_but_a_bool_only_to_a_bool() {
        check("1", "1.0", true);
        check("1", "True", false);
        check("0.0", "False", false);
        check("True", "True", true);
        check("{1: 'a'}", "{True: 'a'}", false);
        check("007.0", "7", true);
        check("-0", "0", true);
        check("(1+0j)", "1", false);
    }

    #[test]
    fn floats_are_equal_within_the_tolerance_at_any_depth() {
        check("0.3", "0.30000000000000004", true);
        check("[{'a': (0.3,)}]", "[{'a': (0.30000000000000004,)}]", true);
        check("{0.3: 1}", "{0.30000000000000004: 1.0}", true);
        check("{0.3, 1, 'x'}", "{'x', 1.0, 0.30000000000000004}", true);
        check("1.0", "1.00000001", false);
        check("0.0", "1e-13", true);
        check("0.0", "1e-11", false);
        check("nan", "float('nan')", true);
        check("inf", "inf", true);
        check("inf", "-inf", false);
        check("1e308", "inf", false);
        check("1.5+2j", "1.5000000000001+2j", true);
    }

    #[test]
    fn big_integers_are_compared_exactly() {
        check(
            "100000000000000000000000000000000000001",
            "100000000000000000000000000000000000001",
            true,
        );
        check(
            "100000000000000000000000000000000000001",
            "100000000000000000000000000000000000002",
            false,
        );
        check("0x10000000000000000", "18446744073709551616", true);
        check(&"9".repeat(400), "inf", false);
    }

    #[test]
    fn containers_differ_by_type_and_ignore_order_only_where_they_have_none() {
        check("[1, 2]", "(1, 2)", false);
        check("[1, 2]", "[2, 1]", false);
        check("{1, 2}", "{2, 1}", true);
        check("{1, 2}", "frozenset({1, 2})", false);
        check("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", true);
        check("{'a': 1, 'b': 2}", "{'b': 1, 'a': 2}", false);
        check("{'a', 'b'}", "{'a', 'c'}", false);
        check("b'a'", "'a'", false);
        check("None", "0", false);
        check("[]", "[None]", false);
    }

    #[test]
    fn many_numbers_are_paired_within_a_second() {
        let set = |shift: f64| {
            Value::Set(
                (0..50_000)
                    .map(|n| Value::Float(f64::from(n) + 0.5 + shift))
                    .collect(),
            )
        };
        assert!(set(0.0).equals(&set(1e-11)));
        assert!(!set(0.0).equals(&set(0.1)));
    }
}
