//! Tests of the room around.

use super::*;

fn ask(entry_point: &str, checks: &[Check]) -> Vec<Question> {
    let checks: Vec<&Check> = checks.iter().collect();
    questions(entry_point, &checks, &[], 30, 7)
}

#[test]
fn questions_differ_from_the_checks_and_from_each_other() {
    let checks = [
        Check::example("f([3, 1, 2], 4)", "1"),
        Check::example("f([9], 0)", "2"),
    ];
    let found = ask("f", &checks);
    assert_eq!(found.len(), 30, "{found:#?}");
    let keys: HashSet<_> = found.iter().map(Question::key).collect();
    assert_eq!(keys.len(), 30);
    for question in &found {
        assert!(
            checks
                .iter()
                .all(|c| normal(&c.call) != normal(&question.call))
        );
        assert!(question.call.starts_with("f(["), "{}", question.call);
        assert!(
            !question.call.contains('-'),
            "no check is negative: {}",
            question.call
        );
    }
}

#[test]
fn the_same_seed_asks_the_same() {
    let checks = [Check::example("f('ab', 2)", "1")];
    assert_eq!(ask("f", &checks), ask("f", &checks));
}

#[test]
fn only_the_solutions_own_arguments_are_changed() {
    let checks = [
        Check::example("round(f(2.5), 3)", "1"),
        Check::example("', '.join(f(1.5))", "''"),
        Check::example("f(8.0)[0]", "1"),
    ];
    for question in ask("f", &checks) {
        let call = &question.call;
        let kept = call.ends_with("), 3)") || call.starts_with("', '.") || call.ends_with("[0]");
        assert!(kept, "{call}");
    }
}

#[test]
fn setups_and_given_values_are_changed_too() {
    let setup = Check {
        setup: "s = Stack(4)\ns.push(10)\ns.push(20)".to_owned(),
        ..Check::example("s.pop()", "20")
    };
    let found = ask("Stack", &[setup]);
    assert!(
        found
            .iter()
            .any(|q| q.setup.starts_with("s = Stack(4)") && !q.setup.contains("(10)"))
    );
    let given = Check {
        given: [("xs".to_owned(), "[1, 2, 3]".to_owned())].into(),
        ..Check::example("f(xs)", "6")
    };
    let found = ask("f", &[given]);
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|q| q.call == "f(xs)" && q.given["xs"] != "[1, 2, 3]")
    );
}

#[test]
fn boundaries_that_the_code_names_are_asked_first() {
    let checks = [Check::example("f(0.5, 'x')", "1")];
    let checks: Vec<&Check> = checks.iter().collect();
    let code = "def f(n, s):\n    return n > 4.39 or n < 0.37\n";
    let found = questions("f", &checks, &[code], 24, 7);
    let calls: Vec<&str> = found.iter().map(|q| q.call.as_str()).collect();
    assert_eq!(calls[..2], ["f(0.37, 'x')", "f(4.39, 'x')"]);
}

#[test]
fn calls_without_literals_and_raising_calls_give_nothing() {
    let raises = Check::new(
        "f(-1)",
        CheckKind::Raises {
            error: "ValueError".to_owned(),
        },
    );
    assert_eq!(ask("f", &[raises, Check::example("f()", "1")]), []);
}

#[test]
fn every_argument_has_its_first_edge_before_any_has_its_second() {
    let check = Check::example("f('ab', 7, [1, 2])", "1");
    let calls: Vec<String> = edge_questions("f", &[&check])
        .into_iter()
        .map(|question| question.call)
        .collect();
    assert_eq!(
        calls[..4],
        [
            "f('', 7, [1, 2])",
            "f('ab', 0, [1, 2])",
            "f('ab', 7, [])",
            "f(' ', 7, [1, 2])"
        ]
    );
}
