//! Tests of the room around.

use super::rule;
use crate::dream::{Candidate, Check, CheckKind, Reason, Scenario};
use crate::guardian::ruling::Ruling;

#[track_caller]
fn check(code: &str, expected: Option<Reason>) {
    let scenario = Scenario {
        entry_point: "f".to_owned(),
        ..Scenario::default()
    };
    let candidate = Candidate {
        scenario,
        code: code.to_owned(),
        checks: vec![],
        hidden_checks: vec![],
    };
    let reason = match rule(&candidate) {
        Ruling::Fail(reason, _) => Some(reason),
        Ruling::Pass(_) | Ruling::Skipped(_) => None,
    };
    assert_eq!(reason, expected, "{code}");
}

#[test]
fn stubs_are_told_from_solutions() {
    for code in [
        "def f(): pass",
        "def f():\n    'doc'\n    ...",
        "def f():\n    raise NotImplementedError('x')",
        "def f():\n    'doc'",
        "class f:\n    def a(self): pass\n    def b(self): ...",
        "class f:\n    pass",
        "def f():\n    # TODO: real work\n    return 1",
        "def f():\n    # your code here\n    return 1",
        "def f():\n    # Implement this function.\n    return 1",
        "def f(n):\n    # XXX negative numbers are not handled yet\n    return n",
        "def f(n):\n    # XXX: zero\n    return n",
        "def f(n):\n    \"\"\"The sum.\n\n    TODO: negative numbers.\n    \"\"\"\n    return n",
        "def f(n):\n    'FIXME'\n    return n",
    ] {
        check(code, Some(Reason::StubMarker));
    }
    for code in [
        "def f(): return 1",
        "class f(Exception):\n    pass",
        "def f(todo):\n    # marks a todo as done\n    return todo",
        "def f(xs):\n    # We implement this in one pass over the sorted values.\n    return sorted(xs)",
        "f = lambda: 1",
        "def f(n):\n    # XXX is thirty\n    return n",
        "def f(n):\n    # not yet seen\n    return n",
        "def f(n):\n    # nodes not yet handled\n    return n",
        "def f(n):\n    'Todo items by their dates.'\n    return n",
        "def f(n):\n    return n + 'TODO: x'",
    ] {
        check(code, None);
    }
}

#[test]
fn a_task_may_be_about_such_words_and_errors() {
    let reason = |task: &str, code: &str, error: &str| {
        let error = error.to_owned();
        let candidate = Candidate {
            scenario: Scenario {
                entry_point: "f".to_owned(),
                task_prompt: task.to_owned(),
                ..Scenario::default()
            },
            code: code.to_owned(),
            checks: vec![Check::new("f(1)", CheckKind::Raises { error })],
            hidden_checks: vec![],
        };
        match rule(&candidate) {
            Ruling::Fail(reason, _) => Some(reason),
            Ruling::Pass(_) | Ruling::Skipped(_) => None,
        }
    };
    let stub = Some(Reason::StubMarker);
    let about = "Count the lines with TODO.";
    let said = "def f(n):\n    # TODO and FIXME count alike\n    return n";
    assert_eq!(reason(about, said, "ValueError"), None);
    assert_eq!(reason("Count.", said, "ValueError"), stub);
    let left = "def f(n):\n    # TODO: negative numbers\n    return n";
    assert_eq!(reason(about, left, "ValueError"), stub);
    let plain = "def f(n):\n    return n";
    assert_eq!(reason("Count.", plain, "NotImplementedError"), stub);
    let asked = "Raise NotImplementedError.";
    assert_eq!(reason(asked, plain, "NotImplementedError"), None);
}

#[test]
fn a_field_may_be_called_compile() {
    check("class f:\n    compile: float\n    a = 1", None);
    let harness = Some(Reason::ReachesHarness);
    check("def f(a):\n    g: object = compile\n    return g", harness);
}

#[test]
fn annotations_are_types() {
    for code in [
        "def f(a: lambda n: n): return a",
        "class R:\n    n: (0 if f else 1)\ndef f(a): return R",
        "class R:\n    n: 'lambda n: n'\ndef f(a): return R.__annotations__",
        "def f(a: int * 2): return a",
        "def f(a: int or 3): return a",
        "def f(a: int and None): return a",
        "def f(a):\n    def g(b: a or None): return b\n    return g",
    ] {
        check(code, Some(Reason::ReachesHarness));
    }
    for code in [
        "def f(a: 'list[int] | None', b: \"dict[str, 'Node']\" = None) -> int | None: return a",
        "import typing\ndef f(a: typing.Literal['a-b', -1], *b: int) -> typing.Callable[[int], str]: return a",
        "def f(a: 'a value to search in'): return a",
        "def f(a: int or str) -> int or None: return a",
        "from typing import Annotated\ndef f(a: Annotated[int, 'n > 3', max(1, 2)]): return a",
    ] {
        check(code, None);
    }
}

#[test]
fn size_depth_and_syntax_are_checked() {
    check("def f(:\n  pass", Some(Reason::SyntaxError));
    check(
        &format!("def f():\n    return '{}'", "x".repeat(70_000)),
        Some(Reason::TooLarge),
    );
    check(
        &format!("def f():\n    return {}", "1+".repeat(2_000) + "1"),
        Some(Reason::TooLarge),
    );
    check("def g(): return 1", Some(Reason::EntryPointMissing));
    check(
        "import ctypes\ndef f(): return 1",
        Some(Reason::ForbiddenImport),
    );
}
