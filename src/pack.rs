//! Scenarios and solutions without a model, behind the weaver and the coder: first what the owner's own documents
//! prove about themselves (`source`), then the tasks that ship with the program (`offline`).
//! Called by the engine and, for few-shot examples, by the weaver. Never runs anything: whoever calls has the sandbox.

pub mod offline;
pub mod source;

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Characters of a task's key: 128 bits in hexadecimal, far beyond any chance of two tasks sharing one.
const KEY_CHARS: usize = 32;

/// A stable name for a task, remembered as tried: the same parts give the same key on every machine.
fn key_of(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(part.len().to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut key = hex(&digest.finalize());
    key.truncate(KEY_CHARS);
    key
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
