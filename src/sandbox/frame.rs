//! What the two sides of a runner say to each other, as bytes. Pure: no IO, no clock. Called by the runner alone.
//!
//! What comes back is written by a program that ran beside hostile code. It is read strictly, and a result that cannot
//! be read is no result; it never fails the sandbox.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::json;

use super::program::BOOT;
use super::{Job, Limits};
use crate::dream::{Ending, Observation, Outcome, Serve, Served};

/// The largest frame that is read. A result is at most 8 MiB and the output at most what its limit says.
pub(super) const MAX_FRAME: usize = 64 << 20;
/// Levels of JSON: a value nests 100 deep, a dict takes three levels for one, and the outcome is around it.
const MAX_NESTING: usize = 310;

/// Linux numbers of the errors that say the disk is full, the file too large, the quota used up.
const DISK_ERRORS: [i32; 3] = [28, 27, 122];
/// `ENOMEM`: no more memory.
const MEMORY_ERROR: i32 = 12;
/// `EAGAIN`: no more processes.
const PROCESS_ERROR: i32 = 11;

/// Four bytes of length, then the body.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

/// What process 1 is told and, behind it, what only the job's own process reads. `count_processes`: the process limit
/// is set for each job by its user too, because nothing else enforces it. What the job's server answers stands last,
/// for process 1 alone: it is read when the job's process is made already, which so never holds it.
pub(super) fn request(
    job: &Job,
    limits: &Limits,
    count_processes: bool,
    serve: Option<&Serve>,
) -> Vec<u8> {
    let (op, body) = match job {
        Job::Call {
            code,
            setup,
            given,
            values,
            call,
            trace,
        } => (
            "call",
            json!({
                "code": code, "setup": setup, "given": given, "values": values, "call": call, "trace": trace,
            }),
        ),
        Job::Program { code } => ("program", json!({ "code": code })),
    };
    let body = body.to_string();
    let head = json!({
        "op": op, "limits": limits, "threads": count_processes, "length": body.len(),
        "serve": serve.is_some(), "modules": modules(job),
    });
    let mut request = framed(head.to_string().as_bytes());
    request.extend_from_slice(body.as_bytes());
    if let Some(serve) = serve {
        let routes = serve.routes.iter().map(|route| {
            json!({
                "path": route.path, "status": route.status, "delay_ms": route.delay_ms,
                "length": route.body.len(),
            })
        });
        let table = json!(routes.collect::<Vec<_>>());
        request.extend(framed(table.to_string().as_bytes()));
        for route in &serve.routes {
            request.extend_from_slice(route.body.as_bytes());
        }
    }
    request
}

/// Tells process 1 to start itself anew with this hash seed.
pub(super) fn anew(hash_seed: u32) -> Vec<u8> {
    let head = json!({ "op": "anew", "hash_seed": hash_seed, "boot": BOOT });
    framed(head.to_string().as_bytes())
}

/// Parts of the standard library that process 1 loads once a job names them; `inside/prelude.py` has the same.
const LATER: &str = "abc argparse array ast asyncio base64 bisect calendar cmath collections collections.abc \
    concurrent.futures contextlib contextvars copy csv dataclasses datetime decimal difflib enum fractions functools \
    graphlib hashlib heapq hmac html inspect itertools json linecache locale logging numbers operator pathlib pickle \
    queue random re reprlib secrets shutil signal socket sqlite3 statistics string struct tempfile textwrap threading \
    traceback types typing unicodedata unittest urllib.parse urllib.request uuid weakref xml.etree.ElementTree zlib \
    zoneinfo";

/// Those that a job may import. One whose name stands there for another reason costs some milliseconds, once.
fn modules(job: &Job) -> Vec<&'static str> {
    // A program that fails is told where, and literals are read, before anything of the job's can be in the way.
    let (texts, needed) = match job {
        Job::Call {
            code,
            setup,
            call,
            given,
            ..
        } => {
            let needed = (!given.is_empty()).then_some("ast");
            ([code.as_str(), setup, call], needed)
        }
        Job::Program { code } => ([code.as_str(), "", ""], Some("traceback")),
    };
    let mut words: HashSet<&str> = HashSet::new();
    for text in texts {
        words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_'));
    }
    words.extend(needed);
    let later = LATER.split_whitespace();
    later
        .filter(|name| name.split('.').all(|part| words.contains(part)))
        .collect()
}

/// What the runner says after a job.
#[derive(Debug, Deserialize)]
struct Answer {
    ending: Ending,
    /// Bytes behind the line: what the job's process wrote as its result (a line with the outcome, a line with what else
    /// was seen), its standard output, its standard error.
    parts: [usize; 3],
    wall_ms: f64,
    waited_ms: f64,
    cpu_ms: f64,
    left_processes: u64,
    /// False where the runner could not remove what the job left; the runner must not be used again.
    clean: bool,
    /// What the groups counted, where they can be seen from inside.
    oom_kills: u64,
    process_refusals: u64,
    #[serde(default)]
    served: Option<Served>,
}

