//! The pack and the sample knowledge, tried with plain Python: both are the project's own texts, so the host's
//! interpreter may run them here.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dreamer::dream::{Check, CheckKind, Difficulty, Document, FragmentKind, Value, parse_literal};
use dreamer::pack::offline::{CheckTemplate, OfflinePack, PackTask};
use dreamer::pack::source::{SourceTask, source_tasks, source_tasks_across};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Runs `[{"code", "calls": [{"setup", "given", "call", "holds"?}]}]` and answers a list of lists of
/// `["value", repr]`, `["raised", [classes]]` or `["holds", bool]`. Each call has a namespace of its own.
const RUNNER: &str = r#"
import ast, contextlib, copy, io, json, sys
def one(code, call):
    space = {"__name__": "candidate"}
    given = {k: ast.literal_eval(v) for k, v in call["given"].items()}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(code, space)
            exec(call["setup"], space)
            space.update(given)
            result = eval(call["call"], space)
        except Exception as error:
            return ["raised", [c.__name__ for c in type(error).__mro__]]
    if call.get("holds") is not None:
        try:
            return ["holds", bool(eval(call["holds"], {"result": result, **given}))]
        except Exception as error:
            return ["holds", False]
    return ["value", repr(result)]
print(json.dumps([[one(job["code"], call) for call in job["calls"]] for job in json.load(sys.stdin)]))
"#;

