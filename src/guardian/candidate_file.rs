//! Reads candidates: JSON Lines, or one JSON object a file. Called by `dreamer verify`; hostile data. A bad line never
//! stops the others and never costs more memory than its limit, however long it is.

use std::io::{self, BufRead, Read};

use super::split::split;
use crate::dream::{Candidate, Reason};

/// Longest line that is read at all. The largest honest candidate of a person's own backlog is some 100 KB.
const LINE_BYTES_MAX: usize = 4 << 20;
/// Most code that is parsed as a candidate; the form gate allows far less.
const CODE_BYTES_MAX: usize = 1 << 20;

/// A line that is no candidate, with the reason code of its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    pub reason: Reason,
    pub error: String,
}

/// One candidate or bad line, with the number of its line, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub line: u64,
    pub candidate: Result<Candidate, BadLine>,
}

/// Reads entry by entry.
#[derive(Debug)]
pub struct Candidates<R> {
    input: R,
    /// Read ahead to see whether the whole file is one object.
    ahead: io::Cursor<Vec<u8>>,
    line: u64,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Lines,
    Done,
}

impl<R: BufRead> Candidates<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            ahead: io::Cursor::new(Vec::new()),
            line: 0,
            state: State::Fresh,
        }
    }

    /// A file that is one object over several lines is one candidate; true where it was one.
    fn look_ahead(&mut self) -> io::Result<Option<Entry>> {
        self.state = State::Lines;
        let mut start = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        self.input.by_ref().take(limit).read_to_end(&mut start)?;
        let whole = start.len() <= LINE_BYTES_MAX;
        let lines = start
            .split(|b| *b == b'\n')
            .filter(|l| !l.trim_ascii().is_empty())
            .count();
        if whole && lines == 0 {
            self.state = State::Done;
            return Ok(Some(bad(1, "the file holds no candidate".to_owned())));
        }
        if whole && lines > 1 && serde_json::from_slice::<serde::de::IgnoredAny>(&start).is_ok() {
            self.state = State::Done;
            return Ok(Some(Entry {
                line: 1,
                candidate: candidate(&start),
            }));
        }
        self.ahead = io::Cursor::new(start);
        Ok(None)
    }

    /// The next line without its end; `None` at the end of the file, `Err(length)` where it is too long.
    fn next_line(&mut self) -> io::Result<Option<Result<Vec<u8>, usize>>> {
        let mut line = Vec::new();
        let mut length = 0;
        let mut input = self.ahead.by_ref().chain(&mut self.input);
        loop {
            let chunk = input.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let (part, end) = match chunk.iter().position(|b| *b == b'\n') {
                Some(at) => (&chunk[..at], at + 1),
                None => (chunk, chunk.len()),
            };
            let ended = end > part.len();
            length += part.len();
            if length <= LINE_BYTES_MAX {
                line.extend_from_slice(part);
            }
            input.consume(end);
            if ended {
                return Ok(Some(if length <= LINE_BYTES_MAX {
                    Ok(line)
                } else {
                    Err(length)
                }));
            }
        }
        Ok((length > 0).then_some(if length <= LINE_BYTES_MAX {
            Ok(line)
        } else {
            Err(length)
        }))
    }
}

