//! Tells tasks of public benchmarks: by their words, by the name they ask for, by their examples and by their solution.
//! Pure; the gate on newness asks. Only hashes of the benchmarks are kept, never their text: `scripts/benchmark-sketches`
//! makes them from the published files.
//!
//! A paraphrase keeps the rare words (whatever is common to all tasks weighs nothing), a copy under other names keeps the
//! examples and the shape of the solution.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::learned::example;
use super::split::split;
use super::syntax::{Source, named};
use super::words::{hash, is_of_several, name_words, words};
use crate::dream::{Candidate, Check};

/// What was made of HumanEval (164 tasks) and MBPP (974 tasks).
static KNOWN: &[u8] = include_bytes!("benchmarks.bin");

/// Likeness of words from which on a task is a benchmark's, and how many telling words both must hold: of 232 ordinary
/// tasks none comes above 0.53 with four words in common. The figures are in docs/measurements.md.
const ALIKE: f64 = 0.62;
const SHARED_MIN: usize = 4;
/// The same where the task also asks for the very name of the benchmark's function, and that name is of several words. Of
/// 20 tasks that were chosen and paraphrased before this was set, the least like its original reaches 0.15; of the
/// ordinary ones that share such a name by chance, 0.05.
const ALIKE_WITH_NAME: f64 = 0.12;
/// The same for a name of one word, as many tasks have.
const ALIKE_WITH_SHORT_NAME: f64 = 0.32;
const SHARED_WITH_SHORT_NAME: usize = 3;
/// Examples (arguments and result together) that are the benchmark's own: two may be chance where they are short.
const EXAMPLES_MIN: usize = 2;
/// Characters of an example from which on it counts: `f(2)` is 3 in many tasks.
const EXAMPLE_CHARS_MIN: usize = 12;
/// Words of a solution below which its shape says nothing: `return sorted(xs)` solves many tasks.
const CODE_WORDS_MIN: usize = 30;

/// Hashes of one task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// As the benchmark numbers it: "HumanEval/95".
    pub id: String,
    /// Of the words of its text, and of those of its function's name.
    words: BTreeSet<u32>,
    name_words: BTreeSet<u32>,
    /// Of the name itself.
    name: u32,
    /// Of arguments and result of each example.
    examples: BTreeSet<u32>,
    /// Of its solution without names, 0 for a short one.
    code: u32,
}

/// Why a candidate is taken for a benchmark's task.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    pub id: String,
    pub how: String,
}

impl Sketch {
    fn of(text: &str, name: &str, examples: BTreeSet<u32>, code: &str) -> Self {
        Self {
            id: String::new(),
            words: words(text),
            name_words: name_words(name).iter().map(|word| hash(word)).collect(),
            name: hash(&name.to_ascii_lowercase()),
            examples,
            code: shape(code),
        }
    }

    /// Of a line of a benchmark's file: HumanEval's keys (`task_id`, `prompt`, `entry_point`, `canonical_solution`,
    /// `test`) or MBPP's (`task_id`, `text`, `code`, `test_list`, `challenge_test_list`). `None` for anything else.
    #[must_use]
    pub fn of_line(line: &Json) -> Option<Self> {
        let text = |key: &str| line.get(key).and_then(Json::as_str);
        if let (Some(prompt), Some(name)) = (text("prompt"), text("entry_point")) {
            let code = format!("{prompt}{}", text("canonical_solution").unwrap_or_default());
            let mut examples = asserted(text("test").unwrap_or_default(), "candidate");
            examples.extend(shown(prompt, name));
            let mut sketch = Self::of(&told(prompt, name), name, examples, &code);
            text("task_id")?.clone_into(&mut sketch.id);
            return Some(sketch);
        }
        let tests: Vec<&str> = ["test_list", "challenge_test_list"]
            .iter()
            .filter_map(|key| line.get(key).and_then(Json::as_array))
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let name = tests.iter().find_map(|test| called(test))?;
        let examples = tests
            .iter()
            .flat_map(|test| asserted(test, &name))
            .collect();
        let mut sketch = Self::of(text("text")?, &name, examples, text("code")?);
        sketch.id = format!("MBPP/{}", line.get("task_id")?.as_u64()?);
        Some(sketch)
    }

    fn of_candidate(candidate: &Candidate) -> Self {
        let scenario = &candidate.scenario;
        let name = &scenario.entry_point;
        let mut examples = shown(&scenario.task_prompt, name);
        examples.extend(
            candidate
                .all_checks()
                .filter_map(|(_, check)| example_hash(check, name)),
        );
        Self::of(
            &format!("{}\n{}", scenario.title, told(&scenario.task_prompt, name)),
            name,
            examples,
            &candidate.code,
        )
    }