fn python(script: &str, input: &Json) -> String {
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdin = child.stdin.take().expect("piped");
    let text = input.to_string();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    writer.join().expect("joins").expect("takes its input");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[derive(Debug, PartialEq)]
enum Ran {
    Value(Value),
    Raised(Vec<String>),
    Holds(bool),
}

fn run(jobs: &[Json]) -> Vec<Vec<Ran>> {
    let answer = python(RUNNER, &json!(jobs));
    let answer: Vec<Vec<(String, Json)>> = serde_json::from_str(&answer).expect("JSON");
    let read = |(kind, what): (String, Json)| match kind.as_str() {
        "value" => {
            let text = what.as_str().expect("text");
            Ran::Value(parse_literal(text).unwrap_or_else(|e| panic!("{text:?}: {e}")))
        }
        "raised" => Ran::Raised(serde_json::from_value(what).expect("names")),
        _ => Ran::Holds(what == json!(true)),
    };
    let read_all = |calls: Vec<(String, Json)>| calls.into_iter().map(read).collect();
    answer.into_iter().map(read_all).collect()
}

fn job(code: &str, checks: &[&CheckTemplate]) -> Json {
    let calls = checks.iter().map(|check| {
        let holds = match &check.kind {
            Some(CheckKind::Property { holds }) => Some(holds),
            _ => None,
        };
        json!({"setup": check.setup, "given": check.given, "call": check.call, "holds": holds})
    });
    json!({"code": code, "calls": calls.collect::<Vec<_>>()})
}

fn passes(check: &CheckTemplate, ran: &Ran, oracle: &Ran) -> bool {
    match (&check.kind, ran) {
        (Some(CheckKind::Example { expect }), Ran::Value(value)) => parse_literal(expect)
            .unwrap_or_else(|e| panic!("{expect}: {e}"))
            .equals(value),
        (Some(CheckKind::Raises { error }), Ran::Raised(classes)) => classes.contains(error),
        (Some(CheckKind::Property { .. }), Ran::Holds(holds)) => *holds,
        (None, Ran::Value(value)) => match oracle {
            Ran::Value(expected) => expected.equals(value),
            _ => panic!("the oracle has no value for {}", check.call),
        },
        _ => false,
    }
}

fn checks_of(task: &PackTask) -> Vec<&CheckTemplate> {
    task.checks.iter().chain(&task.hidden_checks).collect()
}

fn pack() -> OfflinePack {
    OfflinePack::load().expect("the shipped pack loads")
}

/// File and variant, for messages.
fn name(task: &PackTask) -> String {
    format!("{} ({})", task.file, task.scenario.title)
}

#[test]
fn every_pack_solution_agrees_with_its_oracle_and_every_wrong_one_is_caught() {
    let pack = pack();
    let mut jobs = Vec::new();
    for task in pack.variants() {
        let checks = checks_of(task);
        let codes = [&task.solution, &task.oracle]
            .into_iter()
            .chain(&task.wrong);
        jobs.extend(codes.map(|code| job(code, &checks)));
    }
    let mut results = run(&jobs).into_iter();
    let mut faults = Vec::new();
    for task in pack.variants() {
        let solution = results.next().expect("solution");
        let oracle = results.next().expect("oracle");
        let checks = checks_of(task);
        for (index, check) in checks.iter().enumerate() {
            if !passes(check, &solution[index], &oracle[index]) {
                let (a, b) = (&solution[index], &oracle[index]);
                faults.push(format!(
                    "{}: solution: {check:?}\n  {a:?}\n  {b:?}",
                    name(task)
                ));
            }
            if !passes(check, &oracle[index], &oracle[index]) {
                let b = &oracle[index];
                faults.push(format!("{}: oracle: {check:?}: {b:?}", name(task)));
            }
        }
        for number in 0..task.wrong.len() {
            let wrong = results.next().expect("wrong");
            let all_pass = |checks: &[&CheckTemplate], from: usize| {
                checks
                    .iter()
                    .enumerate()
                    .all(|(i, c)| passes(c, &wrong[from + i], &oracle[from + i]))
            };
            if all_pass(&checks, 0) {
                faults.push(format!("{}: wrong solution {number} passes", name(task)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn parameters_change_behaviour_and_prompt() {
    let pack = pack();
    let mut by_file: BTreeMap<&str, Vec<&PackTask>> = BTreeMap::new();
    for task in pack.variants() {
        by_file.entry(&task.file).or_default().push(task);
    }
    // Each variant's solution against the checks of each of its siblings, all in one interpreter.
    let mut jobs = Vec::new();
    for (file, tasks) in &by_file {
        assert!(
            (3..=8).contains(&tasks.len()),
            "{file}: {} variants",
            tasks.len()
        );
        let prompts: HashSet<_> = tasks.iter().map(|t| &t.scenario.task_prompt).collect();
        let titles: HashSet<_> = tasks.iter().map(|t| &t.scenario.title).collect();
        assert_eq!(
            (prompts.len(), titles.len()),
            (tasks.len(), tasks.len()),
            "{file}"
        );
        for solved in tasks {
            jobs.extend(
                tasks
                    .iter()
                    .map(|task| job(&solved.solution, &checks_of(task))),
            );
        }
    }
    let mut results = run(&jobs).into_iter();
    let mut faults = Vec::new();
    for tasks in by_file.values() {
        let results: Vec<_> = results.by_ref().take(tasks.len() * tasks.len()).collect();
        let at = |solved: usize, task: usize| &results[solved * tasks.len() + task];
        for (t, task) in tasks.iter().enumerate() {
            for s in (0..tasks.len()).filter(|s| *s != t) {
                let (own, other) = (at(t, t), at(s, t));
                let checks = checks_of(task);
                if checks
                    .iter()
                    .enumerate()
                    .all(|(i, c)| passes(c, &other[i], &own[i]))
                {
                    faults.push(format!(
                        "{} passes the checks of {}",
                        name(tasks[s]),
                        name(task)
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn oracle_and_solution_are_written_differently() {
    let script = r"
import ast, json, sys
def shape(code): return ast.dump(ast.parse(code))
print(json.dumps([shape(a) != shape(b) for a, b in json.load(sys.stdin)]))
";
    let pack = pack();
    let pairs: Vec<_> = pack.variants().map(|t| (&t.solution, &t.oracle)).collect();
    let answer: Vec<bool> = serde_json::from_str(&python(script, &json!(pairs))).expect("JSON");
    assert!(!answer.is_empty() && answer.iter().all(|different| *different));
}

#[test]
fn few_shot_checks_hold_for_their_first_variant() {
    let pack = pack();
    let mut jobs = Vec::new();
    let mut shown = Vec::new();
    for difficulty in Difficulty::ALL {
        let shots = pack.few_shot(difficulty);
        assert!(shots.len() >= 8, "{difficulty:?}: {}", shots.len());
        for shot in shots {
            let mut variants = pack.variants();
            let task = variants
                .find(|t| t.scenario == shot.scenario)
                .expect("a variant of the pack");
            let templates: Vec<_> = shot.checks.iter().map(template).collect();
            jobs.push(job(&task.solution, &templates.iter().collect::<Vec<_>>()));
            shown.push((task.file.clone(), templates));
        }
    }
    for ((file, templates), results) in shown.iter().zip(run(&jobs)) {
        for (check, ran) in templates.iter().zip(&results) {
            assert!(passes(check, ran, ran), "{file}: {check:?}: {ran:?}");
        }
    }
}

fn template(check: &Check) -> CheckTemplate {
    CheckTemplate {
        setup: check.setup.clone(),
        call: check.call.clone(),
        given: check.given.clone(),
        kind: Some(check.kind.clone()),
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("scenarios");
    let names: HashSet<String> = entries
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .map(|p| p.file_stem().expect("name").to_string_lossy().into_owned())
        .collect();
    let pack = pack();
    let embedded: HashSet<String> = pack.variants().map(|t| t.file.clone()).collect();
    assert_eq!(names, embedded);
}

#[test]
fn the_next_task_is_always_untried_and_a_spent_pack_says_so() {
    let pack = pack();
    let mut tried = HashSet::new();
    let mut first = Vec::new();
    while let Some(task) = pack.next(None, &tried) {
        assert!(tried.insert(task.key.clone()), "{} came twice", task.file);
        first.push((task.file.clone(), task.scenario.difficulty));
    }
    assert_eq!(tried.len(), pack.variants().count());
    assert_eq!(pack.remaining(None, &tried), 0);
    let difficulties: Vec<_> = first.iter().take(3).map(|f| f.1).collect();
    assert_eq!(difficulties, Difficulty::ALL);
    assert_eq!(pack.next(Some(Difficulty::Simple), &tried), None);
    let simple = pack.next(Some(Difficulty::Simple), &HashSet::new());
    assert_eq!(simple.expect("one").scenario.difficulty, Difficulty::Simple);
}

#[test]
fn the_oracles_answers_fill_the_checks_in_their_order() {
    let pack = pack();
    let task = pack.next(None, &HashSet::new()).expect("a task");
    assert!(task.needs_expect());
    let values: Vec<String> = (0..task.pending_calls().len())
        .map(|n| n.to_string())
        .collect();
    let candidate = task
        .with_expectations(&values)
        .expect("as many as asked for");
    let filled: Vec<_> = candidate
        .all_checks()
        .filter(|(_, c)| task.pending_calls().iter().any(|p| p.call == c.call))
        .map(|(_, c)| c.kind.clone())
        .collect();
    let wanted: Vec<_> = values
        .iter()
        .cloned()
        .map(|expect| CheckKind::Example { expect })
        .collect();
    assert_eq!(filled, wanted);
    assert!(task.with_expectations(&[]).is_err());
}

fn knowledge() -> Vec<Document> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/knowledge");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("data/knowledge")
        .map(|e| e.expect("entry").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|p| p.is_file())
        .map(|path| {
            let kind = match path.extension().and_then(|e| e.to_str()) {
                Some("py") => FragmentKind::Python,
                Some("rs") => FragmentKind::Rust,
                _ => FragmentKind::Prose,
            };
            document(
                &path.to_string_lossy(),
                kind,
                &std::fs::read_to_string(&path).expect("text"),
            )
        })
        .collect()
}

fn document(path: &str, kind: FragmentKind, text: &str) -> Document {
    Document {
        path: path.to_owned(),
        sha256: "0".repeat(64),
        kind,
        licence: String::new(),
        text: text.to_owned(),
    }
}

/// Every check of every task with a solution, against that solution.
#[track_caller]
fn prove(tasks: &[SourceTask]) {
    let solved: Vec<_> = tasks.iter().filter(|t| t.solution.is_some()).collect();
    let checks_of = |task: &SourceTask| -> Vec<CheckTemplate> {
        task.checks
            .iter()
            .chain(&task.hidden_checks)
            .map(template)
            .collect()
    };
    let jobs: Vec<_> = solved
        .iter()
        .map(|task| {
            let checks = checks_of(task);
            job(
                task.solution.as_deref().unwrap_or_default(),
                &checks.iter().collect::<Vec<_>>(),
            )
        })
        .collect();
    for (task, results) in solved.iter().zip(run(&jobs)) {
        for (check, ran) in checks_of(task).iter().zip(&results) {
            let entry = &task.scenario.entry_point;
            assert!(
                passes(check, ran, ran),
                "{entry}: {check:?}: {ran:?}\n{:?}",
                task.solution
            );
        }
    }
}

#[test]
fn the_sample_knowledge_proves_itself() {
    let tasks = source_tasks_across(&knowledge(), &[]);
    prove(&tasks);
    let provable: Vec<_> = tasks.iter().filter(|t| t.is_provable()).collect();
    let names: Vec<_> = provable
        .iter()
        .map(|t| t.scenario.entry_point.as_str())
        .collect();
    assert!(provable.len() >= 28, "{names:?}");
    let endings: HashSet<_> = provable
        .iter()
        .filter_map(|t| t.source.path.rsplit('.').next())
        .collect();
    assert_eq!(endings, HashSet::from(["py", "md", "rst", "html", "txt"]));
    let branchless: Vec<_> = provable
        .iter()
        .filter(|t| !t.solution.as_deref().unwrap_or_default().contains("if "))
        .map(|t| &t.scenario.entry_point)
        .collect();
    assert!(branchless.is_empty(), "{branchless:?}");
}

const MODULE: &str = r#"
import math
from collections import Counter

LIMIT = 2


class Stack:
    """A stack that forgets its oldest items beyond a size.

    >>> s = Stack(2)
    >>> s.push(1)
    >>> s.push(2)
    >>> s.push(3)
    >>> s.items
    [2, 3]
    >>> s.pop()
    3
    >>> s.pop()
    2
    >>> s.pop()
    Traceback (most recent call last):
        ...
    IndexError: empty
    """

    def __init__(self, size):
        self.size = size
        self.items = []

    def push(self, item):
        self.items.append(item)
        if len(self.items) > self.size:
            del self.items[0]

    def pop(self):
        if not self.items:
            raise IndexError("empty")
        return self.items.pop()

    def peek(self):
        """The newest item.

        >>> t = Stack(9)
        >>> t.push(4)
        >>> t.peek()
        4
        """
        return self.items[-1]


def commonest(words, most=LIMIT):
    """The most frequent words, alphabetically.

    Ties are broken by the alphabet.

    >>> commonest(["a", "b", "a"])
    ['a', 'b']
    >>> commonest([])
    []
    >>> data = ["x"] * 3
    >>> data.append("w")
    >>> commonest(data, most=1)
    ['x']
    >>> commonest(data) == ['w', 'x']
    True
    >>> commonest("aab") # doctest: +NORMALIZE_WHITESPACE
    ['a', 'b']
    >>> commonest(["z"], most=-1)
    Traceback (most recent call last):
      File "x", line 1
    ValueError: most
    >>> commonest([1.5, 1.5])
    [1.5]
    >>> print(commonest([]))
    []
    >>> commonest([object()])
    [<object object at 0x7f>]
    >>> len(commonest(data)) > 1
    True
    """
    if most < 0:
        raise ValueError("most")
    counts = Counter(words)
    best = sorted(counts, key=lambda w: (-counts[w], w))[:most]
    return sorted(best)


def root(x):
    """Square root.

    >>> root(4)
    2.0
    """
    return math.sqrt(x)
"#;

#[test]
fn docstrings_become_tasks_with_their_own_solution() {
    let tasks = source_tasks(&document("/x/words.py", FragmentKind::Python, MODULE));
    prove(&tasks);
    let summary: Vec<_> = tasks
        .iter()
        .map(|t| {
            (
                t.scenario.entry_point.as_str(),
                t.checks.len(),
                t.hidden_checks.len(),
            )
        })
        .collect();
    assert_eq!(
        summary,
        [("Stack", 3, 2), ("commonest", 4, 3), ("root", 1, 0)]
    );
    let (stack, commonest, root) = (&tasks[0], &tasks[1], &tasks[2]);
    assert!(stack.is_provable() && commonest.is_provable() && !root.is_provable());
    assert_eq!(commonest.source.lines, (52, 86));
    let program = commonest.solution.as_deref().expect("a solution");
    assert!(
        program.starts_with("from collections import Counter\n\n\nLIMIT = 2\n\n\ndef commonest(")
    );
    assert!(!program.contains("math") && !program.contains(">>>"));
    let prompt = &commonest.scenario.task_prompt;
    assert!(
        prompt.contains("def commonest(words, most=LIMIT)") && prompt.contains("Ties are broken")
    );
    for check in &commonest.hidden_checks {
        assert!(!prompt.contains(&check.call), "{prompt}");
    }
    let stateful = commonest
        .checks
        .iter()
        .find(|c| c.call.contains("most=1"))
        .expect("kept");
    assert_eq!(stateful.setup, "data = [\"x\"] * 3\ndata.append(\"w\")");
    let moved = source_tasks(&document("/y/words.py", FragmentKind::Python, MODULE));
    assert_eq!(moved[1].key, commonest.key);
    assert_ne!(stack.key, root.key);
}

#[test]
fn sections_of_prose_become_tasks() {
    let text = "# Notes\n\n## Clamping\n\nClamp keeps a number between two bounds.\n\n```python\ndef clamp(x, low, high):\n    if x < low:\n        return low\n    return min(x, high)\n```\n\nSo:\n\n```python\nassert clamp(5, 1, 3) == 3\nassert clamp(0, 1, 3) == 1\nassert 2 == clamp(2, 1, 3)\nassert clamp(2, 1, 3) > 1\n```\n\n### Examples\n\n    >>> clamp(9, 0, 9)\n    9\n    >>> clamp(-1.5, -1, 9)\n    -1\n";
    let tasks = source_tasks(&document("n.md", FragmentKind::Prose, text));
    prove(&tasks);
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].examples(), 5);
    assert!(tasks[0].scenario.task_prompt.contains("between two bounds"));
    assert_eq!(tasks[0].source.lines, (3, 28));
}

#[test]
fn library_pages_become_tasks_without_a_solution() {
    let text = ":mod:`bisect` --- x\n===============\n\n.. module:: bisect\n\n.. function:: bisect_left(a, x)\n\n   Where to put x.\n\n   >>> import bisect\n   >>> bisect.bisect_left([1, 2], 2)\n   1\n   >>> bisect_left([], 3)\n   0\n\nOther words.\n\n>>> from itertools import chain\n>>> list(chain([1], [2]))\n[1, 2]\n>>> bisect.bisect([1], 1)\n1\n>>> 'x'.join(['a'])\n'a'\n";
    let tasks = source_tasks(&document("bisect.rst.txt", FragmentKind::Prose, text));
    let found: Vec<_> = tasks
        .iter()
        .map(|t| {
            let calls: Vec<_> = t
                .checks
                .iter()
                .chain(&t.hidden_checks)
                .map(|c| c.call.as_str())
                .collect();
            (
                t.reference.as_deref().expect("a reference"),
                t.solution.is_none(),
                calls,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("bisect.bisect", true, vec!["bisect([1], 1)"]),
            (
                "bisect.bisect_left",
                true,
                vec!["bisect_left([1, 2], 2)", "bisect_left([], 3)"]
            ),
            ("itertools.chain", true, vec!["list(chain([1], [2]))"]),
        ]
    );
    assert!(
        tasks
            .iter()
            .all(|t| t.checks.iter().all(|c| c.setup.is_empty())),
        "{tasks:?}"
    );
}

#[test]
fn test_files_speak_for_functions_in_other_documents() {
    let module = "def half(n):\n    \"\"\"Half of an even number.\n\n    >>> half(4)\n    2\n    \"\"\"\n    if n % 2:\n        raise ValueError(n)\n    return n // 2\n";
    let tests = "import pytest\nfrom numbers_here import half\n\nBIG = 100\n\ndef test_it():\n    n = 8\n    assert half(n) == 4\n    assert half(BIG) == 50, 'big'\n    with pytest.raises(ValueError):\n        half(3)\n\nclass TestHalf:\n    def test_more(self):\n        self.assertEqual(half(0), 0)\n\ndef test_param(x):\n    assert half(x) == 7\n";
    let documents = [
        document("/p/numbers_here.py", FragmentKind::Python, module),
        document("/p/test_numbers.py", FragmentKind::Python, tests),
    ];
    let tasks = source_tasks_across(&documents, &[]);
    prove(&tasks);
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].examples(), 5);
    assert!(tasks[0].is_provable());
}

#[test]
fn what_cannot_be_proven_in_a_sandbox_is_left_out() {
    let text = "import os\nimport numpy\nfrom . import near\n\ndef a(x):\n    \"\"\"Reads a file and says so.\n\n    >>> a(1)\n    1\n    \"\"\"\n    return os.getpid()\n\ndef b(x):\n    \"\"\"Adds numbers up quickly.\n\n    >>> b(1)\n    1\n    \"\"\"\n    return numpy.sum(x)\n\ndef c(x):\n    \"\"\"Asks the module nearby.\n\n    >>> c(1)\n    1\n    \"\"\"\n    return near(x)\n\ndef d(x):\n    \"\"\"Opens something by name.\n\n    >>> d(1)\n    1\n    \"\"\"\n    return open(x)\n\ndef e(x):\n    \"\"\"Gives back what it got.\n\n    >>> e(open('x'))\n    1\n    >>> e(1) and e(2)\n    2\n    >>> e(3) # doctest: +SKIP\n    3\n    \"\"\"\n    return x\n";
    assert_eq!(
        source_tasks(&document("a.py", FragmentKind::Python, text)),
        []
    );
}

/// Pieces that a hostile document is put together from.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("```python\n".to_owned()),
        Just("```\n".to_owned()),
        Just("    >>> f(1)\n    1\n".to_owned()),
        Just(">>> ".to_owned()),
        Just("... ".to_owned()),
        Just("Traceback (most recent call last):\n".to_owned()),
        Just("def f(x):\n".to_owned()),
        Just("    \"\"\"Doc of it all.\n".to_owned()),
        Just("    \"\"\"\n".to_owned()),
        Just("class C(f):\n".to_owned()),
        Just("assert f(1) == 2\n".to_owned()),
        Just("import a.b as c, f\n".to_owned()),
        Just(".. function:: f(x)\n".to_owned()),
        Just(".. module:: f\n".to_owned()),
        Just("::\n\n".to_owned()),
        Just("====\n".to_owned()),
        Just("<pre>&gt;&gt;&gt; f(&#x41;)\n</pre><h1>".to_owned()),
        Just("&#1114112;<!--<style>".to_owned()),
        Just("((((((([[[[".to_owned()),
        Just("\t\u{a0}\u{2028}é".to_owned()),
        ".{0,12}",
    ]
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic(
        pieces in proptest::collection::vec(piece(), 0..40),
        ending in prop_oneof![Just("py"), Just("md"), Just("rst"), Just("html"), Just("txt")],
    ) {
        let kind = if ending == "py" { FragmentKind::Python } else { FragmentKind::Prose };
        let document = document(&format!("a.{ending}"), kind, &pieces.concat());
        let tasks = source_tasks_across(&[document.clone(), document], &[]);
        for task in tasks {
            prop_assert!(task.examples() > 0);
        }
    }
}

#[test]
fn deep_and_wide_documents_are_read_in_bounded_time() {
    let deep = format!(
        "def f():\n    return {}1{}\n",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    let wide = ">>> f(1)\n1\n".repeat(50_000);
    let fences = "```python\n".repeat(50_000);
    let tags = "<pre>".repeat(100_000);
    for (path, text) in [
        ("a.py", &deep),
        ("a.md", &wide),
        ("b.md", &fences),
        ("a.rst", &wide),
        ("a.html", &tags),
        ("b.rst", &deep),
    ] {
        let kind = if path.ends_with("py") {
            FragmentKind::Python
        } else {
            FragmentKind::Prose
        };
        let _ = source_tasks(&document(path, kind, text));
    }
}
