//! Many calls of one code in one interpreter: the text of the job and the reading of its answer. Pure; the bench runs it.
//!
//! One job instead of one for each check makes thirty mutants affordable, and is itself a test: calls that disturb each
//! other answer otherwise here than each alone.

use std::collections::BTreeMap;

use super::given::bound;
use crate::dream::{Check, Ending, Observation, Outcome, Stage, Value};
use crate::sandbox::Job;

const ROLL_CALL: &str = include_str!("roll_call.py");

/// The job that asks `checks` of `code`, one after the other.
pub(super) fn job(code: &str, checks: &[&Check]) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: ROLL_CALL.to_owned(),
        given: BTreeMap::new(),
        values: BTreeMap::new(),
        call: format!("_roll_call({})", rows(checks)),
        trace: false,
    }
}

/// Setup, given names and call of each check, as a Python literal.
pub(super) fn rows(checks: &[&Check]) -> String {
    let text = |text: &str| Value::Str(text.to_owned());
    let row = |check: &&Check| {
        let given = bound(check);
        let given = given
            .iter()
            .map(|(name, literal)| Value::Tuple(vec![text(name), text(literal)]));
        Value::Tuple(vec![
            text(&check.setup),
            Value::List(given.collect()),
            text(&check.call),
        ])
    };
    Value::List(checks.iter().map(row).collect()).to_literal()
}

/// One observation a check; `None` where the job gave no answer that can be read.
pub(super) fn answers(seen: &Observation, wanted: usize) -> Option<Vec<Observation>> {
    let Outcome::Value {
        value: Value::List(rows),
    } = &seen.outcome
    else {
        return None;
    };
    let outcomes: Vec<Outcome> = rows.iter().map(outcome).collect::<Option<_>>()?;
    (outcomes.len() == wanted).then(|| outcomes.into_iter().map(observation).collect())
}

fn outcome(row: &Value) -> Option<Outcome> {
    let Value::Tuple(pair) = row else {
        return None;
    };
    let [Value::Int(tag), payload] = pair.as_slice() else {
        return None;
    };
    let text = |value: &Value| match value {
        Value::Str(text) => Some(text.clone()),
        _ => None,
    };
    let raised = |stage| {
        let Value::List(names) = payload else {
            return None;
        };
        Some(Outcome::Raised {
            stage,
            classes: names.iter().filter_map(text).collect(),
            message: String::new(),
        })
    };
    match tag.as_str() {
        "0" => Some(Outcome::Value {
            value: payload.clone(),
        }),
        "1" => raised(Stage::Call),
        "2" => Some(Outcome::Unobservable {
            type_name: text(payload)?,
        }),
        "3" => raised(Stage::Setup),
        _ => None,
    }
}

fn observation(outcome: Outcome) -> Observation {
    Observation::of(Ending::Exited(0), outcome)
}

#[cfg(test)]
mod tests {
    use super::{answers, observation, rows};
    use crate::dream::{Check, Outcome, Stage, Value, parse_literal};

    #[test]
    fn rows_are_a_literal_whatever_the_check_holds() {
        let check = Check {
            setup: "x = 'it\\'s'\ny = \"\"\"two\nlines\"\"\"".to_owned(),
            given: [
                ("a".to_owned(), "nan".to_owned()),
                ("b".to_owned(), "1".to_owned()),
            ]
            .into(),
            ..Check::example("f(a, 'é\"')", "1")
        };
        let Ok(Value::List(read)) = parse_literal(&rows(&[&check])) else {
            panic!("a list");
        };
        let given = Value::List(vec![Value::Tuple(vec![
            Value::Str("a".to_owned()),
            Value::Str("float('nan')".to_owned()),
        ])]);
        let row = vec![Value::Str(check.setup), given, Value::Str(check.call)];
        assert_eq!(read, [Value::Tuple(row)]);
    }

    #[test]
    fn answers_are_read_strictly() {
        let value = parse_literal(
            "[(0, [1]), (1, ['KeyError', 'LookupError']), (2, 'object'), (3, ['NameError'])]",
        );
        let seen = observation(Outcome::Value {
            value: value.unwrap(),
        });
        let read = answers(&seen, 4).unwrap();
        assert_eq!(
            read[0].outcome,
            Outcome::Value {
                value: parse_literal("[1]").unwrap()
            }
        );
        assert!(
            matches!(&read[1].outcome, Outcome::Raised { stage: Stage::Call, classes, .. } if classes[1] == "LookupError")
        );
        assert!(
            matches!(&read[2].outcome, Outcome::Unobservable { type_name } if type_name == "object")
        );
        assert!(matches!(
            &read[3].outcome,
            Outcome::Raised {
                stage: Stage::Setup,
                ..
            }
        ));
        assert_eq!(answers(&seen, 3), None);
        for bad in ["[]", "[1]", "[(9, 1)]", "'x'"] {
            let seen = observation(Outcome::Value {
                value: parse_literal(bad).unwrap(),
            });
            assert_eq!(answers(&seen, 1), None, "{bad}");
        }
    }
}
