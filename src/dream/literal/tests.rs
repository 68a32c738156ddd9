//! Literals of every form, and what is none.

use proptest::prelude::*;

use super::{Value, parse_literal};

#[track_caller]
fn check(text: &str, expected: &Value) {
    assert_eq!(parse_literal(text).as_ref(), Ok(expected), "{text}");
}

fn int(text: &str) -> Value {
    Value::Int(text.to_owned())
}

fn string(text: &str) -> Value {
    Value::Str(text.to_owned())
}

#[test]
fn numbers_of_every_form_are_read() {
    for (text, expected) in [
        ("0", "0"),
        ("00", "0"),
        ("-0", "0"),
        ("--5", "5"),
        ("+7", "7"),
        ("- 3", "-3"),
        ("1_000", "1000"),
        ("0xFF", "255"),
        ("0b1_01", "5"),
        ("0o17", "15"),
        ("0x_f", "15"),
        ("(((4)))", "4"),
        (
            "0xffffffffffffffffffffffff",
            "79228162514264337593543950335",
        ),
        (
            "-123456789012345678901234567890",
            "-123456789012345678901234567890",
        ),
    ] {
        check(text, &int(expected));
    }
    check("1.", &Value::Float(1.0));
    check(".5", &Value::Float(0.5));
    check("1_0.0_1e-1_0", &Value::Float(10.01e-10));
    check("1e400", &Value::Float(f64::INFINITY));
    check("-inf", &Value::Float(f64::NEG_INFINITY));
    check("2j", &Value::Complex(0.0, 2.0));
    check("(1-2.5j)", &Value::Complex(1.0, -2.5));
    check("-1+2J", &Value::Complex(-1.0, 2.0));
}

#[test]
fn strings_of_every_form_are_read() {
    check(r"'a' 'b'", &string("ab"));
    check("('a'\n  \"b\")", &string("ab"));
    check(r#""it's""#, &string("it's"));
    check(
        r"'\x41\101\u0042\U0001F600\n\q'",
        &string("AAB\u{1f600}\n\\q"),
    );
    check(r"r'\n\''", &string(r"\n\'"));
    check("'''a\r\nb'c'''", &string("a\nb'c"));
    check("'a\\\nb'", &string("ab"));
    check("u'x' R'\\d'", &string("x\\d"));
    check(r"b'\x00a' Rb'\0'", &Value::Bytes("00615c30".to_owned()));
    check(
        r"'\ud83d\ude00'",
        &Value::Surrogates("eda0bdedb880".to_owned()),
    );
    check("''", &string(""));
}

#[test]
fn containers_of_every_form_are_read() {
    check("()", &Value::Tuple(vec![]));
    check("(1,)", &Value::Tuple(vec![int("1")]));
    check("1, 2", &Value::Tuple(vec![int("1"), int("2")]));
    check("[1, # one\n 2,]", &Value::List(vec![int("1"), int("2")]));
    check("{1, 1.0, True}", &Value::Set(vec![int("1")]));
    check(
        "{'a': 1, 'a': 2,}",
        &Value::Dict(vec![(string("a"), int("2"))]),
    );
    check("{}", &Value::Dict(vec![]));
    check("set()", &Value::Set(vec![]));
    check("frozenset({3})", &Value::Frozenset(vec![int("3")]));
    check("frozenset([3, 3])", &Value::Frozenset(vec![int("3")]));
    check(
        "range(3)",
        &Value::Range("0".into(), "3".into(), "1".into()),
    );
    check(
        "  [None, ...]\n",
        &Value::List(vec![Value::None, Value::Ellipsis]),
    );
}

#[test]
fn what_is_not_a_literal_is_refused() {
    for text in [
        "",
        " ",
        "x",
        "f()",
        "1 +",
        "1 + 2",
        "[1",
        "1]",
        "[1 2]",
        "'a",
        "'a\nb'",
        "f'a'",
        "'a' b'b'",
        "b'é'",
        "0x",
        "0xg",
        "01",
        "1__0",
        "1_",
        "_1",
        "{[1]}",
        "{[1]: 2}",
        "{1: 2, 3}",
        "{1, 2: 3}",
        "-'a'",
        "-True",
        "~1",
        "not True",
        "[x for x in y]",
        "(1)(2)",
        "*a",
        "1 if 2 else 3",
        "'\\x4'",
        "'\\u12'",
        "'\\U00110000'",
        "b'\\400'",
        "'\\N{DIGIT ONE}'",
        "'a'\n'b'",
        "1j+1",
        "range(1, 2, 0)",
        "set(1)",
        "float('x')",
        "lambda: 1",
        "1;2",
        "[,]",
        "(,)",
        "1.2.3",
        "1e",
        "'\\",
        "...x",
    ] {
        assert!(
            parse_literal(text).is_err(),
            "{text:?} was read as {:?}",
            parse_literal(text)
        );
    }
}

#[test]
fn depth_and_size_are_limited() {
    assert!(parse_literal(&("[".repeat(50) + &"]".repeat(50))).is_ok());
    assert!(parse_literal(&"[".repeat(100_000)).is_err());
    assert!(parse_literal(&("-".repeat(100_000) + "1")).is_ok());
    assert!(parse_literal(&format!("0x{}", "f".repeat(30_000))).is_err());
    assert!(parse_literal(&format!("'{}'", "x".repeat(2 << 20))).is_err());
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i128>().prop_map(|i| Value::Int(i.to_string())),
        any::<f64>().prop_map(Value::Float),
        any::<String>().prop_map(Value::Str),
        any::<Vec<u8>>().prop_map(|b| Value::Bytes(super::string::hex(&b))),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Tuple),
            prop::collection::vec((any::<String>().prop_map(Value::Str), inner), 0..5)
                .prop_map(|entries| { Value::Dict(super::last_of_each_key(entries)) }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_answered_without_a_panic(text in ".{0,200}") {
        let _ = parse_literal(&text);
    }

    #[test]
    fn text_that_looks_like_a_literal_is_answered_without_a_panic(text in r#"[\[\](){},:'"\\bruxN0-9a-fj._+ \n#-]{0,60}"#) {
        let _ = parse_literal(&text);
    }

    #[test]
    fn every_value_survives_its_literal(value in value()) {
        let text = value.to_literal();
        let again = parse_literal(&text);
        prop_assert!(again.as_ref().is_ok_and(|again| value.equals(again)), "{} gave {:?}", text, again);
    }
}
