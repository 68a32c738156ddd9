//! Reads what was asked for out of what a model really said. Pure; called by the weaver and the coder on hostile text,
//! so it never panics, never recurses without bound and never spends more than a few passes over the text.

use serde_json::Value as Json;

/// Places at which a JSON value is looked for: a talkative model opens a few braces in prose before its answer.
const MAX_STARTS: usize = 64;

/// Fence lines that are looked at: answers have two to six.
const MAX_FENCES: usize = 40;

/// Longest block that is parsed, in bytes: solutions have some hundred.
const MAX_CODE: usize = 64 << 10;

/// The JSON object (or, failing that, array) in a model's answer: bare, fenced, after reasoning, before more talk.
///
/// `None` where there is none or where it was cut off: half an answer is no answer.
#[must_use]
pub fn json_from(text: &str) -> Option<Json> {
    let said = without_reasoning(text);
    first_value(said).or_else(|| first_value(&repaired(said)))
}

/// The best fenced Python block of a model's answer: the longest that parses and defines something, else the longest
/// that parses. `None` without a fence.
#[must_use]
pub fn code_from(text: &str) -> Option<String> {
    let said = without_reasoning(text);
    let mut best: Option<(bool, usize, &str)> = None;
    for ends in blocks(said) {
        // The first end that gives Python is the right one: a later one would take in a second block, since the grammar
        // also reads backquotes as Python 2 did.
        let parsed = ends
            .iter()
            .filter(|code| code.len() <= MAX_CODE && !code.trim().is_empty())
            .find_map(|code| Some((parses(code)?, code.len(), *code)));
        if let Some(found) = parsed
            && best.is_none_or(|(d, n, _)| (found.0, found.1) > (d, n))
        {
            best = Some(found);
        }
    }
    best.map(|(_, _, code)| format!("{}\n", code.trim_matches('\n').trim_end()))
}

/// What follows the last reasoning block; nothing where reasoning was begun and never ended.
fn without_reasoning(text: &str) -> &str {
    const MARKS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];
    let mut said = text;
    for (open, close) in MARKS {
        if let Some(at) = said.rfind(close) {
            said = &said[at + close.len()..];
        } else if said.trim_start().starts_with(open) {
            return "";
        }
    }
    said
}

/// The first complete object, else the first complete array that holds an object.
fn first_value(text: &str) -> Option<Json> {
    let mut array = None;
    let mut skip_to = 0;
    let starts = text
        .char_indices()
        .filter(|(_, c)| matches!(c, '{' | '['))
        .take(MAX_STARTS);
    for (at, _) in starts {
        if at < skip_to {
            continue;
        }
        // serde_json stops at 128 levels by itself, so nesting is bounded.
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Json>();
        match values.next() {
            Some(Ok(value @ Json::Object(_))) => return Some(value),
            Some(Ok(value)) => {
                skip_to = at + values.byte_offset();
                array = array.or(Some(value));
            }
            // Cut off: what is nested in it is only a part of the answer.
            Some(Err(error)) if error.is_eof() => return None,
            Some(Err(_)) | None => {}
        }
    }
    array.filter(|a| a.get(0).is_some_and(Json::is_object))
}

/// The same text with what small models get wrong put right: line breaks inside strings, commas before a bracket.
fn repaired(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut in_string = false;
    let mut escaped = false;
    let mut depth = 0_usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                '\n' => {
                    out.push_str("\\n");
                    continue;
                }
                '\t' => {
                    out.push_str("\\t");
                    continue;
                }
                c if c < ' ' => continue,
                _ => {}
            }
            out.push(c);
            continue;
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            // A quotation mark in the prose around the answer opens nothing.
            '"' if depth > 0 => in_string = true,
            ',' => {
                while chars.next_if(|next| next.is_whitespace()).is_some() {}
                if chars.peek().is_some_and(|next| matches!(next, '}' | ']')) {
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// For every fence that may open Python, the texts up to each later fence, shortest first, or to the end where none
/// follows: a fence inside a docstring ends the shortest one too early.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    struct Fence<'a> {
        start: usize,
        end: usize,
        info: &'a str,
    }
    let mut fences = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            let info = trimmed.trim_start_matches(['`', '~']).trim();
            fences.push(Fence {
                start: at,
                end,
                info,
            });
            if fences.len() == MAX_FENCES {
                break;
            }
        }
        at = end;
    }
    let mut blocks = Vec::new();
    for (i, open) in fences.iter().enumerate() {
        let language = open
            .info
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or("");
        if !matches!(
            language.to_ascii_lowercase().as_str(),
            "" | "python" | "python3" | "py" | "py3"
        ) {
            continue;
        }
        // A bare fence may be the end of a block; prose after it does not parse as a definition.
        let closers = fences[i + 1..].iter().filter(|close| close.info.is_empty());
        let mut ends: Vec<_> = closers
            .take(4)
            .map(|close| &text[open.end..close.start])
            .collect();
        if ends.is_empty() {
            ends.push(&text[open.end..]);
        }
        blocks.push(ends);
    }
    blocks
}

