//! The pytest file against real Python: green for right code, red for wrong, and never more than data in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use dreamer::dream::{Check, CheckKind, Origin, Scenario, Suite};
use dreamer::ids::DreamId;
use dreamer::journal::escape::py_str;
use dreamer::journal::pytest_file::test_text;
use serde_json::json;

use crate::support::{World, ledger, left_out};

/// How pytest is started: DREAMER_TEST_PYTEST names a program, else `python3 -m pytest`.
#[expect(
    clippy::disallowed_methods,
    reason = "where the tests find pytest is no setting of the program"
)]
fn pytest() -> Option<Command> {
    let own = std::env::var_os("DREAMER_TEST_PYTEST").filter(|path| !path.is_empty());
    let mut command = Command::new(own.as_deref().unwrap_or("python3".as_ref()));
    if own.is_none() {
        command.args(["-m", "pytest"]);
    }
    command.args(["-q", "-p", "no:cacheprovider"]);
    let mut probe = Command::new(command.get_program());
    probe.args(command.get_args()).arg("--version");
    if probe.output().is_ok_and(|output| output.status.success()) {
        ledger("pytest");
        return Some(command);
    }
    left_out(
        "the pytest file",
        "no pytest for python3; install python3-pytest",
    );
    None
}

fn check(json: serde_json::Value) -> Check {
    serde_json::from_value(json).expect("a check")
}

fn example(call: &str, expect: &str) -> Check {
    check(json!({"kind": "example", "call": call, "expect": expect}))
}

/// Writes a dream's two files and runs pytest on the folder; `None` where there is no pytest.
fn run(scenario: &Scenario, code: &str, checks: &[Check]) -> Option<(World, Output)> {
    let mut command = pytest()?;
    let world = World::new();
    let dream = DreamId::new();
    world.write(&format!("dream_{dream}.py"), code);
    let suite = checks.iter().map(|check| (Suite::Hidden, check));
    world.write(
        &format!("test_dream_{dream}.py"),
        test_text(&dream, scenario, suite),
    );
    let output = command
        .arg(world.path())
        .current_dir(world.path())
        .output()
        .expect("pytest starts");
    Some((world, output))
}

#[track_caller]
fn expect(code: &str, checks: &[Check], summary: &str) {
    let Some((_world, output)) = run(&Scenario::default(), code, checks) else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.contains(summary)),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const CODE: &str = "
import math
from dataclasses import dataclass

SEEN = []

@dataclass
class Point:
    x: int

def identity(value):
    return value

def remember(value):
    SEEN.append(value)
    return list(SEEN)

def sort_in_place(items):
    items.sort()
    return items

def fail():
    raise FileNotFoundError('nothing here')

def leave():
    raise SystemExit(3)
";

#[test]
fn every_kind_of_check_is_green_for_code_that_passes_it() {
    let mut checks = vec![
        example("identity((1, [2.0, 'x']))", "(1, [2.0, 'x'])"),
        example("identity(0.1 + 0.2)", "0.3"),
        example("identity(1)", "1.0"),
        example("identity(float('nan'))", "float('nan')"),
        example("identity([math.inf, -math.inf])", "[inf, -float('inf')]"),
        example("identity(-2 + 1j)", "-2 + 1j"),
        example("str(Point)", "\"<class 'solution.Point'>\""),
        example("identity(frozenset({1}))", "frozenset({1})"),
        example("identity(set())", "set()"),
        example(
            "identity({'b': 1, 'a': [0.1 + 0.2]})",
            "{'a': [0.3], 'b': 1}",
        ),
        example("identity(b'\\x00\"\\'')", "b'\\x00\"\\''"),
        example("Point(3).x", "3"),
        // Each check starts from a fresh module.
        example("remember(1)", "[1]"),
        example("remember(2)", "[2]"),
        example(
            "identity('zażółć \u{1f319} \\'\"\\\\')",
            "'zażółć \u{1f319} \\'\"\\\\'",
        ),
    ];
    checks.extend([
        check(json!({"kind": "raises", "call": "fail()", "error": "FileNotFoundError"})),
        check(json!({"kind": "raises", "call": "fail()", "error": "OSError"})),
        check(json!({"kind": "raises", "call": "leave()", "error": "SystemExit"})),
        check(
            json!({"kind": "property", "given": {"a": "[3, 1]"}, "call": "sort_in_place(a)",
            "holds": "result == sorted(a) and a == [3, 1]"}),
        ),
        check(
            json!({"kind": "example", "setup": "import re\nvalue = re.sub('a', 'b', 'aa')",
            "call": "identity(value)", "expect": "'bb'", "max_ms": 1000}),
        ),
    ]);
    let summary = format!("{} passed", checks.len());
    expect(CODE, &checks, &summary);
}

