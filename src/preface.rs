//! What every request about one task begins with, whether it asks for checks or for code. Pure text; the weaver's and the
//! coder's prompts are built on it.
//!
//! A server keeps what it has read of a prompt, slot by slot. As both kinds of request are alike down to the end of the task's
//! text, it reads a task once and then, for each further request about it, thirty tokens in place of a hundred.

/// Words of each kind of request, by which tests recognise it.
pub const CHECKS_MARK: &str = " checks of `";
pub const SOLVE_MARK: &str = "Write the Python code for this task";

/// Half of them ordinary, half of them edge cases. Of eleven in two requests a small model worked out three in four, of
/// six in one request seven in eight; asked for eight it found no end three times in nine.
pub const CHECKS_ASKED: usize = 6;
/// The same where some are there already: of 20 lists of six two in each repeated what the task shows, of 20 that were told it
/// one in three; they took 88 tokens in place of 119, and 37 of their values were sure and right in place of 32.
pub const CHECKS_ADDED: usize = 4;

/// All rules stand here, before the examples: the request itself is then read in half the time.
pub const SYSTEM: &str = "You are an expert Python programmer and a careful tester. You answer with one ```python block and nothing \
    else.\n\n\
    Asked for code, you write the complete function, short and correct, with its imports from the standard library and nothing \
    else: no tests, no example calls, no printing, no comments, no docstring. You leave arguments as they are: sort or change a \
    copy.\n\n\
    Asked for checks, you work results out by hand, step by step, and never guess. You write exactly 6 checks of the task's \
    function: 3 of typical inputs, each testing something else that the task says, then 3 that a careless programmer would get \
    wrong: an exception or a rule that is easily overlooked, values of another kind than usual, empty input, equal values.\n\
    - Small inputs, at most 4 elements or 12 characters, whose result is easy to work out by hand.\n\
    - One line each: `assert name(...) == value`, where value is a plain Python literal.\n\
    - For an error that the task names: `with raises(ThatError): name(...)` on one line. Where it names none, no check for an \
    error.\n\
    - Only what the task says for certain. No two alike, none that the task shows, no comments.";

/// The way that the solved task was asked for.
pub const PLAIN_WAY: &str = "Read every sentence of the task and follow it exactly.";

/// A solved task, shown before the real one: with it a model of 1.5 billion parameters writes a fifth less (no comments, no
/// explanation) and more of it is right. Plain loops, because that is what such a model gets right.
pub const SHOT_TASK: &str = "Write a function `late_trains(rows: list, limit: int) -> list` that takes pairs of a train's name and its \
    delay in minutes and returns the names of the trains that are delayed by more than `limit`, the longest delay first. Equal \
    delays are in alphabetical order. A negative delay counts as 0. An empty list gives an empty list.\n\n\
    >>> late_trains([('B', 7), ('A', 9)], 5)\n['A', 'B']";
const SHOT_NAME: &str = "late_trains";
const SHOT_CODE: &str = "\
def late_trains(rows: list, limit: int) -> list:
    late = []
    for name, delay in rows:
        delay = max(delay, 0)
        if delay > limit:
            late.append((-delay, name))
    return [name for _, name in sorted(late)]";

/// What stands before the last message of a request: the exchanges that show how. The same for every task: a server that
/// has read it once has read it for all.
#[must_use]
pub fn shown() -> [(String, String); 2] {
    let fenced = |text: &str| format!("```python\n{text}\n```");
    let solved = solve_request(SHOT_TASK, SHOT_NAME, "", PLAIN_WAY);
    let CheckShot { task, name, checks } = CHECK_SHOT;
    let checked = (check_request(task, name), fenced(&checks.join("\n")));
    [(solved, fenced(SHOT_CODE)), checked]
}

#[must_use]
pub fn check_request(task: &str, name: &str) -> String {
    format!(
        "Task:\n{}\n\nWrite {CHECKS_ASKED}{CHECKS_MARK}{name}`.",
        task.trim()
    )
}

/// The same beside those that are `there`, a line each.
#[must_use]
pub fn further_check_request(task: &str, name: &str, there: &str, count: usize) -> String {
    format!(
        "Task:\n{}\n\nThese checks are there:\n```python\n{there}\n```\nWrite {count} further{CHECKS_MARK}{name}`.",
        task.trim()
    )
}

/// `imports` is empty or a sentence with a space before it.
#[must_use]
pub fn solve_request(task: &str, name: &str, imports: &str, way: &str) -> String {
    let task = task.trim();
    format!("Task:\n{task}\n\n{SOLVE_MARK}, the function `{name}`.{imports} {way}")
}

#[derive(Debug)]
pub struct CheckShot {
    pub task: &'static str,
    pub name: &'static str,
    pub checks: [&'static str; CHECKS_ASKED],
}

/// A task with an error. A second one without any was tried beside it: of what was expected of 20 right solutions nine in
/// ten held with both and with this one alone, which is 170 tokens less to look back at for every one that is written.
pub const CHECK_SHOT: CheckShot = CheckShot {
    task: "Write a function `clamp_all(numbers: list, low: int, high: int) -> list` that returns a new list in which \
           every number below `low` is replaced by `low` and every number above `high` by `high`. Raise ValueError \
           if `low` is greater than `high`.",
    name: "clamp_all",
    checks: [
        "assert clamp_all([1, 3, 9], 2, 5) == [2, 3, 5]",
        "assert clamp_all([7, 8], 0, 4) == [4, 4]",
        "assert clamp_all([0, 1], 5, 6) == [5, 5]",
        "with raises(ValueError): clamp_all([1], 5, 2)",
        "assert clamp_all([], 0, 1) == []",
        "assert clamp_all([9, 9], 1, 3) == [3, 3]",
    ],
};
