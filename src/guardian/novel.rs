//! Gate 9, second part: the candidate is neither a saved dream nor an earlier candidate over again, and no task of a
//! public benchmark. Pure; whoever calls the Guardian says what is known.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::benchmarks;
use super::ruling::Ruling;
use super::syntax::fingerprint;
use crate::dream::{Candidate, Check, Reason, Sketch};
use crate::similarity;

/// Estimated share of shingles, of the task's words or of the checks' calls, from which on two tasks are one. The
/// weaver refuses at 0.5 already, when a new task costs nothing yet; here a whole proof would be thrown away.
const TOO_ALIKE: f64 = 0.8;

/// What a candidate is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Saved dreams, earlier candidates; never the candidate itself.
    pub sketches: Vec<Sketch>,
    /// For tasks that share their words by design, such as the variants of one pack file: only the same task with the
    /// same solution is a duplicate.
    pub exact_only: bool,
    pub benchmarks: Benchmarks,
}

/// What to do with a task of a public benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Benchmarks {
    #[default]
    Refuse,
    /// A person chose the tasks: judged by the other gates, marked, and left out of exports.
    Mark,
}

/// What later candidates are compared with.
#[must_use]
pub fn sketch(candidate: &Candidate) -> Sketch {
    let checks: Vec<Check> = candidate
        .all_checks()
        .map(|(_, check)| check.clone())
        .collect();
    let mut sketch = similarity::sketch(&candidate.scenario, &checks);
    for byte in Sha256::digest(fingerprint(&candidate.code, "").as_bytes()) {
        _ = write!(sketch.code_hash, "{byte:02x}");
    }
    sketch
}

/// The ruling, and whether the candidate is a benchmark's task that is let through marked.
pub(super) fn rule(candidate: &Candidate, known: &Known) -> (Ruling, bool) {
    let ours = sketch(candidate);
    if let Some(how) = known
        .sketches
        .iter()
        .find_map(|old| again(&ours, old, known.exact_only))
    {
        return (Ruling::Fail(Reason::Duplicate, how), false);
    }
    let compared = format!("unlike {} known ones", known.sketches.len());
    match (benchmarks::known(candidate), known.benchmarks) {
        (Some(found), Benchmarks::Refuse) => {
            let detail = format!("{} by {}", found.id, found.how);
            (Ruling::Fail(Reason::Contaminated, detail), false)
        }
        (Some(found), Benchmarks::Mark) => {
            let detail = format!("{compared}; marked as {} by {}", found.id, found.how);
            (Ruling::Pass(detail), true)
        }
        (None, _) => {
            let detail = format!(
                "{compared}, and no task of {} of public benchmarks",
                benchmarks::count()
            );
            (Ruling::Pass(detail), false)
        }
    }
}

/// In which way the one is the other over again.
fn again(ours: &Sketch, old: &Sketch, exact_only: bool) -> Option<String> {
    let same_code = !old.code_hash.is_empty() && ours.code_hash == old.code_hash;
    if exact_only {
        let same = same_code && ours.words == old.words;
        return same.then(|| "the same task and solution are there already".to_owned());
    }
    if same_code {
        return Some("the same solution but for names is there already".to_owned());
    }
    let alike = similarity::likeness(ours, old);
    (alike >= TOO_ALIKE).then(|| format!("{alike:.2} alike to one that is there already"))
}

#[cfg(test)]
mod tests {
    use super::{Known, TOO_ALIKE, rule, sketch};
    use crate::dream::{Candidate, Check, Reason, Scenario};
    use crate::guardian::ruling::Ruling;

    fn candidate(prompt: &str, code: &str, calls: [&str; 2]) -> Candidate {
        Candidate {
            scenario: Scenario {
                task_prompt: prompt.to_owned(),
                entry_point: "stow".to_owned(),
                ..Scenario::default()
            },
            code: code.to_owned(),
            checks: calls
                .iter()
                .map(|call| Check::example(*call, "1"))
                .collect(),
            hidden_checks: vec![],
        }
    }

    fn first() -> Candidate {
        candidate(
            "Write stow(boxes) which tells how many holds of a ship the boxes fill when each holds three of them.",
            "def stow(boxes):\n    full, rest = divmod(len(boxes), 3)\n    return full + (rest > 0)\n",
            ["stow([1, 2])", "stow('abcd')"],
        )
    }

    #[track_caller]
    fn check(again: &Candidate, exact_only: bool, duplicate: bool) {
        let known = Known {
            sketches: vec![sketch(&first())],
            exact_only,
            ..Known::default()
        };
        let (ruling, _) = rule(again, &known);
        assert_eq!(
            matches!(ruling, Ruling::Fail(Reason::Duplicate, _)),
            duplicate,
            "{ruling:?}"
        );
    }

    #[test]
    fn copies_are_duplicates_whatever_their_names() {
        check(&first(), false, true);
        check(&first(), true, true);
        let renamed = candidate(
            "Something else that nobody wrote before about cranes.",
            "def lift(loads):\n    # as before\n    a, b = divmod(len(loads), 3)\n    return a + (b > 0)\n",
            ["lift([7])", "lift('xy')"],
        );
        check(&renamed, false, true);
        check(&renamed, true, false);
    }

    #[test]
    fn the_same_task_in_nearly_the_same_words_is_a_duplicate() {
        let code = "def stow(boxes):\n    return -(-len(boxes) // 3)\n";
        let calls = ["stow([9])", "stow('wxyz')"];
        let near = |prompt: &str| {
            let again = candidate(prompt, code, calls);
            let alike = crate::similarity::likeness(&sketch(&first()), &sketch(&again));
            (again, alike)
        };
        let same = first().scenario.task_prompt;
        let (over, alike) = near(&same.replace("of them.", "of these."));
        assert!((TOO_ALIKE..1.0).contains(&alike), "{alike}");
        check(&over, false, true);
        check(&over, true, false);
        let (under, alike) = near(&same.replace("which tells", "that counts"));
        assert!((0.3..TOO_ALIKE).contains(&alike), "{alike}");
        check(&under, false, false);
    }

    #[test]
    fn another_task_is_none() {
        let other = candidate(
            "Write crane(loads) that lifts the heaviest load first and gives the order.",
            "def crane(loads):\n    return sorted(loads, reverse=True)\n",
            ["crane([7, 8])", "crane([1])"],
        );
        check(&other, false, false);
    }
}