#[test]
fn a_wrong_answer_is_red_however_much_it_resembles_the_right_one() {
    let checks = [
        example("identity(1)", "True"),
        example("identity(True)", "1"),
        example("identity([1])", "(1,)"),
        example("identity(0.3001)", "0.3"),
        example("identity([1, 2])", "[1]"),
        example("identity({'a': 1})", "{'a': 2}"),
        example("identity({1, 2})", "{1, 3}"),
        example("identity(frozenset())", "set()"),
        example("identity(b'')", "''"),
        example("identity(None)", "float('nan')"),
        check(json!({"kind": "raises", "call": "identity(1)", "error": "ValueError"})),
        check(json!({"kind": "raises", "call": "fail()", "error": "ValueError"})),
        check(
            json!({"kind": "property", "given": {"a": "1"}, "call": "identity(a)", "holds": "result == a + 1"}),
        ),
    ];
    let summary = format!("{} failed", checks.len());
    expect(CODE, &checks, &summary);
}

#[test]
fn a_check_against_a_server_talks_to_one_in_another_process() {
    let code = "
import urllib.request, urllib.error

def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ''
";
    let serve = json!({"routes": [{"path": "/a", "body": "hello"}, {"path": "/slow", "status": 201, "delay_ms": 5}]});
    let checks = [
        check(
            json!({"kind": "example", "call": "fetch(base_url + '/a')", "expect": "(200, 'hello')", "serve": serve}),
        ),
        check(
            json!({"kind": "example", "call": "fetch(base_url + '/slow')", "expect": "(201, '')", "serve": serve}),
        ),
        check(
            json!({"kind": "example", "call": "fetch(base_url + '/none')", "expect": "(404, '')", "serve": serve}),
        ),
        check(
            json!({"kind": "property", "call": "fetch(base_url + '/a')", "serve": serve,
            "holds": "seen == {'requests': [{'method': 'GET', 'path': '/a'}], 'max_concurrent': 1}"}),
        ),
    ];
    expect(code, &checks, "4 passed");
}

#[test]
fn an_absent_library_skips_the_file() {
    let scenario = Scenario {
        libraries: vec!["no-such-library".to_owned()],
        ..Scenario::default()
    };
    let code = "import no_such_library\n";
    let Some((_world, output)) = run(&scenario, code, &[example("1", "1")]) else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 skipped"), "{text}");
}

#[test]
fn hostile_text_stays_text() {
    let mark = |name: &str| format!("open({name:?}, 'w').close()");
    let breakouts = [
        "\"); {} #",
        "'''\n{}\n'''",
        "\"\"\"\n{}\n\"\"\"",
        "\\\"); {} #",
        "\r{}\r",
        "\u{2028}{}",
        "x\n\n{}\n",
        "\0{}",
        "\\N{{BULLET}}{}",
    ];
    let scenario = |at: usize, pattern: &str| {
        let text = pattern.replace("{}", &mark(&format!("title{at}")));
        Scenario {
            title: text.clone(),
            task_prompt: text.clone(),
            libraries: vec![text],
            ..Scenario::default()
        }
    };
    for (at, pattern) in breakouts.iter().enumerate() {
        let text = pattern.replace("{}", &mark(&format!("check{at}")));
        let checks: Vec<Check> = [
            json!({"kind": "example", "call": "1", "expect": format!("'{}'", text.replace('\'', ""))}),
            json!({"kind": "raises", "call": "1", "error": text}),
            json!({"kind": "example", "given": {"a": text}, "call": "1", "expect": "1"}),
        ]
        .into_iter()
        .map(check)
        .collect();
        let Some((world, output)) = run(&scenario(at, pattern), CODE, &checks) else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        // Some check is wrong, one way or another, and pytest could read the file: it says 2 where it cannot.
        assert_eq!(output.status.code(), Some(1), "{pattern:?}: {text}");
        let left: Vec<PathBuf> = fs::read_dir(world.path())
            .expect("the folder is read")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_none() && path.is_file())
            .collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "{pattern:?}");
    }
}

#[test]
fn python_reads_a_literal_as_the_very_text() {
    let Some(mut command) = pytest().map(|_| Command::new("python3")) else {
        return;
    };
    let texts: Vec<String> = (0..0x300)
        .chain([0x2028, 0x202e, 0xfeff, 0xffff, 0x1f319, 0x0010_ffff])
        .filter_map(char::from_u32)
        .map(|c| format!("a{c}\\{c}'{c}"))
        .collect();
    let literals: Vec<String> = texts.iter().map(|text| py_str(text)).collect();
    let program = format!(
        "import json, sys\nsys.stdout.write(json.dumps([{}]))",
        literals.join(",\n")
    );
    let world = World::new();
    let path = world.write("literals.py", program);
    let output = command.arg(path).output().expect("python runs");
    let back: Vec<String> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(back, texts);
}

#[test]
fn the_file_is_plain_ascii_and_the_same_each_time() {
    let dream = DreamId::parse("0123456789abcdef").expect("an id");
    let scenario = Scenario {
        title: "Zażółć \u{202e}gęślą".to_owned(),
        ..Scenario::default()
    };
    let one = Check {
        kind: CheckKind::Example {
            expect: "'ł'".to_owned(),
        },
        setup: String::new(),
        call: "f('ł')".to_owned(),
        given: std::collections::BTreeMap::new(),
        origin: Origin::Agreement,
        max_ms: None,
        serve: None,
    };
    let make = || test_text(&dream, &scenario, [(Suite::Visible, &one)].into_iter());
    let text = make();
    assert_eq!(text, make());
    let code: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(code.join("\n").is_ascii());
    assert!(!text.contains('\u{202e}'));
}
