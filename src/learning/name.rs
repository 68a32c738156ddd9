//! Names of topics and sessions: any text of a bounded length in the database, and a file name that cannot leave its
//! folder on disk. Pure.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A topic's label is a few words; what is longer is no name. Escaped three times as long it still is a file name of
/// fewer than 255 bytes.
pub const MAX_NAME_BYTES: usize = 80;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name is empty")]
    Empty,
    #[error("a name has {0} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong(usize),
    #[error("a name holds a control character")]
    Control,
    #[error("{0:?} is no name that this program wrote")]
    Escape(String),
}

/// The name, where it may be one.
///
/// # Errors
/// Empty, too long, or with control characters.
pub fn checked(name: &str) -> Result<&str, NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong(name.len()));
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(name)
}

/// The nearest name to a text that people or models wrote: on one line; one that is too long is cut and ends in digits of
/// its whole text, so that no two of them become one.
#[must_use]
pub fn fitted(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.trim() {
        "" => "unnamed".to_owned(),
        name if name.len() <= MAX_NAME_BYTES => name.to_owned(),
        name => {
            let digest = Sha256::digest(name);
            let digits = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
            let kept = name.floor_char_boundary(MAX_NAME_BYTES - 9);
            format!("{}~{digits:08x}", name[..kept].trim_end())
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
}

/// A single file name for the name: all but `a-z0-9_-` as `%XX`. No slash, no dot, no two names alike, also where the
/// file system ignores case.
///
/// # Errors
/// Where it is no name.
pub fn to_file_name(name: &str) -> Result<String, NameError> {
    let mut out = String::new();
    for byte in checked(name)?.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(out)
}

/// Back again. Plain names of other programs (letters, digits, `_`, `-`, and dots within) are taken as they are.
///
/// # Errors
/// A broken escape, or what is no name.
pub fn from_file_name(file: &str) -> Result<String, NameError> {
    let broken = || NameError::Escape(file.chars().take(40).collect());
    let mut bytes = Vec::new();
    let mut rest = file.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits =
                    [rest.next(), rest.next()].map(|d| d.and_then(|d| char::from(d).to_digit(16)));
                let [Some(high), Some(low)] = digits else {
                    return Err(broken());
                };
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| broken())?);
            }
            b'/' | b'\\' | 0 => return Err(broken()),
            plain => bytes.push(plain),
        }
    }
    let name = String::from_utf8(bytes).map_err(|_| broken())?;
    Ok(checked(&name)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{Chance, cases};

    #[test]
    fn every_name_is_refused_or_comes_back_exactly() {
        let long = "🦀".repeat(2_500);
        assert_eq!(to_file_name(&long), Err(NameError::TooLong(10_000)));
        assert_eq!(to_file_name(""), Err(NameError::Empty));
        assert_eq!(to_file_name("a\nb"), Err(NameError::Control));
        for name in [
            "../x",
            "/etc",
            "a:b",
            "..",
            ".",
            "a/sessions/1",
            "CON",
            "numpy / arrays",
            "żółć 🦀",
            "100%",
        ] {
            let file = to_file_name(name).unwrap();
            assert!(
                file.bytes()
                    .all(|b| is_plain(b) || b == b'%' || b.is_ascii_uppercase()),
                "{file}"
            );
            assert!(file.len() < 255);
            assert_eq!(from_file_name(&file).unwrap(), name);
        }
    }

    #[test]
    fn whatever_a_topic_is_called_it_gets_a_name_of_its_own() {
        let long = "The history of sorting, ".repeat(5);
        let (one, two) = (format!("{long}merges"), format!("{long}heaps"));
        let names = [&one, &two].map(|text| fitted(text));
        assert_ne!(names[0], names[1]);
        assert!(names[0].starts_with("The history of sorting, "));
        assert_eq!(fitted(&one), names[0]);
        assert_eq!(fitted(" \n"), "unnamed");
        let short = "x".repeat(MAX_NAME_BYTES);
        assert_eq!(fitted(&format!(" {short}\u{7}")), short);
        for text in [one, "🦀".repeat(2_500)] {
            let name = fitted(&text);
            assert_eq!(checked(&name), Ok(name.as_str()));
        }
    }

    #[test]
    fn no_name_leads_out_of_its_folder() {
        let mut chance = Chance::seeded(1);
        let alphabet: Vec<char> = "./\\:%a~\0\n é🦀-_A0".chars().collect();
        for _ in 0..cases() {
            let length = chance.bits() % 30;
            let name: String = (0..length)
                .map(|_| alphabet[usize::try_from(chance.bits() % alphabet.len() as u64).unwrap()])
                .collect();
            if let Ok(file) = to_file_name(&name) {
                let path = std::path::Path::new("/base").join(&file);
                assert_eq!(
                    path.parent(),
                    Some(std::path::Path::new("/base")),
                    "{name:?}"
                );
                assert!(!file.contains('.'));
                assert_eq!(from_file_name(&file).unwrap(), name);
            }
            // Whatever lies in a folder that somebody hands us.
            if let Ok(read) = from_file_name(&name) {
                assert!(checked(&read).is_ok());
            }
        }
    }
}