    /// As bytes of the shipped file: length-prefixed lists of little-endian numbers.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(self.id.len()).unwrap_or(0)];
        bytes.extend(self.id.bytes().take(255));
        for list in [&self.words, &self.name_words, &self.examples] {
            let length = u16::try_from(list.len()).unwrap_or(u16::MAX);
            bytes.extend(length.to_le_bytes());
            let some = list.iter().take(usize::from(length));
            bytes.extend(some.flat_map(|hash| hash.to_le_bytes()));
        }
        bytes.extend(self.name.to_le_bytes());
        bytes.extend(self.code.to_le_bytes());
        bytes
    }
}

/// The sketches of a shipped file; whatever follows a damaged one is left out.
fn read(mut bytes: &[u8]) -> Vec<Sketch> {
    let mut all = Vec::new();
    while let Some(sketch) = read_one(&mut bytes) {
        all.push(sketch);
    }
    all
}

fn read_one(bytes: &mut &[u8]) -> Option<Sketch> {
    fn take<'b>(bytes: &mut &'b [u8], n: usize) -> Option<&'b [u8]> {
        let (head, tail) = bytes.split_at_checked(n)?;
        *bytes = tail;
        Some(head)
    }
    fn number(bytes: &mut &[u8]) -> Option<u32> {
        Some(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?))
    }
    fn list(bytes: &mut &[u8]) -> Option<BTreeSet<u32>> {
        let length = u16::from_le_bytes(take(bytes, 2)?.try_into().ok()?);
        (0..length).map(|_| number(bytes)).collect()
    }
    let length = usize::from(*take(bytes, 1)?.first()?);
    let id = String::from_utf8_lossy(take(bytes, length)?).into_owned();
    Some(Sketch {
        id,
        words: list(bytes)?,
        name_words: list(bytes)?,
        examples: list(bytes)?,
        name: number(bytes)?,
        code: number(bytes)?,
    })
}

/// All known tasks, and the square of how much each word tells.
struct Library {
    tasks: Vec<Sketch>,
    weight: HashMap<u32, f64>,
    /// Of a word that no benchmark holds: as much as of one that a single task holds.
    most: f64,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::of(read(KNOWN)));

/// How alike a task is to a known one.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    pub id: String,
    /// Cosine of the weighted words, with or without those of the names, whichever is more.
    pub words: f64,
    /// Telling words that both texts hold.
    pub shared: usize,
    pub same_name: bool,
}

impl Library {
    fn of(tasks: Vec<Sketch>) -> Self {
        let mut holders: HashMap<u32, usize> = HashMap::new();
        for task in &tasks {
            for word in task.words.union(&task.name_words) {
                *holders.entry(*word).or_default() += 1;
            }
        }
        let all = tasks.len().max(1) as f64;
        let weight = holders.into_iter();
        Self {
            weight: weight
                .map(|(word, tasks)| (word, (all / tasks as f64).ln().powi(2)))
                .collect(),
            tasks,
            most: all.ln().powi(2),
        }
    }

    fn sum<'w>(&self, words: impl Iterator<Item = &'w u32>) -> f64 {
        let weight = |word| self.weight.get(word).copied().unwrap_or(self.most);
        words.map(weight).sum()
    }

    fn cosine(&self, a: &BTreeSet<u32>, b: &BTreeSet<u32>) -> f64 {
        let norms = (self.sum(a.iter()) * self.sum(b.iter())).sqrt();
        self.sum(a.intersection(b)) / norms.max(f64::MIN_POSITIVE)
    }

    fn likeness(&self, ours: &Sketch, task: &Sketch) -> Likeness {
        let whole =
            |s: &Sketch| -> BTreeSet<u32> { s.words.union(&s.name_words).copied().collect() };
        let by_text = self.cosine(&ours.words, &task.words);
        Likeness {
            id: task.id.clone(),
            words: by_text.max(self.cosine(&whole(ours), &whole(task))),
            shared: ours.words.intersection(&task.words).count(),
            same_name: ours.name == task.name,
        }
    }
}

/// The public benchmark's task that a candidate is, where it is one.
#[must_use]
pub fn known(candidate: &Candidate) -> Option<Match> {
    let library = &*LIBRARY;
    let ours = Sketch::of_candidate(candidate);
    let several = is_of_several(&candidate.scenario.entry_point);
    library.tasks.iter().find_map(|task| {
        let found = |how: String| {
            Some(Match {
                id: task.id.clone(),
                how,
            })
        };
        let examples = task.examples.intersection(&ours.examples).count();
        if examples >= EXAMPLES_MIN {
            return found(format!("{examples} of its examples"));
        }
        if ours.code != 0 && ours.code == task.code {
            return found("its solution but for names".to_owned());
        }
        let alike = library.likeness(&ours, task);
        let by_words = alike.words >= ALIKE && alike.shared >= SHARED_MIN;
        let by_name = alike.same_name
            && if several {
                alike.words >= ALIKE_WITH_NAME
            } else {
                alike.words >= ALIKE_WITH_SHORT_NAME && alike.shared >= SHARED_WITH_SHORT_NAME
            };
        if by_words || by_name {
            let name = if alike.same_name { " and its name" } else { "" };
            return found(format!("likeness of words {:.2}{name}", alike.words));
        }
        None
    })
}

