//! The pack and the sample knowledge, tried with plain Python: both are the project's own texts, so the host's
//! interpreter may run them here. `source` mines documents, `proof` asks the Guardian.

mod proof;
mod source;

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dreamer::dream::{Check, CheckKind, Difficulty, Value, parse_literal};
use dreamer::pack::offline::{CheckTemplate, OfflinePack, PackTask};
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
        let with_text = shots.iter().filter(|shot| shot.from.is_some()).count();
        assert!(
            with_text >= 2,
            "{difficulty:?}: a weaver needs some to show in turn"
        );
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
