//! Tests of the room around.

use serde_json::json;

use super::{Sketch, count, known, read, shape};
use crate::dream::{Candidate, Check, Scenario};

const CODE: &str = "def total_even(numbers):\n    result = 0\n    for number in numbers:\n        if number % 2 == 0:\n            result += number\n        else:\n            result -= 1\n    return result\n";

#[test]
fn all_tasks_of_both_benchmarks_are_known() {
    assert_eq!(count(), 164 + 974);
}

#[test]
fn sketches_are_read_as_they_were_written() {
    let line = json!({"task_id": 7, "text": "Add up the even numbers.", "code": CODE,
        "test_list": ["assert total_even([1, 2, 3, 4, 50]) == 54", "assert total_even([20, 21, 22]) == 41"]});
    let sketch = Sketch::of_line(&line).unwrap();
    assert_eq!(sketch.examples.len(), 2);
    assert_ne!(sketch.code, 0);
    assert_eq!(read(&sketch.to_bytes()), [sketch]);
    assert_eq!(Sketch::of_line(&json!({"x": 1})), None);
}

#[test]
fn names_comments_and_annotations_do_not_change_a_shape() {
    let other = CODE
        .replace("total_even", "f")
        .replace("numbers", "xs")
        .replace("result", "r")
        .replace("(xs)", "(xs: list[int]) -> int")
        .replace(
            "    r = 0",
            "    \"\"\"Doc.\"\"\"\n    r = 0  # from nothing",
        );
    assert_ne!(other, CODE);
    assert_eq!(shape(&other), shape(CODE));
    assert_ne!(shape(&other.replace("% 2", "% 3")), shape(CODE));
    assert_eq!(shape("def f(x):\n    return sorted(x)\n"), 0);
}

#[test]
fn an_ordinary_task_is_none_of_them() {
    let candidate = Candidate {
        scenario: Scenario {
            task_prompt:
                "Write `berth(ships)` that gives each ship of a harbour the first free berth."
                    .to_owned(),
            entry_point: "berth".to_owned(),
            ..Scenario::default()
        },
        code: CODE.to_owned(),
        checks: vec![Check::example("berth([1, 2])", "[0, 1]")],
        hidden_checks: vec![],
    };
    assert_eq!(known(&candidate), None);
}
