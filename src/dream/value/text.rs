//! Values as Python text: an expression over built-in names that gives the value back.

use std::fmt::Write as _;

use super::Value;

impl Value {
    /// A Python expression over built-in names that gives this value back.
    #[must_use]
    pub fn to_literal(&self) -> String {
        let mut text = String::new();
        self.write_literal(&mut text);
        text
    }

    fn write_literal(&self, out: &mut String) {
        match self {
            Self::None => out.push_str("None"),
            Self::Bool(true) => out.push_str("True"),
            Self::Bool(false) => out.push_str("False"),
            Self::Int(i) => out.push_str(i),
            Self::Float(f) => out.push_str(&float_literal(*f)),
            Self::Complex(re, im) => {
                let _ = write!(
                    out,
                    "complex({}, {})",
                    float_literal(*re),
                    float_literal(*im)
                );
            }
            Self::Str(s) => write_str(s.chars().map(Ok), out),
            Self::Surrogates(hex) => write_surrogates(hex, out),
            Self::Bytes(hex) => write_bytes(hex, out),
            Self::Bytearray(hex) => {
                out.push_str("bytearray(");
                write_bytes(hex, out);
                out.push(')');
            }
            Self::List(v) => write_items("[", v, "]", out),
            Self::Tuple(v) if v.len() == 1 => write_items("(", v, ",)", out),
            Self::Tuple(v) => write_items("(", v, ")", out),
            Self::Set(v) if v.is_empty() => out.push_str("set()"),
            Self::Set(v) => write_items("{", v, "}", out),
            Self::Frozenset(v) if v.is_empty() => out.push_str("frozenset()"),
            Self::Frozenset(v) => write_items("frozenset({", v, "})", out),
            Self::Dict(v) => {
                out.push('{');
                for (n, (key, value)) in v.iter().enumerate() {
                    out.push_str(if n == 0 { "" } else { ", " });
                    key.write_literal(out);
                    out.push_str(": ");
                    value.write_literal(out);
                }
                out.push('}');
            }
            Self::Range(a, b, c) => {
                let _ = write!(out, "range({a}, {b}, {c})");
            }
            Self::Ellipsis => out.push_str("..."),
        }
    }
}

fn float_literal(f: f64) -> String {
    match f {
        f if f.is_nan() => "float('nan')".to_owned(),
        f64::INFINITY => "float('inf')".to_owned(),
        f64::NEG_INFINITY => "float('-inf')".to_owned(),
        f => format!("{f:?}"),
    }
}

fn write_items(open: &str, items: &[Value], close: &str, out: &mut String) {
    out.push_str(open);
    for (n, item) in items.iter().enumerate() {
        out.push_str(if n == 0 { "" } else { ", " });
        item.write_literal(out);
    }
    out.push_str(close);
}

/// Writes characters, or lone surrogates as `Err`, as one Python string.
fn write_str(text: impl Iterator<Item = Result<char, u16>>, out: &mut String) {
    out.push('\'');
    for unit in text {
        match unit {
            Ok('\\') => out.push_str("\\\\"),
            Ok('\'') => out.push_str("\\'"),
            Ok('\n') => out.push_str("\\n"),
            Ok('\r') => out.push_str("\\r"),
            Ok('\t') => out.push_str("\\t"),
            // Escaped: control characters, and what would reorder or break the line that a person reads.
            Ok(c) if c.is_control() || is_invisible(c) => {
                let code = u32::from(c);
                let _ = if code > 0xffff {
                    write!(out, "\\U{code:08x}")
                } else {
                    write!(out, "\\u{code:04x}")
                };
            }
            Ok(c) => out.push(c),
            Err(half) => {
                let _ = write!(out, "\\u{half:04x}");
            }
        }
    }
    out.push('\'');
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn write_surrogates(hex: &str, out: &mut String) {
    let bytes = from_hex(hex);
    let mut units = Vec::new();
    let mut rest = bytes.as_slice();
    while let [first, ..] = rest {
        if let [0xed, second @ 0xa0..=0xbf, third, ..] = rest {
            units.push(Err(0xd000
                | (u16::from(second & 0x3f) << 6)
                | u16::from(third & 0x3f)));
            rest = &rest[3..];
            continue;
        }
        let len = match first {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        let (head, tail) = rest.split_at(len.min(rest.len()));
        units.push(Ok(String::from_utf8_lossy(head)
            .chars()
            .next()
            .unwrap_or('\u{fffd}')));
        rest = tail;
    }
    write_str(units.into_iter(), out);
}

fn write_bytes(hex: &str, out: &mut String) {
    out.push_str("b'");
    for byte in from_hex(hex) {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\'' => out.push_str("\\'"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('\'');
}

/// Bytes of a hexadecimal text; what is not hexadecimal ends it.
fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    hex.as_bytes()
        .chunks_exact(2)
        .map_while(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::dream::parse_literal;

    #[test]
    fn literals_give_the_value_back() {
        for text in [
            "None",
            "...",
            "-12",
            "1.5",
            "1e+300",
            "float('nan')",
            "-inf",
            "complex(1, -2)",
            "'a\\'b\\\\\\n\\u200b\\U0001f600'",
            "'\\ud800x\u{e9}'",
            "b'\\x00\\'a'",
            "bytearray(b'z')",
            "[(1,), ()]",
            "set()",
            "{1}",
            "frozenset({2})",
            "frozenset()",
            "{'k': {None: [True]}}",
            "range(1, 5, 2)",
            "-0.0",
        ] {
            let value = parse_literal(text).unwrap();
            let again = parse_literal(&value.to_literal()).unwrap();
            assert!(value.equals(&again), "{text} became {}", value.to_literal());
        }
        assert_eq!(
            parse_literal("'\\ud800'").unwrap().to_literal(),
            "'\\ud800'"
        );
    }
}
