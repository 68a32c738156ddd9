//! Exact built-in Python data, as it travels out of a sandbox, and when two of them are equal.

use serde::{Deserialize, Serialize};

/// A value of exact built-in type. Dicts and sets keep the order in which they were given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    None,
    Bool(bool),
    /// Any size, in decimal digits with an optional minus.
    Int(String),
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    Str(String),
    /// A string with lone surrogates, as hexadecimal of its `surrogatepass` UTF-8.
    Surrogates(String),
    /// Hexadecimal.
    Bytes(String),
    Bytearray(String),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    Frozenset(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Start, stop, step.
    Range(String, String, String),
    Ellipsis,
}
