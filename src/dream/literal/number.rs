//! Numbers of a Python literal: every base, underscores, floats, imaginary ones.

use std::fmt::Write as _;

use super::{LiteralError, Reader, Value};

/// Hexadecimal, octal and binary digits: the conversion to decimal is quadratic, this many take 10 ms.
const RADIX_DIGITS_MAX: usize = 20_000;

impl Reader<'_> {
    pub(super) fn number(&mut self) -> Result<Value, LiteralError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        if bytes[start] == b'0' {
            let radix = match bytes.get(start + 1) {
                Some(b'x' | b'X') => 16,
                Some(b'o' | b'O') => 8,
                Some(b'b' | b'B') => 2,
                _ => 0,
            };
            if radix != 0 {
                self.at += 2;
                return self.radix_number(radix);
            }
        }
        let mut end = start;
        let mut is_float = false;
        while let Some(&b) = bytes.get(end) {
            match b {
                b'0'..=b'9' | b'_' => {}
                b'.' => is_float = true,
                b'e' | b'E' => {
                    is_float = true;
                    if matches!(bytes.get(end + 1), Some(b'+' | b'-')) {
                        end += 1;
                    }
                }
                _ => break,
            }
            end += 1;
        }
        let raw = &self.text[start..end];
        self.at = end;
        let imaginary = self.eat("j") || self.eat("J");
        if self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return Err(self.error("a letter inside a number"));
        }
        if !underscores_are_between_digits(raw) {
            return Err(LiteralError {
                at: start,
                what: "an underscore in the wrong place",
            });
        }
        let digits = raw.replace('_', "");
        if is_float || imaginary {
            let f: f64 = digits.parse().map_err(|_| LiteralError {
                at: start,
                what: "not a number",
            })?;
            return Ok(if imaginary {
                Value::Complex(0.0, f)
            } else {
                Value::Float(f)
            });
        }
        let plain = digits.trim_start_matches('0');
        match (plain, digits.starts_with('0')) {
            ("", _) => Ok(Value::Int("0".to_owned())),
            (_, true) => Err(LiteralError {
                at: start,
                what: "leading zeros",
            }),
            (plain, false) => Ok(Value::Int(plain.to_owned())),
        }
    }

    fn radix_number(&mut self, radix: u32) -> Result<Value, LiteralError> {
        let start = self.at;
        let len = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(self.rest().len());
        let raw = &self.rest()[..len];
        self.at += len;
        // One underscore may follow the prefix.
        let body = raw.strip_prefix('_').unwrap_or(raw);
        let wrong = LiteralError {
            at: start,
            what: "a digit does not fit its base",
        };
        if body.is_empty() || body.ends_with('_') || body.contains("__") {
            return Err(wrong);
        }
        let digits: Option<Vec<u32>> = body
            .chars()
            .filter(|c| *c != '_')
            .map(|c| c.to_digit(radix))
            .collect();
        let digits = digits.ok_or(wrong)?;
        if digits.len() > RADIX_DIGITS_MAX {
            return Err(LiteralError {
                at: start,
                what: "too many digits",
            });
        }
        Ok(Value::Int(decimal(&digits, radix)))
    }
}

/// The text that `float` accepts and `repr` shows.
pub(super) fn special_float(text: &str) -> Option<Value> {
    let text = text.trim().to_ascii_lowercase();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    match rest {
        "nan" => Some(Value::Float(f64::NAN)),
        "inf" | "infinity" => Some(Value::Float(sign * f64::INFINITY)),
        _ if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            rest.parse().ok().map(|f: f64| Value::Float(sign * f))
        }
        _ => None,
    }
}

fn underscores_are_between_digits(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'_')
        .all(|(at, _)| {
            let digit = |at: Option<usize>| {
                at.and_then(|at| bytes.get(at))
                    .is_some_and(u8::is_ascii_digit)
            };
            digit(at.checked_sub(1)) && digit(Some(at + 1))
        })
}

/// Digits of any base as decimal text.
fn decimal(digits: &[u32], radix: u32) -> String {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs: Vec<u64> = vec![0];
    for digit in digits {
        let mut carry = u64::from(*digit);
        for limb in &mut limbs {
            let sum = *limb * u64::from(radix) + carry;
            *limb = sum % LIMB;
            carry = sum / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut text = limbs.pop().unwrap_or(0).to_string();
    for limb in limbs.iter().rev() {
        let _ = write!(text, "{limb:09}");
    }
    text
}
