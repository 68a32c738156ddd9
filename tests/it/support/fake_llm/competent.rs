//! What the competent fake knows: a few tasks, each with checks, right solutions and wrong ones. Recognises a request by
//! the mark that its last message carries, and the task by its function's name.

use std::sync::atomic::{AtomicUsize, Ordering};

use dreamer::coder::prompt::{OPINION_MARK, REPAIR_MARK, SOLVE_MARK};
use dreamer::weaver::prompt::{CALLS_MARK, CHECKS_MARK, TASK_MARK};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skill {
    Full,
    Half,
}

#[derive(Debug)]
pub(super) struct Brain {
    skill: Skill,
    woven: AtomicUsize,
}

/// One built-in task.
struct Task {
    name: &'static str,
    title: &'static str,
    prompt: &'static str,
    ordinary: &'static str,
    edges: &'static str,
    /// Two ways to do it, so that independent solutions differ.
    right: [&'static str; 2],
    wrong: &'static str,
    /// A right line of the ordinary checks and what a careless model writes in its place.
    slip: (&'static str, &'static str),
}

impl Brain {
    pub(super) fn new(skill: Skill) -> Self {
        Self {
            skill,
            woven: AtomicUsize::new(0),
        }
    }

    pub(super) fn answer(&self, prompt: &str, number: usize) -> String {
        if prompt.starts_with(TASK_MARK) {
            let turn = self.woven.fetch_add(1, Ordering::SeqCst);
            return task_answer(&TASKS[turn % TASKS.len()]);
        }
        if prompt.contains("`comb`") {
            return documented(prompt);
        }
        let Some(task) = TASKS.iter().find(|t| {
            prompt.contains(&format!("{}(", t.name)) || prompt.contains(&format!("`{}`", t.name))
        }) else {
            return "I do not know this task.".to_owned();
        };
        let half = self.skill == Skill::Half;
        if prompt.contains(OPINION_MARK) {
            // The first task's solution is doubted, without a reason.
            let agrees = task.name != TASKS[0].name;
            json!({"input": "", "why": "it looks odd", "does_what_the_task_says": agrees})
                .to_string()
        } else if prompt.contains(CHECKS_MARK) {
            let mut checks = format!("{}\n{}", task.ordinary, task.edges);
            if half {
                checks = checks.replacen(task.slip.0, task.slip.1, 1);
            }
            format!("Here are the checks:\n```python\n{checks}\n```")
        } else if prompt.contains(REPAIR_MARK) {
            coded(task.right[0])
        } else if prompt.contains(SOLVE_MARK) {
            // Which of them comes depends on the way of asking alone, so that sessions can be repeated.
            let way = usize::from(prompt.contains("edge cases") || prompt.contains("plain loops"));
            let wrong = half && number % 3 == 2;
            coded(if wrong { task.wrong } else { task.right[way] })
        } else {
            json!({"entry_point": task.name}).to_string()
        }
    }
}

/// The prompt of a task that it can solve.
pub(crate) fn some_task() -> String {
    TASKS[0].prompt.to_owned()
}

/// Others that it can solve.
pub(crate) fn more_tasks() -> impl Iterator<Item = String> {
    TASKS[1..].iter().map(|task| task.prompt.to_owned())
}

fn task_answer(task: &Task) -> String {
    json!({
        "reject": "",
        "thought": "One idea from the text, with its edge cases settled.",
        "title": task.title,
        "description": task.title,
        "entry_point": task.name,
        "signature": "",
        "task_prompt": task.prompt,
        "concepts": ["one"],
        "test_cases": ["typical input", "empty input"],
    })
    .to_string()
}

/// The page that documents the one library function that it can write anew.
pub(crate) const PAGE: &str = "\
:mod:`math` --- Mathematical functions
======================================

.. module:: math

.. function:: comb(n, k)

