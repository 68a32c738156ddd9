//! Reads candidates: JSON Lines, or one JSON object a file. Called by `dreamer verify`; hostile data. A bad line never
//! stops the others and never costs more memory than its limit, however long it is.

use std::io::{self, BufRead, Read};

use super::split::split;
use crate::dream::{Candidate, Reason};

/// Longest line that is read at all. The largest honest candidate of a person's own backlog is some 100 KB.
const LINE_BYTES_MAX: usize = 4 << 20;
/// Most code that is parsed as a candidate; the form gate allows far less.
const CODE_BYTES_MAX: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

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
        // Some editors begin every file with it.
        if start.starts_with(BYTE_ORDER_MARK) {
            start.drain(..BYTE_ORDER_MARK.len());
        }
        let lines = start
            .split(|b| *b == b'\n')
            .filter(|l| !l.trim_ascii().is_empty())
            .count();
        if whole && lines == 0 {
            self.state = State::Done;
            return Ok(Some(bad(1, "the file holds no candidate".to_owned())));
        }
        let parses = || serde_json::from_slice::<serde::de::IgnoredAny>(&start).is_ok();
        if whole && lines > 1 && (parses() || is_broken_object(&start)) {
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

/// Whether text that is no JSON was meant as one object over several lines: it begins as one, its first line is not
/// complete, some line goes on with what was begun, and none is a candidate by itself.
fn is_broken_object(text: &[u8]) -> bool {
    let lines: Vec<&[u8]> = text
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect();
    let object =
        |line: &[u8]| serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(line);
    let is_candidate = |line: &[u8]| {
        object(line).is_ok_and(|keys| keys.contains_key("code") || keys.contains_key("scenario"))
    };
    let Some((first, rest)) = lines.split_first() else {
        return false;
    };
    first.starts_with(b"{")
        && object(first).is_err()
        && rest
            .iter()
            .any(|line| line.starts_with(b"\"") || line.starts_with(b"}"))
        && !rest.iter().any(|line| is_candidate(line))
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
        return Err(bad("a NUL character in one of its texts".to_owned()));
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

/// In whichever text: Python reads no NUL, and neither do the tools that a saved dream is for.
fn holds_nul(candidate: &Candidate) -> bool {
    let mut open = vec![serde_json::to_value(candidate).unwrap_or_default()];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) if text.contains('\0') => return true,
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Object(fields) => {
                if fields.keys().any(|name| name.contains('\0')) {
                    return true;
                }
                open.extend(fields.into_iter().map(|(_, value)| value));
            }
            _ => {}
        }
    }
    false
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
        for (text, with) in [
            ("\"t\"", "\"t\\u0000\""),
            ("\"expect\": \"True\"", "\"expect\": \"'\\u0000'\""),
            ("\"kind\"", "\"given\": {\"a\": \"'\\u0000'\"}, \"kind\""),
            ("\"kind\"", "\"given\": {\"a\\u0000\": \"1\"}, \"kind\""),
            (
                "\"kind\"",
                "\"serve\": {\"routes\": [{\"path\": \"/\", \"body\": \"\\u0000\"}]}, \"kind\"",
            ),
        ] {
            check_bad(GOOD.replace(text, with).as_bytes(), "NUL");
        }
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
    fn one_broken_object_over_several_lines_is_one_bad_candidate() {
        let pretty = GOOD
            .replace("\"code\"", "\n  \"code\"")
            .replace("\"checks\": [", "\n \"checks\": [\n  ")
            .replace("}]}", "}\n ]\n}\n");
        for broken in [
            pretty.replace("\"code\":", "\"code\""),
            pretty.replace("\n}\n", "\n"),
            pretty.replace("True\"", "True"),
            format!("\u{feff}{}", pretty.replace("\n}\n", "\n")),
        ] {
            let entries = read(broken.as_bytes());
            assert_eq!(entries.len(), 1, "{entries:?}");
            let bad = entries[0].candidate.as_ref().unwrap_err();
            assert_eq!((entries[0].line, bad.reason), (1, Reason::BadInput));
            assert!(bad.error.contains("line"), "{}", bad.error);
        }
        let unfinished = "{\"code\": \"unfinished";
        let lines = format!("{unfinished}\n{unfinished}\n{GOOD}\n}}");
        assert_eq!(read(lines.as_bytes()).len(), 4);
        assert_eq!(
            read(format!("{unfinished}\n{unfinished}").as_bytes()).len(),
            2
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let pretty = GOOD.replace("\"code\"", "\n  \"code\"");
        for text in [
            format!("\u{feff}{GOOD}"),
            format!("\u{feff}{pretty}"),
            format!("\u{feff}\n{GOOD}"),
        ] {
            let entries = read(text.as_bytes());
            assert_eq!(entries.len(), 1, "{entries:?}");
            assert!(entries[0].candidate.is_ok(), "{entries:?}");
        }
        check_bad("\u{feff}".as_bytes(), "no candidate");
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