/// `None` where the text is no Python; else whether it defines a function or a class at its top.
fn parses(code: &str) -> Option<bool> {
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .ok()?;
    let tree = parser.parse(code, None)?;
    let root = tree.root_node();
    if root.has_error() {
        return None;
    }
    let mut cursor = root.walk();
    let kinds = [
        "function_definition",
        "class_definition",
        "decorated_definition",
    ];
    Some(
        root.children(&mut cursor)
            .any(|child| kinds.contains(&child.kind())),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_json(text: &str, expected: impl Into<Option<Json>>) {
        assert_eq!(json_from(text), expected.into(), "{text}");
    }

    #[track_caller]
    fn check_code(text: &str, expected: Option<&str>) {
        assert_eq!(code_from(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn json_is_found_bare_fenced_and_between_talk() {
        check_json(r#"{"a": 1}"#, Some(json!({"a": 1})));
        check_json(
            "Sure!\n```json\n{\"a\": 1}\n```\nHope {this} helps.",
            Some(json!({"a": 1})),
        );
        check_json(
            "Use {braces}. ```\n```json\n{\"a\": [1]}\n```\n```",
            Some(json!({"a": [1]})),
        );
        check_json("[1] and then {\"a\": 2} {\"b\": 3}", Some(json!({"a": 2})));
        check_json("[{\"a\": 2}] done", Some(json!([{"a": 2}])));
    }

    #[test]
    fn reasoning_is_passed_over() {
        check_json(
            "<think>maybe {\"a\": 0}</think>{\"a\": 1}",
            Some(json!({"a": 1})),
        );
        check_json("{\"a\": 0} no </think> {\"a\": 1}", Some(json!({"a": 1})));
        check_json("<think>maybe {\"a\": 0} or", None);
    }

    #[test]
    fn a_cut_off_answer_is_none_even_where_a_part_is_whole() {
        check_json(r#"{"a": {"b": 1}, "c": "unfin"#, None);
        check_json(r#"{"a": [{"b": 1}, "#, None);
        check_json("", None);
        check_json("nothing here", None);
    }

    #[test]
    fn raw_line_breaks_and_trailing_commas_are_mended() {
        check_json(
            "{\"a\": \"x\ny\", \"b\": [1, 2,],}",
            Some(json!({"a": "x\ny", "b": [1, 2]})),
        );
    }

    #[test]
    fn nesting_is_bounded() {
        check_json(&"[".repeat(100_000), None);
        check_json(&"{\"a\":".repeat(100_000), None);
        let deep = format!("```python\n{}\n```", "(".repeat(50_000));
        assert_eq!(code_from(&deep), None);
    }

    #[test]
    fn the_defining_block_wins_over_examples() {
        check_code(
            "```python\nprint(f(1))\n```\ntext\n```py\ndef f(x):\n    return x\n```\n```\n1\n```",
            Some("def f(x):\n    return x\n"),
        );
    }

    #[test]
    fn fences_in_a_docstring_do_not_cut_the_code() {
        let code =
            "def f(x):\n    \"\"\"Do.\n\n    ```\n    f(1)\n    ```\n    \"\"\"\n    return x\n";
        check_code(&format!("Here:\n```python\n{code}```\nBye."), Some(code));
    }

    #[test]
    fn nested_and_unclosed_fences_still_give_code() {
        check_code(
            "```markdown\n```python\ndef f():\n    return 1\n```\n```",
            Some("def f():\n    return 1\n"),
        );
        check_code(
            "```python\ndef f():\n    return 1",
            Some("def f():\n    return 1\n"),
        );
    }

    #[test]
    fn code_outside_a_fence_and_broken_code_are_none() {
        check_code("def f():\n    return 1\n", None);
        check_code("```python\ndef f(:\n```", None);
        check_code("```rust\nfn f() {}\n```", None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            let _ = json_from(&text);
            let _ = code_from(&text);
        }

        #[test]
        fn arbitrary_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "```", "```python\n", "\n", "{", "}", "[", "]", "\"", "\\", ":", ",", "<think>", "</think>", "def f():\n",
            "    return 1\n", "é", "\u{0}", "null", "1e999", "'''", "\"\"\"",
        ]), 0..60)) {
            let text = pieces.concat();
            let _ = json_from(&text);
            let _ = code_from(&text);
        }

        #[test]
        fn any_object_survives_talk_and_fences(key in "[a-z]{1,8}", value in any::<String>(), n in any::<i64>()) {
            let object = json!({key: value, "n": n});
            let said = format!("Well, here it is:\n```json\n{object}\n```\nDone.");
            prop_assert_eq!(json_from(&said), Some(object));
        }
    }
}
