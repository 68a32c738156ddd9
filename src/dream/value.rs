//! Exact built-in Python data, as it travels out of a sandbox. Equality and text have a file each.

mod equality;
mod text;

use serde::{Deserialize, Serialize};

/// A value of exact built-in type. Dicts and sets keep the order in which they were given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    None,
    Bool(bool),
    /// Any size, in decimal digits with an optional minus.
    Int(String),
    Float(#[serde(with = "float_text")] f64),
    /// Real and imaginary part.
    Complex(
        #[serde(with = "float_text")] f64,
        #[serde(with = "float_text")] f64,
    ),
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

impl Value {
    /// The type's name in Python.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) | Self::Surrogates(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::Bytearray(_) => "bytearray",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Frozenset(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::Range(..) => "range",
            Self::Ellipsis => "ellipsis",
        }
    }

    /// Whether Python could use it as a key of a dict.
    #[must_use]
    pub fn is_hashable(&self) -> bool {
        match self {
            Self::Bytearray(_) | Self::List(_) | Self::Set(_) | Self::Dict(_) => false,
            Self::Tuple(items) => items.iter().all(Self::is_hashable),
            Self::None
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Complex(..)
            | Self::Str(_)
            | Self::Surrogates(_)
            | Self::Bytes(_)
            | Self::Frozenset(_)
            | Self::Range(..)
            | Self::Ellipsis => true,
        }
    }
}

/// Floats travel as text, because JSON has no NaN and no infinities: the shortest digits that read back the same,
/// `NaN`, `inf` or `-inf`; also as Python's `repr` writes them.
mod float_text {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:?}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse()
            .map_err(|_| serde::de::Error::custom(format!("not a float: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[track_caller]
    fn check(value: &Value, json: &str) {
        assert_eq!(serde_json::to_string(value).unwrap(), json);
        let back: Value = serde_json::from_str(json).unwrap();
        assert_eq!(format!("{back:?}"), format!("{value:?}"));
    }

    #[test]
    fn every_kind_of_value_survives_json() {
        check(&Value::None, r#""none""#);
        check(&Value::Ellipsis, r#""ellipsis""#);
        check(&Value::Bool(true), r#"{"bool":true}"#);
        check(&Value::Int("-3".into()), r#"{"int":"-3"}"#);
        check(&Value::Float(1.5), r#"{"float":"1.5"}"#);
        check(&Value::Float(-0.0), r#"{"float":"-0.0"}"#);
        check(&Value::Float(f64::NAN), r#"{"float":"NaN"}"#);
        check(&Value::Float(f64::NEG_INFINITY), r#"{"float":"-inf"}"#);
        check(
            &Value::Complex(1.0, f64::INFINITY),
            r#"{"complex":["1.0","inf"]}"#,
        );
        check(&Value::Bytes("00ff".into()), r#"{"bytes":"00ff"}"#);
        check(
            &Value::Range("0".into(), "3".into(), "1".into()),
            r#"{"range":["0","3","1"]}"#,
        );
        let pair = (Value::Str("a".into()), Value::Tuple(vec![Value::None]));
        check(
            &Value::Dict(vec![pair]),
            r#"{"dict":[[{"str":"a"},{"tuple":["none"]}]]}"#,
        );
    }

    #[test]
    fn floats_are_read_as_python_writes_them() {
        for (text, value) in [("1e+16", 1e16), ("inf", f64::INFINITY), ("5e-324", 5e-324)] {
            let json = format!(r#"{{"float":"{text}"}}"#);
            assert_eq!(
                serde_json::from_str::<Value>(&json).unwrap(),
                Value::Float(value)
            );
        }
    }
}