   Return the number of ways to choose *k* items from *n* items without repetition and without order. Evaluates to zero
   when ``k > n``. Raises :exc:`ValueError` if either of the arguments is negative.
";

/// Calls of `comb`; a first solution that overlooks the errors; and the mended one.
fn documented(prompt: &str) -> String {
    if prompt.contains(CALLS_MARK) {
        return "```python\ncomb(5, 2)\ncomb(6, 6)\ncomb(-1, 2)\ncomb(4, 0)\ncomb(7, 3)\ncomb(2, 5)\ncomb(10, 4)\n```".to_owned();
    }
    let body = "    if k > n:\n        return 0\n    ways = 1\n    for i in range(k):\n        ways = ways * (n - i) // (i + 1)\n    return ways\n";
    let refusal = "    if n < 0 or k < 0:\n        raise ValueError(\"negative\")\n";
    let mended = prompt.contains(REPAIR_MARK);
    coded(&format!(
        "def comb(n, k):\n{}{body}",
        if mended { refusal } else { "" }
    ))
}

fn coded(code: &str) -> String {
    format!("Sure:\n```python\n{code}\n\nprint('done')\n```\nThis works.")
}

const TASKS: [Task; 5] = [
    Task {
        name: "rotate_left",
        title: "Rotate a list",
        prompt: "Write a function `rotate_left(items: list, n: int) -> list` that returns a new list with the elements of \
                 `items` rotated to the left by `n` places. `n` is zero or more and may exceed the length. An empty list \
                 gives an empty list.",
        ordinary: "assert rotate_left([1, 2, 3], 1) == [2, 3, 1]\nassert rotate_left([1, 2, 3], 0) == [1, 2, 3]\n\
                  assert rotate_left([4, 5], 1) == [5, 4]\nassert rotate_left(['a', 'b', 'c'], 2) == ['c', 'a', 'b']\n\
                  assert rotate_left([1, 2, 3, 4], 3) == [4, 1, 2, 3]\nassert rotate_left([7, 8, 9], 3) == [7, 8, 9]",
        edges: "assert rotate_left([], 2) == []\nassert rotate_left([1], 5) == [1]\nassert rotate_left([1, 2, 3], 4) == [2, 3, 1]\n\
                 assert rotate_left([1, 2], 7) == [2, 1]\nassert rotate_left([0, 0, 1], 2) == [1, 0, 0]",
        right: [
            "def rotate_left(items, n):\n    if not items:\n        return []\n    n %= len(items)\n    return items[n:] + items[:n]",
            "def rotate_left(items, n):\n    result = list(items)\n    if not result:\n        return result\n    for _ in range(n % len(result)):\n        result.append(result.pop(0))\n    return result",
        ],
        wrong: "def rotate_left(items, n):\n    return items[n:] + items[:n]",
        slip: ("[4, 1, 2, 3]", "[3, 4, 1, 2]"),
    },
    Task {
        name: "count_words",
        title: "Count words",
        prompt: "Write a function `count_words(text: str) -> dict` that returns how often each word occurs in `text`. Words \
                 are separated by white space and are turned to lower case. An empty text gives an empty dict.",
        ordinary: "assert count_words('a b a') == {'a': 2, 'b': 1}\nassert count_words('One one') == {'one': 2}\n\
                  assert count_words('x') == {'x': 1}\nassert count_words('a, a') == {'a,': 1, 'a': 1}\n\
                  assert count_words('b B b') == {'b': 3}\nassert count_words('p q r') == {'p': 1, 'q': 1, 'r': 1}",
        edges: "assert count_words('') == {}\nassert count_words('   ') == {}\nassert count_words(' z  Z ') == {'z': 2}\n\
                 assert count_words('a\\nb a') == {'a': 2, 'b': 1}\nassert count_words('A') == {'a': 1}",
        right: [
            "from collections import Counter\n\n\ndef count_words(text):\n    return dict(Counter(text.lower().split()))",
            "def count_words(text):\n    counts = {}\n    for word in text.split():\n        word = word.lower()\n        counts[word] = counts.get(word, 0) + 1\n    return counts",
        ],
        wrong: "def count_words(text):\n    counts = {}\n    for word in text.split(' '):\n        counts[word] = counts.get(word, 0) + 1\n    return counts",
        slip: ("{'b': 3}", "{'b': 2}"),
    },
    Task {
        name: "merge_ranges",
        title: "Merge ranges",
        prompt: "Write a function `merge_ranges(ranges: list) -> list` that takes a list of `(start, end)` tuples of integers \
                 in any order and returns a list of tuples, sorted by start, in which ranges that overlap or touch at an end \
                 are joined into one. An empty list gives an empty list. Raise ValueError if a start is greater than its end.",
        ordinary: "assert merge_ranges([(1, 3), (2, 4)]) == [(1, 4)]\nassert merge_ranges([(5, 6), (1, 2)]) == [(1, 2), (5, 6)]\n\
                  assert merge_ranges([(1, 2), (2, 3)]) == [(1, 3)]\nassert merge_ranges([(1, 9), (2, 3)]) == [(1, 9)]\n\
                  assert merge_ranges([(0, 1), (3, 4), (4, 8)]) == [(0, 1), (3, 8)]\nwith raises(ValueError): merge_ranges([(2, 1)])",
        edges: "assert merge_ranges([]) == []\nassert merge_ranges([(3, 3)]) == [(3, 3)]\n\
                 assert merge_ranges([(1, 2), (1, 2)]) == [(1, 2)]\nassert merge_ranges([(-2, 0), (-5, -3)]) == [(-5, -3), (-2, 0)]\n\
                 with raises(ValueError): merge_ranges([(1, 2), (5, 4)])",
        right: [
            "def merge_ranges(ranges):\n    merged = []\n    for start, end in sorted(ranges):\n        if start > end:\n            raise ValueError('start after end')\n        if merged and start <= merged[-1][1]:\n            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))\n        else:\n            merged.append((start, end))\n    return merged",
            "def merge_ranges(ranges):\n    if any(a > b for a, b in ranges):\n        raise ValueError('start after end')\n    result = []\n    for a, b in sorted(ranges):\n        if not result or result[-1][1] < a:\n            result.append([a, b])\n        elif b > result[-1][1]:\n            result[-1][1] = b\n    return [tuple(pair) for pair in result]",
        ],
        wrong: "def merge_ranges(ranges):\n    merged = []\n    for start, end in sorted(ranges):\n        if merged and start <= merged[-1][1]:\n            merged[-1] = (merged[-1][0], end)\n        else:\n            merged.append((start, end))\n    return merged",
        slip: ("[(0, 1), (3, 8)]", "[(0, 1), (3, 4), (4, 8)]"),
    },
    Task {
        name: "run_lengths",
        title: "Run lengths",
        prompt: "Write a function `run_lengths(text: str) -> list` that returns a list of `(character, count)` tuples, one for \
                 each run of equal neighbouring characters in `text`, in order. An empty text gives an empty list.",
        ordinary: "assert run_lengths('aab') == [('a', 2), ('b', 1)]\nassert run_lengths('abc') == [('a', 1), ('b', 1), ('c', 1)]\n\
                  assert run_lengths('zzzz') == [('z', 4)]\nassert run_lengths('abba') == [('a', 1), ('b', 2), ('a', 1)]\n\
                  assert run_lengths('aA') == [('a', 1), ('A', 1)]\nassert run_lengths('112') == [('1', 2), ('2', 1)]",
        edges: "assert run_lengths('') == []\nassert run_lengths('q') == [('q', 1)]\nassert run_lengths('aba') == [('a', 1), ('b', 1), ('a', 1)]\n\
                 assert run_lengths('  x') == [(' ', 2), ('x', 1)]\nassert run_lengths('xxyyxx') == [('x', 2), ('y', 2), ('x', 2)]",
        right: [
            "from itertools import groupby\n\n\ndef run_lengths(text):\n    return [(key, len(list(group))) for key, group in groupby(text)]",
            "def run_lengths(text):\n    runs = []\n    for char in text:\n        if runs and runs[-1][0] == char:\n            runs[-1] = (char, runs[-1][1] + 1)\n        else:\n            runs.append((char, 1))\n    return runs",
        ],
        wrong: "def run_lengths(text):\n    return [(char, text.count(char)) for char in dict.fromkeys(text)]",
        slip: ("[('z', 4)]", "[('z', 3)]"),
    },
    Task {
        name: "parse_duration",
        title: "Read a duration",
        prompt: "Write a function `parse_duration(text: str) -> int` that turns a text such as '1h30m15s' into seconds. The \
                 units are h, m and s, each at most once and in this order, each after a whole number; any may be missing, \
                 but not all. Raise ValueError for every other text.",
        ordinary: "assert parse_duration('1h') == 3600\nassert parse_duration('2m') == 120\nassert parse_duration('9s') == 9\n\
                  assert parse_duration('1m1s') == 61\nassert parse_duration('1h1m') == 3660\nwith raises(ValueError): parse_duration('abc')",
        edges: "assert parse_duration('0s') == 0\nassert parse_duration('10m') == 600\nwith raises(ValueError): parse_duration('')\n\
                 with raises(ValueError): parse_duration('1s1h')\nassert parse_duration('1h0m1s') == 3601",
        right: [
            "import re\n\n\ndef parse_duration(text):\n    match = re.fullmatch(r'(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?', text)\n    if not text or not match:\n        raise ValueError(text)\n    hours, minutes, seconds = (int(part or 0) for part in match.groups())\n    return hours * 3600 + minutes * 60 + seconds",
            "def parse_duration(text):\n    if not text:\n        raise ValueError('empty')\n    total = 0\n    rest = text\n    for unit, factor in (('h', 3600), ('m', 60), ('s', 1)):\n        head, found, tail = rest.partition(unit)\n        if found:\n            if not (head.isascii() and head.isdigit()):\n                raise ValueError(text)\n            total += int(head) * factor\n            rest = tail\n    if rest:\n        raise ValueError(text)\n    return total",
        ],
        wrong: "def parse_duration(text):\n    total = 0\n    for unit, factor in (('h', 3600), ('m', 60), ('s', 1)):\n        head, found, rest = text.partition(unit)\n        if found:\n            total += int(head) * factor\n            text = rest\n    return total",
        slip: ("3660", "3601"),
    },
];