#[derive(Debug, Default, Deserialize)]
struct Marks {
    #[serde(default)]
    lines: Vec<u32>,
    #[serde(default)]
    mutated: Vec<String>,
    /// Threads beside the main one, some time after the call had returned.
    #[serde(default)]
    threads: u32,
    /// What the solution's own lines reached for, for which the job was ended.
    #[serde(default)]
    reaches: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Number {
    #[serde(default)]
    errno: Option<i32>,
}

/// What the sandbox's groups counted while the job ran.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) oom_kills: u64,
    pub(super) process_refusals: u64,
    /// Nothing counts refused processes here: the job's own word is taken for it.
    pub(super) refusals_unknown: bool,
}

/// Reads the runner's answer; the flag says whether the runner is clean.
pub(super) fn observation(body: &[u8], counted: Counted) -> Result<(Observation, bool), String> {
    let end = body.iter().position(|b| *b == b'\n');
    let (line, mut rest) = body.split_at(end.ok_or("it has no first line")?);
    rest = &rest[1..];
    let answer: Answer = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let mut texts = [const { String::new() }; 3];
    for (text, length) in texts.iter_mut().zip(answer.parts) {
        let (part, behind) = rest
            .split_at_checked(length)
            .ok_or("it is shorter than it says")?;
        // The bytes are a program's that may write anything.
        *text = String::from_utf8_lossy(part).into_owned();
        rest = behind;
    }
    let [said, stdout, stderr] = texts;
    let counted = Counted {
        oom_kills: counted.oom_kills.max(answer.oom_kills),
        process_refusals: counted.process_refusals.max(answer.process_refusals),
        ..counted
    };
    let mut notes = BTreeMap::new();
    let mut said = said.lines();
    let first = said.next().unwrap_or_default();
    let outcome = if first.is_empty() {
        Outcome::Nothing
    } else if let Ok(outcome) = deep::<Outcome>(first) {
        outcome
    } else {
        notes.insert("unreadable_result".to_owned(), first.len().to_string());
        Outcome::Nothing
    };
    let marks: Marks = said.next().and_then(|l| deep(l).ok()).unwrap_or_default();
    if marks.threads > 0 {
        notes.insert("left_threads".to_owned(), marks.threads.to_string());
    }
    if let Some(what) = &marks.reaches {
        notes.insert("reaches".to_owned(), what.clone());
    }
    let errno = deep::<Number>(first).ok().and_then(|n| n.errno);
    if answer.left_processes > 0 {
        notes.insert(
            "left_processes".to_owned(),
            answer.left_processes.to_string(),
        );
    }
    let observation = Observation {
        ending: ending(answer.ending, &outcome, errno, counted),
        outcome,
        lines: marks.lines,
        mutated: marks.mutated,
        stdout,
        stderr,
        wall_ms: answer.wall_ms,
        waited_ms: answer.waited_ms,
        cpu_ms: answer.cpu_ms,
        notes,
        served: answer.served,
    };
    Ok((observation, answer.clean))
}

/// The ending as the runner saw it, corrected by what only the groups and the exception tell.
fn ending(seen: Ending, outcome: &Outcome, errno: Option<i32>, counted: Counted) -> Ending {
    if !matches!(seen, Ending::Exited(_) | Ending::Signaled(_)) {
        return seen;
    }
    if counted.oom_kills > 0 {
        return Ending::Oom;
    }
    let Outcome::Raised {
        classes, message, ..
    } = outcome
    else {
        let refused = counted.process_refusals > 0 && matches!(outcome, Outcome::Nothing);
        return if refused { Ending::Pids } else { seen };
    };
    let refused = errno == Some(PROCESS_ERROR) || message.contains("start new thread");
    if classes.first().is_some_and(|c| c == "MemoryError") || errno == Some(MEMORY_ERROR) {
        Ending::Oom
    } else if errno.is_some_and(|n| DISK_ERRORS.contains(&n)) {
        Ending::Disk
    } else if refused && (counted.process_refusals > 0 || counted.refusals_unknown) {
        Ending::Pids
    } else {
        seen
    }
}

/// Reads JSON that may nest deeper than serde_json allows by itself, but not without end.
fn deep<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    if nesting(text) > MAX_NESTING {
        return Err(format!("nested deeper than {MAX_NESTING}"));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    T::deserialize(&mut reader).map_err(|e| e.to_string())
}

fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::Value;

    fn answer(said: &str, kind: &str) -> Vec<u8> {
        let ending = if kind == "exited" {
            json!({"kind": kind, "detail": 0})
        } else {
            json!({ "kind": kind })
        };
        let answer = json!({
            "ending": ending, "parts": [said.len(), 3, 2], "wall_ms": 1.5, "waited_ms": 0.5,
            "cpu_ms": 1.0, "left_processes": 2, "clean": true, "oom_kills": 0, "process_refusals": 0,
        });
        let mut bytes = format!("{answer}\n{said}").into_bytes();
        bytes.extend_from_slice(b"o\xfft\0e");
        bytes
    }

    #[test]
    fn only_what_a_job_names_is_loaded_for_it() {
        let job = |code: &str| Job::Call {
            code: code.to_owned(),
            setup: String::new(),
            given: BTreeMap::new(),
            values: BTreeMap::new(),
            call: "f()".to_owned(),
            trace: false,
        };
        assert_eq!(modules(&job("import os\nfrom re import sub")), ["re"]);
        assert_eq!(modules(&job("rest = recopy")), [] as [&str; 0]);
        let both = "from concurrent.futures import wait";
        assert_eq!(modules(&job(both)), ["concurrent.futures"]);
        let later: Vec<&str> = LATER.split_whitespace().collect();
        let inside = include_str!("inside/prelude.py");
        let inside = inside.split("\"\"\"").nth(1).unwrap();
        assert_eq!(inside.split_whitespace().collect::<Vec<_>>(), later);
    }

    #[track_caller]
    fn read(said: &str, kind: &str, counted: Counted) -> Observation {
        observation(&answer(said, kind), counted).unwrap().0
    }

    #[test]
    fn a_value_is_read_with_its_marks() {
        let said = "{\"outcome\":\"value\",\"value\":{\"float\":\"nan\"}}\n{\"lines\":[2],\"mutated\":[\"a\"]}\n";
        let seen = read(said, "exited", Counted::default());
        assert!(matches!(seen.outcome, Outcome::Value { value: Value::Float(x) } if x.is_nan()));
        assert_eq!((seen.lines, seen.mutated), (vec![2], vec!["a".to_owned()]));
        assert_eq!(seen.notes["left_processes"], "2");
        assert_eq!(
            (seen.stdout.as_str(), seen.stderr.as_str()),
            ("o\u{fffd}t", "\0e")
        );
    }

    #[test]
    fn an_answer_that_is_shorter_than_it_says_is_none() {
        let mut bytes = answer("{}", "exited");
        bytes.pop();
        assert!(observation(&bytes, Counted::default()).is_err());
        assert!(observation(b"rubbish", Counted::default()).is_err());
    }

    #[test]
    fn a_result_that_cannot_be_read_is_no_result() {
        for said in [
            "rubbish\n",
            "{\"outcome\":\"gold\"}\n",
            &"[".repeat(100_000),
        ] {
            let seen = read(said, "exited", Counted::default());
            assert_eq!(seen.outcome, Outcome::Nothing);
            assert!(seen.notes.contains_key("unreadable_result"));
        }
    }

    #[test]
    fn what_was_reached_for_is_noted() {
        let said = "{\"outcome\":\"raised\",\"stage\":\"call\",\"classes\":[],\"message\":\"\"}\n{\"reaches\":\"exec\"}\n";
        let seen = read(said, "exited", Counted::default());
        assert_eq!(seen.notes.get("reaches").map(String::as_str), Some("exec"));
    }

    #[test]
    fn a_value_may_nest_a_hundred_deep() {
        let value = format!(
            "{}\"none\"{}",
            "{\"dict\":[[\"none\",".repeat(100),
            "]]}".repeat(100)
        );
        let said = format!("{{\"outcome\":\"value\",\"value\":{value}}}\n");
        let seen = read(&said, "exited", Counted::default());
        assert!(matches!(seen.outcome, Outcome::Value { .. }));
    }

    #[test]
    fn limits_that_only_the_groups_saw_name_the_ending() {
        let oom = Counted {
            oom_kills: 1,
            ..Counted::default()
        };
        let refused = Counted {
            process_refusals: 9,
            ..Counted::default()
        };
        let raised = |class: &str, errno: &str| {
            format!(
                "{{\"outcome\":\"raised\",\"stage\":\"call\",\"classes\":[\"{class}\"],\"message\":\"\",\"errno\":{errno}}}\n"
            )
        };
        assert_eq!(read("", "exited", oom).ending, Ending::Oom);
        assert_eq!(read("", "wall", oom).ending, Ending::Wall);
        let memory = raised("MemoryError", "null");
        assert_eq!(
            read(&memory, "exited", Counted::default()).ending,
            Ending::Oom
        );
        let mapped = raised("OSError", "12");
        assert_eq!(
            read(&mapped, "exited", Counted::default()).ending,
            Ending::Oom
        );
        let full = raised("OSError", "28");
        assert_eq!(
            read(&full, "exited", Counted::default()).ending,
            Ending::Disk
        );
        let fork = raised("BlockingIOError", "11");
        assert_eq!(read(&fork, "exited", refused).ending, Ending::Pids);
        assert_eq!(
            read(&fork, "exited", Counted::default()).ending,
            Ending::Exited(0)
        );
        let unknown = Counted {
            refusals_unknown: true,
            ..Counted::default()
        };
        assert_eq!(read(&fork, "exited", unknown).ending, Ending::Pids);
        let value = "{\"outcome\":\"value\",\"value\":\"none\"}\n";
        assert_eq!(read(value, "exited", refused).ending, Ending::Exited(0));
    }
}
