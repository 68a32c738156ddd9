//! Whether an expected value is a Python literal that the checks can carry; pure.

use crate::dream::parse_literal;

pub(super) fn is_literal(text: &str) -> bool {
    parse_literal(text).is_ok()
}
