//! Strings and bytes of a Python literal: prefixes, escapes, triple quotes, adjacent pieces.

use std::fmt::Write as _;

use super::{LiteralError, Reader, Value};

impl Reader<'_> {
    /// One or more adjacent strings, all of text or all of bytes.
    pub(super) fn strings(&mut self) -> Result<Value, LiteralError> {
        let start = self.at;
        let mut bytes = Vec::new();
        let mut kind = None;
        let mut lone = false;
        loop {
            let is_bytes = self.string(&mut bytes, &mut lone)?;
            if *kind.get_or_insert(is_bytes) != is_bytes {
                return Err(LiteralError {
                    at: start,
                    what: "text and bytes side by side",
                });
            }
            let end = self.at;
            self.skip_space();
            if !self.at_string() {
                self.at = end;
                break;
            }
        }
        if kind == Some(true) {
            return Ok(Value::Bytes(hex(&bytes)));
        }
        if lone {
            return Ok(Value::Surrogates(hex(&bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|_| LiteralError {
            at: start,
            what: "not text",
        })?;
        Ok(Value::Str(text))
    }

    fn at_string(&self) -> bool {
        let prefix = self
            .rest()
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        prefix <= 2 && matches!(self.rest().as_bytes().get(prefix), Some(b'\'' | b'"'))
    }

    /// Appends one string to `out`; true where it is bytes. Sets `lone` at a lone surrogate.
    fn string(&mut self, out: &mut Vec<u8>, lone: &mut bool) -> Result<bool, LiteralError> {
        let prefix_len = self
            .rest()
            .find(['\'', '"'])
            .ok_or_else(|| self.error("not a string"))?;
        let prefix = self.rest()[..prefix_len].to_ascii_lowercase();
        let (raw, is_bytes) = match prefix.as_str() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "rb" | "br" => (true, true),
            _ => return Err(self.error("this kind of string is not a literal")),
        };
        self.at += prefix_len;
        let quote = if self.rest().starts_with('\'') {
            "'"
        } else {
            "\""
        };
        let triple = quote.repeat(3);
        let (closing, triple_quoted) = if self.eat(&triple) {
            (triple.as_str(), true)
        } else {
            (quote, false)
        };
        if !triple_quoted {
            self.at += 1;
        }
        loop {
            if self.eat(closing) {
                return Ok(is_bytes);
            }
            let Some(c) = self.next() else {
                return Err(self.error("a string is not closed"));
            };
            match c {
                '\n' | '\r' if !triple_quoted => return Err(self.error("a line break in a string")),
                '\r' => {
                    self.eat("\n");
                    out.push(b'\n');
                }
                '\\' if raw => {
                    out.push(b'\\');
                    let Some(next) = self.next() else {
                        return Err(self.error("a string is not closed"));
                    };
                    if is_bytes && !next.is_ascii() {
                        return Err(self.error("a character that is not ASCII in bytes"));
                    }
                    push_char(next, out);
                }
                '\\' => self.escape(is_bytes, out, lone)?,
                c if is_bytes && !c.is_ascii() => {
                    return Err(self.error("a character that is not ASCII in bytes"));
                }
                c => push_char(c, out),
            }
        }
    }

    /// What follows a backslash.
    fn escape(
        &mut self,
        is_bytes: bool,
        out: &mut Vec<u8>,
        lone: &mut bool,
    ) -> Result<(), LiteralError> {
        let Some(c) = self.next() else {
            return Err(self.error("a string is not closed"));
        };
        let code = match c {
            '\n' => return Ok(()),
            '\r' => {
                self.eat("\n");
                return Ok(());
            }
            '\\' | '\'' | '"' => u32::from(c),
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0'..='7' => {
                self.at -= 1;
                let len = self
                    .rest()
                    .bytes()
                    .take(3)
                    .take_while(|b| (b'0'..=b'7').contains(b))
                    .count();
                self.digits(len, 8)?
            }
            'x' => self.digits(2, 16)?,
            'u' if !is_bytes => self.digits(4, 16)?,
            'U' if !is_bytes => self.digits(8, 16)?,
            'N' if !is_bytes => return Err(self.error("named characters are not read")),
            other => {
                // Python keeps an unknown escape as it stands.
                if is_bytes && !other.is_ascii() {
                    return Err(self.error("a character that is not ASCII in bytes"));
                }
                out.push(b'\\');
                push_char(other, out);
                return Ok(());
            }
        };
        if is_bytes {
            out.push(u8::try_from(code).map_err(|_| self.error("a byte above 255"))?);
            return Ok(());
        }
        match char::from_u32(code) {
            Some(c) => push_char(c, out),
            None if (0xd800..0xe000).contains(&code) => {
                *lone = true;
                let unit = |shift: u32, tag: u32| {
                    u8::try_from(tag | ((code >> shift) & 0x3f)).unwrap_or(0)
                };
                out.extend([0xed, unit(6, 0x80), unit(0, 0x80)]);
            }
            None => return Err(self.error("no such character")),
        }
        Ok(())
    }

    fn digits(&mut self, count: usize, radix: u32) -> Result<u32, LiteralError> {
        let text = self
            .rest()
            .get(..count)
            .ok_or_else(|| self.error("an escape is cut off"))?;
        if !text.chars().all(|c| c.is_digit(radix)) {
            return Err(self.error("an escape's digit is wrong"));
        }
        let code = u32::from_str_radix(text, radix)
            .map_err(|_| self.error("an escape's digit is wrong"))?;
        self.at += count;
        Ok(code)
    }
}

fn push_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