/// The most alike task by words alone, for whoever measures.
#[must_use]
pub fn nearest(candidate: &Candidate) -> Option<Likeness> {
    let library = &*LIBRARY;
    let ours = Sketch::of_candidate(candidate);
    let all = library
        .tasks
        .iter()
        .map(|task| library.likeness(&ours, task));
    all.max_by(|a, b| a.words.total_cmp(&b.words))
}

/// How many tasks are known.
#[must_use]
pub fn count() -> usize {
    LIBRARY.tasks.len()
}

/// A prompt's prose: without code around a docstring, without examples.
fn told(prompt: &str, name: &str) -> String {
    let docstring = Source::parse(prompt).and_then(|source| {
        let strings = source.nodes().into_iter().map(|(n, _)| n);
        let mut docstrings = strings.filter(|n| {
            n.kind() == "string"
                && n.parent()
                    .is_some_and(|p| p.kind() == "expression_statement")
        });
        docstrings.next_back().map(|n| source.text_of(n).to_owned())
    });
    let text = docstring.unwrap_or_else(|| prompt.to_owned());
    let mut after_example = false;
    let mut kept = String::new();
    for line in text.lines() {
        let line = line.trim();
        let example = line.starts_with(">>>") || line.contains(&format!("{name}("));
        if !example && !after_example {
            kept.push_str(line);
            kept.push('\n');
        }
        after_example = line.starts_with(">>>");
    }
    kept
}

/// Examples among asserts: `assert candidate(1) == 2, "…"`.
fn asserted(tests: &str, name: &str) -> BTreeSet<u32> {
    let Some(source) = Source::parse(tests) else {
        return BTreeSet::new();
    };
    source
        .nodes()
        .into_iter()
        .filter(|(n, _)| n.kind() == "assert_statement")
        .filter_map(|(n, _)| named(n).into_iter().next())
        .filter_map(|claim| split(Check::example(source.text_of(claim), "True")).ok())
        .filter_map(|check| example_hash(&check, name))
        .collect()
}

/// Examples in a docstring: `>>> f(1)` and the line after it.
fn shown(prompt: &str, name: &str) -> BTreeSet<u32> {
    let lines: Vec<&str> = prompt.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let call = pair[0].strip_prefix(">>>")?.trim();
        example_hash(&Check::example(call, pair[1]), name)
    });
    pairs.collect()
}

fn example_hash(check: &Check, name: &str) -> Option<u32> {
    let (inputs, output) = example(check, name)?;
    let inputs: Vec<String> = inputs.iter().map(crate::dream::Value::to_literal).collect();
    let text = format!("{} => {}", inputs.join(", "), output.to_literal());
    (text.len() >= EXAMPLE_CHARS_MIN).then(|| hash(&text))
}

/// The first function that an assert calls.
fn called(test: &str) -> Option<String> {
    let source = Source::parse(test)?;
    let calls = source.nodes().into_iter().map(|(n, _)| n);
    let mut names = calls
        .filter(|n| n.kind() == "call")
        .filter_map(|n| n.child_by_field_name("function"))
        .filter(|f| f.kind() == "identifier")
        .map(|f| source.text_of(f).to_owned());
    names.find(|name| {
        !matches!(
            name.as_str(),
            "set" | "sorted" | "abs" | "round" | "len" | "str" | "tuple" | "list"
        )
    })
}

/// Hash of a solution without names, comments, docstrings, imports and annotations.
fn shape(code: &str) -> u32 {
    let Some(source) = Source::parse(code) else {
        return 0;
    };
    let mut left_out: Vec<std::ops::Range<usize>> = source
        .nodes()
        .into_iter()
        .map(|(n, _)| n)
        .filter(|n| match n.kind() {
            "import_statement" | "import_from_statement" | "type" => true,
            "expression_statement" => n.named_child(0).is_some_and(|e| e.kind() == "string"),
            _ => false,
        })
        .map(|n| with_its_mark(code, n.byte_range()))
        .collect();
    left_out.sort_by_key(|range| range.start);
    let mut plain = String::new();
    let mut at = 0;
    for range in left_out {
        if range.start >= at {
            plain.push_str(&code[at..range.start]);
            at = range.end;
        }
    }
    plain.push_str(&code[at..]);
    let bare = super::syntax::fingerprint(&plain, "");
    if bare.split(' ').count() < CODE_WORDS_MIN {
        0
    } else {
        hash(&bare)
    }
}

/// The range of an annotation with the colon or the arrow before it.
fn with_its_mark(code: &str, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let before = code.get(..range.start).unwrap_or_default().trim_end();
    let mark = before
        .strip_suffix("->")
        .or_else(|| before.strip_suffix(':'));
    // Only what stands on the same line: a block's colon is no annotation's.
    let same_line = !code
        .get(before.len()..range.start)
        .unwrap_or_default()
        .contains('\n');
    match mark {
        Some(rest) if same_line => rest.len()..range.end,
        Some(_) | None => range,
    }
}

#[cfg(test)]
mod tests;
