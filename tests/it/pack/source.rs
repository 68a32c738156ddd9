//! Tasks mined from documents: the sample knowledge, small documents of every form, and hostile ones.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use dreamer::dream::{CheckKind, Document, FragmentKind, Origin};
use dreamer::pack::offline::CheckTemplate;
use dreamer::pack::source::{SourceTask, examples_in, source_tasks, source_tasks_across};
use proptest::prelude::*;

use super::{job, passes, run, template};

pub(super) fn knowledge() -> Vec<Document> {
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
    let tasks = source_tasks_across(&knowledge(), &[], &|| true);
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
    let text = ":mod:`bisect` --- x\n===============\n\n.. module:: bisect\n\n.. function:: bisect_left(a, x)\n\n   Where to put x.\n\n   >>> import bisect\n   >>> bisect.bisect_left([1, 2], 2)\n   1\n   >>> bisect_left([], 3)\n   0\n\n.. function:: bisect(a, x)\n\n   Where to put x, behind what equals it, so that the list stays sorted.\n\nOther words.\n\n>>> from itertools import chain\n>>> list(chain([1], [2]))\n[1, 2]\n>>> bisect.bisect([1], 1)\n1\n>>> 'x'.join(['a'])\n'a'\n";
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
        ],
        "`itertools.chain` is mentioned, not described"
    );
    assert!(
        tasks
            .iter()
            .all(|t| t.checks.iter().all(|c| c.setup.is_empty())),
        "{tasks:?}"
    );
}

#[test]
fn a_function_of_files_or_classes_needs_examples_to_be_asked_about() {
    let described = |signature: &str| {
        let text = format!(
            ":mod:`json` --- x\n=================\n\n.. module:: json\n\n.. function:: {signature}\n\n   Reads all that \
             is in there and gives it back as it was written.\n"
        );
        !source_tasks(&document("json.rst.txt", FragmentKind::Prose, &text)).is_empty()
    };
    assert!(described("loads(s, *, cls=None)"));
    assert!(described("loads(s[, strict])"));
    assert!(!described("load(fp, *, cls=None)"));
    assert!(!described("loads()"));
}

#[test]
fn test_files_speak_for_functions_in_other_documents() {
    let module = "def half(n):\n    \"\"\"Half of an even number.\n\n    >>> half(4)\n    2\n    \"\"\"\n    if n % 2:\n        raise ValueError(n)\n    return n // 2\n";
    let tests = "import pytest\nfrom numbers_here import half\n\nBIG = 100\n\ndef test_it():\n    n = 8\n    assert half(n) == 4\n    assert half(BIG) == 50, 'big'\n    with pytest.raises(ValueError):\n        half(3)\n\nclass TestHalf:\n    def test_more(self):\n        self.assertEqual(half(0), 0)\n\ndef test_param(x):\n    assert half(x) == 7\n";
    let documents = [
        document("/p/numbers_here.py", FragmentKind::Python, module),
        document("/p/test_numbers.py", FragmentKind::Python, tests),
    ];
    let tasks = source_tasks_across(&documents, &[], &|| true);
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

#[test]
fn an_example_that_fills_a_page_stays_a_check_and_out_of_the_prompt() {
    let long = format!("[{}]", "1, ".repeat(1_000));
    let text = format!(
        "def ones(n: int) -> list:\n    \"\"\"As many ones as are asked for, in a list.\n\n    >>> ones(1000)\n    {long}\n    >>> ones(0)\n    []\n    >>> ones(1)\n    [1]\n    >>> ones(2)\n    [1, 1]\n    >>> ones(3)\n    [1, 1, 1]\n    \"\"\"\n    return [1] * n\n"
    );
    let tasks = source_tasks(&document("a.py", FragmentKind::Python, &text));
    let [task] = &tasks[..] else {
        panic!("{tasks:?}");
    };
    assert_eq!(task.examples(), 5);
    let prompt = &task.scenario.task_prompt;
    assert!(
        prompt.contains(">>> ones(3)") && prompt.len() < 1_000,
        "{prompt}"
    );
    assert!(
        task.scenario
            .test_cases
            .iter()
            .all(|words| words.len() < 100)
    );
}

#[test]
fn what_a_task_shows_of_its_function_is_read_in_either_form() {
    let told = |text: &str| -> Vec<String> {
        let checks = examples_in(text, "f", &[]);
        assert!(checks.iter().all(|check| check.origin == Origin::Source));
        let told = checks.iter().map(|check| match &check.kind {
            CheckKind::Example { expect } => format!("{} -> {expect}", check.call),
            other => format!("{} {other:?}", check.call),
        });
        told.collect()
    };
    let docstring = "def f(x: int) -> int:\n    \"\"\"One more.\n    >>> f(1)\n    2\n    >>> g(1)\n    9\n    >>> f(2)\n    3\n    \"\"\"\n";
    assert_eq!(told(docstring), ["f(1) -> 2", "f(2) -> 3"]);
    let fenced = "Do it.\n```python\n>>> f([1])\n[2]\n```\nNot more.";
    assert_eq!(told(fenced), ["f([1]) -> [2]"]);
    let asserts = "Do it. Your code should pass these tests:\nassert f(1) == 2\nassert f(1) == 2\nassert g(2) == 3\nassert (f(";
    assert_eq!(told(asserts), ["f(1) -> 2"]);
    assert_eq!(told(">>> f(1)\n2\n>>> f(1)\n3\n"), Vec::<String>::new());
    assert_eq!(told("f(1) is 2, I assert."), Vec::<String>::new());
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic(
        pieces in proptest::collection::vec(piece(), 0..40),
        ending in prop_oneof![Just("py"), Just("md"), Just("rst"), Just("html"), Just("txt")],
    ) {
        let kind = if ending == "py" { FragmentKind::Python } else { FragmentKind::Prose };
        let document = document(&format!("a.{ending}"), kind, &pieces.concat());
        let _ = examples_in(&document.text, "f", &[]);
        let tasks = source_tasks_across(&[document.clone(), document], &[], &|| true);
        for task in tasks {
            prop_assert!(task.examples() > 0);
        }
    }
}

#[test]
fn reading_ends_once_nobody_wants_it() {
    let asked = std::cell::Cell::new(0);
    let all = source_tasks_across(&knowledge(), &[], &|| true);
    assert!(!all.is_empty());
    let wanted = || {
        asked.set(asked.get() + 1);
        false
    };
    assert!(source_tasks_across(&knowledge(), &[], &wanted).is_empty());
    assert!(asked.get() > 0);
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