impl<R: BufRead> Iterator for Candidates<R> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Fresh {
            match self.look_ahead() {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(error) => {
                    self.state = State::Done;
                    return Some(Err(error));
                }
            }
        }
        while self.state == State::Lines {
            self.line += 1;
            match self.next_line() {
                Ok(Some(Ok(line))) if line.trim_ascii().is_empty() => {}
                Ok(Some(Ok(line))) => {
                    return Some(Ok(Entry {
                        line: self.line,
                        candidate: candidate(&line),
                    }));
                }
                Ok(Some(Err(length))) => {
                    let error = format!(
                        "the line is {length} bytes long; at most {LINE_BYTES_MAX} are read"
                    );
                    return Some(Ok(bad(self.line, error)));
                }
                Ok(None) => self.state = State::Done,
                Err(error) => {
                    self.state = State::Done;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn bad(line: u64, error: String) -> Entry {
    Entry {
        line,
        candidate: Err(BadLine {
            reason: Reason::BadInput,
            error,
        }),
    }
}

/// One candidate from its JSON text.
fn candidate(json: &[u8]) -> Result<Candidate, BadLine> {
    let bad = |error: String| BadLine {
        reason: Reason::BadInput,
        error,
    };
    let text = std::str::from_utf8(json)
        .map_err(|e| bad(format!("not UTF-8: byte {} is wrong", e.valid_up_to())))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('{') {
        return Err(bad("not a JSON object".to_owned()));
    }
    let mut candidate: Candidate =
        serde_json::from_str(text).map_err(|e| bad(format!("not a candidate: {e}")))?;
    if candidate.code.len() > CODE_BYTES_MAX {
        return Err(bad(format!(
            "the code is {} bytes long; at most {CODE_BYTES_MAX} are read",
            candidate.code.len()
        )));
    }
    if holds_nul(&candidate) {
        return Err(bad("a NUL character in the code or a check".to_owned()));
    }
    for checks in [&mut candidate.checks, &mut candidate.hidden_checks] {
        for check in checks {
            *check = split(check.clone()).map_err(|e| BadLine {
                reason: e.reason(),
                error: e.to_string(),
            })?;
        }
    }
    Ok(candidate)
}

fn holds_nul(candidate: &Candidate) -> bool {
    let checks = candidate
        .all_checks()
        .any(|(_, check)| check.call.contains('\0') || check.setup.contains('\0'));
    checks || candidate.code.contains('\0') || candidate.scenario.entry_point.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::{Candidates, Entry, LINE_BYTES_MAX};
    use crate::dream::{CheckKind, Reason};

    const GOOD: &str = r#"{"scenario": {"task_prompt": "t", "entry_point": "f"}, "code": "def f(): return 1", "checks": [{"kind": "example", "call": "f() == 1", "expect": "True"}]}"#;

    fn read(text: &[u8]) -> Vec<Entry> {
        Candidates::new(text).map(Result::unwrap).collect()
    }

    #[track_caller]
    fn check_bad(line: &[u8], expected: &str) {
        let entries = read(line);
        assert_eq!(entries.len(), 1);
        let bad = entries[0].candidate.as_ref().unwrap_err();
        assert_eq!(bad.reason, Reason::BadInput);
        assert!(bad.error.contains(expected), "{}", bad.error);
    }

    #[test]
    fn every_kind_of_bad_line_is_named() {
        check_bad(b"not json", "not a JSON object");
        check_bad(b"[1]", "not a JSON object");
        check_bad(b"{\"code\": \"x\"", "EOF");
        check_bad(b"", "no candidate");
        check_bad(b"{\"code\": \"\xff\"}", "not UTF-8");
        check_bad(
            br#"{"scenario": {"task_prompt": "t", "entry_point": "f"}, "checks": []}"#,
            "missing field `code`",
        );
        check_bad(
            br#"{"scenario": {"task_prompt": "t", "entry_point": "f"}, "code": 3, "checks": []}"#,
            "invalid type",
        );
        check_bad(br#"{"scenario": {"task_prompt": "t", "entry_point": "f"}, "code": "", "checks": [{"kind": "guess", "call": "f()"}]}"#, "guess");
        check_bad(GOOD.replace("return 1", "\\u0000").as_bytes(), "NUL");
        check_bad(
            GOOD.replace("return 1", &"x".repeat(2 << 20)).as_bytes(),
            "bytes long",
        );
        check_bad("[".repeat(100_000).as_bytes(), "not a JSON object");
        check_bad(
            format!("{{\"scenario\": {{\"title\": {}", "[".repeat(100_000)).as_bytes(),
            "not a candidate",
        );
    }

    #[test]
    fn a_bad_line_does_not_stop_the_others() {
        let huge = "x".repeat(LINE_BYTES_MAX * 2);
        let entries = read(format!("{GOOD}\n\nrubbish\n{huge}\n{GOOD}").as_bytes());
        let seen: Vec<_> = entries
            .iter()
            .map(|e| (e.line, e.candidate.is_ok()))
            .collect();
        assert_eq!(seen, [(1, true), (3, false), (4, false), (5, true)]);
    }

    #[test]
    fn one_object_over_several_lines_is_one_candidate() {
        let pretty = GOOD.replace("\"code\"", "\n  \"code\"");
        let entries = read(pretty.as_bytes());
        assert_eq!(entries.len(), 1);
        let candidate = entries[0].candidate.as_ref().unwrap();
        assert_eq!(
            candidate.checks[0].kind,
            CheckKind::Example {
                expect: "1".to_owned()
            }
        );
        assert_eq!(candidate.checks[0].call, "f()");
    }

    #[test]
    fn a_verdict_inside_a_call_has_its_own_reason() {
        let entries = read(GOOD.replace("f() == 1", "f() == f()").as_bytes());
        assert_eq!(
            entries[0].candidate.as_ref().unwrap_err().reason,
            Reason::VerdictInsideCall
        );
    }
}
