//! Takes out of a model's code what is not the solution: example calls, prints, asserts, tests. Pure; called by the coder.

use std::ops::Range;

use tree_sitter::{Node, Parser};

/// Longer code is no solution of a task that fits into one function.
const MAX_CODE: usize = 16 << 10;

/// `code` with its definitions, imports and constants only; `None` where it does not define `entry_point` at its top.
pub(super) fn solution(code: &str, entry_point: &str) -> Option<String> {
    if code.len() > MAX_CODE {
        return None;
    }
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .ok()?;
    let tree = parser.parse(code, None)?;
    if tree.root_node().has_error() {
        return None;
    }
    let mut cursor = tree.root_node().walk();
    let mut removed: Vec<Range<usize>> = Vec::new();
    let mut defined = false;
    for statement in tree.root_node().children(&mut cursor) {
        defined |= defined_name(statement, code) == Some(entry_point);
        if is_noise(statement, code, entry_point) {
            removed.push(statement.byte_range());
        }
    }
    if !defined {
        return None;
    }
    let mut kept = String::with_capacity(code.len());
    let mut at = 0;
    for range in removed {
        kept.push_str(&code[at..range.start]);
        at = range.end;
    }
    kept.push_str(&code[at..]);
    Some(tidy(&kept))
}

/// The name that a top-level statement binds to a function, class or value.
fn defined_name<'a>(statement: Node<'_>, code: &'a str) -> Option<&'a str> {
    let text = |node: Node<'_>| &code[node.byte_range()];
    match statement.kind() {
        "function_definition" | "class_definition" => {
            statement.child_by_field_name("name").map(text)
        }
        "decorated_definition" => defined_name(statement.child_by_field_name("definition")?, code),
        "expression_statement" => {
            let assignment = statement
                .named_child(0)
                .filter(|n| n.kind() == "assignment")?;
            assignment.child_by_field_name("left").map(text)
        }
        _ => None,
    }
}

fn is_noise(statement: Node<'_>, code: &str, entry_point: &str) -> bool {
    let text = &code[statement.byte_range()];
    let calls_entry = || calls(text, entry_point);
    match statement.kind() {
        "assert_statement" => true,
        "if_statement" => text.contains("__name__") || calls_entry() || calls(text, "print"),
        "expression_statement" => match statement.named_child(0).map(|n| n.kind()) {
            // A docstring or comment in a string stays.
            Some("string") => false,
            Some("assignment" | "augmented_assignment") => {
                defined_name(statement, code) != Some(entry_point) && calls_entry()
            }
            Some("call") => {
                calls_entry()
                    || calls(text, "print")
                    || calls(text, "main")
                    || text.contains("doctest.")
                    || text.contains("unittest.")
            }
            _ => calls_entry() || calls(text, "print"),
        },
        "for_statement" | "while_statement" | "try_statement" | "with_statement" => {
            calls_entry() || calls(text, "print")
        }
        "function_definition" => defined_name(statement, code).is_some_and(|name| {
            name != entry_point && (name.starts_with("test_") || (name == "main" && calls_entry()))
        }),
        "class_definition" => text
            .lines()
            .next()
            .is_some_and(|head| head.contains("TestCase")),
        "import_statement" => {
            let module = text.trim_start_matches("import").trim();
            matches!(module, "pytest" | "unittest" | "doctest")
        }
        _ => false,
    }
}

/// True where `name(` stands in the text as a name of its own.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].trim_start();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.')
            && after.starts_with('(')
    })
}

/// Without spaces at line ends, without more than two empty lines in a row, and without a trailing comment on examples
/// that are gone.
fn tidy(code: &str) -> String {
    let mut lines: Vec<&str> = code.lines().map(str::trim_end).collect();
    while lines
        .last()
        .is_some_and(|last| last.is_empty() || last.starts_with('#'))
    {
        lines.pop();
    }
    let mut out = String::with_capacity(code.len());
    let mut empty = 2;
    for line in lines {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(code: &str, expected: Option<&str>) {
        assert_eq!(solution(code, "f").as_deref(), expected, "{code}");
    }

    const BARE: &str = "import math\n\nLIMIT = 3\n\n\ndef f(x):\n    return x\n";

    #[test]
    fn examples_prints_and_tests_are_taken_out() {
        for noise in [
            "print(f(1))",
            "# Example\nresult = f(2)\nprint(result)",
            "assert f(1) == 1",
            "if __name__ == '__main__':\n    f(1)",
            "for i in range(3):\n    print(f(i))",
            "def test_f():\n    assert f(1) == 1",
            "f(1)",
            "def main():\n    print(f(1))\n\nmain()",
            "class TestF(unittest.TestCase):\n    def test_a(self):\n        pass\n\nunittest.main()",
            "try:\n    f(1)\nexcept ValueError:\n    pass",
            "import doctest\ndoctest.testmod()",
        ] {
            check(&format!("{BARE}\n{noise}\n"), Some(BARE));
        }
    }

    #[test]
    fn what_the_solution_needs_stays() {
        let code = "\"\"\"A docstring.\"\"\"\nfrom x import y\n\n@y\ndef f(x):\n    assert x\n    print(x)\n    return helper(x)\n\n\ndef helper(x):\n    return f(x - 1) if x else 0\n";
        check(code, Some(code));
        check("class f:\n    pass\n", Some("class f:\n    pass\n"));
        check("f = lambda x: x\n", Some("f = lambda x: x\n"));
    }

    #[test]
    fn code_without_the_entry_point_is_none() {
        check("def g(x):\n    return x\n", None);
        check("class A:\n    def f(self):\n        return 1\n", None);
        check("def f(:\n", None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            let _ = solution(&text, "f");
        }

        #[test]
        fn cleaning_twice_changes_nothing(pieces in prop::collection::vec(prop::sample::select(vec![
            "def f(x):\n    return x\n", "print(f(1))\n", "\n", "# note\n", "x = 1\n", "y = f(2)\n", "import math\n", "assert f(1)\n",
        ]), 0..12)) {
            let once = solution(&pieces.concat(), "f");
            if let Some(once) = once {
                prop_assert_eq!(solution(&once, "f"), Some(once.clone()));
            }
        }
    }
}
