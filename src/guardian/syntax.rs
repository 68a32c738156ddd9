//! Python as a tree, for the gates that read and never run. Pure; lenient where the parser is: the sandbox has the last
//! word on what is Python.

use std::collections::{HashMap, HashSet};

use tree_sitter::{Node, Parser, Tree};

/// A parsed text.
#[derive(Debug)]
pub struct Source<'t> {
    text: &'t str,
    tree: Tree,
}

impl<'t> Source<'t> {
    /// `None` only where the parser itself gives up.
    #[must_use]
    pub fn parse(text: &'t str) -> Option<Self> {
        let mut parser = Parser::new();
        parser
            .set_language(&tree_sitter_python::LANGUAGE.into())
            .ok()?;
        let tree = parser.parse(text, None)?;
        Some(Self { text, tree })
    }

    pub fn text(&self) -> &'t str {
        self.text
    }

    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    pub fn text_of(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// The first line, counted from 1, that is not Python.
    #[must_use]
    pub fn first_error_line(&self) -> Option<usize> {
        if !self.root().has_error() {
            return None;
        }
        let nodes = self.nodes();
        let wrong = nodes.iter().find(|(n, _)| n.is_error() || n.is_missing());
        Some(wrong.map_or(1, |(n, _)| n.start_position().row + 1))
    }

    /// Every node in reading order with its depth. A loop, not a recursion: the text is hostile.
    #[must_use]
    pub fn nodes(&self) -> Vec<(Node<'_>, u32)> {
        let mut nodes = Vec::new();
        let mut cursor = self.tree.walk();
        let mut depth = 0;
        loop {
            nodes.push((cursor.node(), depth));
            if cursor.goto_first_child() {
                depth += 1;
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return nodes;
                }
                depth -= 1;
            }
        }
    }

    /// The words of the text, comments and layout left out; a string is one word.
    #[must_use]
    pub fn tokens(&self) -> Vec<Node<'_>> {
        let mut tokens = Vec::new();
        let mut inside_string_until = 0;
        for (node, _) in self.nodes() {
            if node.start_byte() < inside_string_until || node.kind() == "comment" {
                continue;
            }
            if node.kind() == "string" {
                inside_string_until = node.end_byte();
                tokens.push(node);
            } else if node.child_count() == 0 && !node.byte_range().is_empty() {
                tokens.push(node);
            }
        }
        tokens
    }

    /// The text as words joined by single spaces: equal for texts that differ in layout and comments alone.
    #[must_use]
    pub fn normal(&self) -> String {
        let words: Vec<_> = self.tokens().into_iter().map(|t| self.text_of(t)).collect();
        words.join(" ")
    }

    /// As `normal`, with every name that the text itself binds replaced by a number: equal for copies with other
    /// variable names. `keep` (the entry point) stays.
    #[must_use]
    pub fn fingerprint(&self, keep: &str) -> String {
        let bound = self.bound_names();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut words = Vec::new();
        let mut after_dot = false;
        for token in self.tokens() {
            let text = self.text_of(token);
            if token.kind() == "identifier" && !after_dot && text != keep && bound.contains(text) {
                let next = numbers.len();
                words.push(format!("_{}", numbers.entry(text).or_insert(next)));
            } else {
                words.push(text.to_owned());
            }
            after_dot = text == ".";
        }
        words.join(" ")
    }

    fn bound_names(&self) -> HashSet<&'t str> {
        let mut names = HashSet::new();
        for (node, _) in self.nodes() {
            let target = match node.kind() {
                "assignment" | "augmented_assignment" | "for_statement" | "for_in_clause" => {
                    node.child_by_field_name("left")
                }
                "named_expression" | "function_definition" | "class_definition" => {
                    node.child_by_field_name("name")
                }
                "parameters" | "lambda_parameters" | "as_pattern_target" => Some(node),
                _ => None,
            };
            let Some(target) = target else { continue };
            for name in identifiers(target) {
                names.insert(self.text_of(name));
            }
        }
        names
    }
}

/// Identifiers below a binding target, without what only looks like one (attributes, subscripts, defaults, types).
pub(super) fn identifiers(target: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut open = vec![target];
    while let Some(node) = open.pop() {
        match node.kind() {
            "identifier" => found.push(node),
            "attribute" | "subscript" | "type" | "call" => {}
            "default_parameter" | "typed_default_parameter" => {
                open.extend(node.child_by_field_name("name"));
            }
            _ => open.extend(children(node)),
        }
    }
    found
}

pub fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).collect()
}

/// Named children without comments.
pub fn named(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .filter(|n| n.kind() != "comment")
        .collect()
}

/// Whether a function around `node`, or a comprehension, binds `name` for itself.
#[must_use]
pub fn is_local(source: &Source<'_>, node: Node<'_>, name: &str) -> bool {
    let mut inner = node;
    let mut left = None;
    while let Some(around) = inner.parent() {
        let outside = match around.kind() {
            // A default is worked out where the function is defined.
            "default_parameter" | "typed_default_parameter" => {
                around.child_by_field_name("value") == Some(inner)
            }
            // So is what the first loop of a comprehension goes through.
            "for_in_clause" => {
                around.child_by_field_name("right") == Some(inner)
                    && around.prev_named_sibling().is_none_or(|before| {
                        before.kind() != "for_in_clause" && before.kind() != "if_clause"
                    })
            }
            _ => false,
        };
        if outside {
            // Up to the scope that this belongs to, and out of it.
            left = std::iter::successors(Some(around), Node::parent).find(is_scope);
        } else if is_scope(&around)
            && left != Some(around)
            && let Some(bound) = bound_in(source, around, name)
        {
            return bound;
        }
        inner = around;
    }
    false
}

fn is_scope(node: &Node<'_>) -> bool {
    matches!(
        node.kind(),
        "function_definition"
            | "lambda"
            | "list_comprehension"
            | "set_comprehension"
            | "dictionary_comprehension"
            | "generator_expression"
    )
}

/// Whether this scope binds a name; `None` where it says nothing of it. What stands inside of a scope or class in it is not
/// its own.
fn bound_in(source: &Source<'_>, scope: Node<'_>, name: &str) -> Option<bool> {
    let mut found = None;
    let mut open = children(scope);
    while let Some(inner) = open.pop() {
        let targets = match inner.kind() {
            "parameters" | "lambda_parameters" | "as_pattern_target" => Some(inner),
            "assignment" | "for_statement" | "for_in_clause" => inner.child_by_field_name("left"),
            "function_definition" | "class_definition" | "named_expression" => {
                inner.child_by_field_name("name")
            }
            "global_statement" | "nonlocal_statement" => {
                if named(inner).iter().any(|n| source.text_of(*n) == name) {
                    return Some(false);
                }
                None
            }
            _ => None,
        };
        let targets = targets.map(identifiers).unwrap_or_default();
        if targets.iter().any(|n| source.text_of(*n) == name) {
            found = Some(true);
        }
        if !is_scope(&inner) && inner.kind() != "class_definition" {
            open.extend(children(inner));
        }
    }
    found
}

/// The one expression that a text consists of, without parentheses around it.
pub fn only_expression<'s>(source: &'s Source<'_>) -> Option<Node<'s>> {
    if source.root().has_error() {
        return None;
    }
    let statements = named(source.root());
    let [statement] = statements.as_slice() else {
        return None;
    };
    if statement.kind() != "expression_statement" || children(*statement).len() != 1 {
        return None;
    }
    let expression = statement.named_child(0)?;
    let is_statement = matches!(expression.kind(), "assignment" | "augmented_assignment");
    (!is_statement).then(|| bare(expression))
}

/// The expression inside any parentheses.
pub fn bare(mut node: Node<'_>) -> Node<'_> {
    while node.kind() == "parenthesized_expression" {
        match named(node).as_slice() {
            [inner] => node = *inner,
            _ => break,
        }
    }
    node
}

/// `if __name__ == '__main__':` never holds here; what stands in its `else` always runs.
#[must_use]
pub fn is_main_guard(source: &Source<'_>, statement: Node<'_>) -> bool {
    statement.kind() == "if_statement"
        && statement
            .child_by_field_name("condition")
            .is_some_and(|condition| {
                let words = source.text_of(bare(condition)).split_whitespace();
                matches!(
                    words.collect::<String>().as_str(),
                    "__name__=='__main__'" | "__name__==\"__main__\""
                )
            })
}

/// Whether `node` stands where only a program of its own comes to.
#[must_use]
pub fn in_main_guard(source: &Source<'_>, node: Node<'_>) -> bool {
    let mut inner = node;
    while let Some(around) = inner.parent() {
        if is_main_guard(source, around) && around.child_by_field_name("consequence") == Some(inner)
        {
            return true;
        }
        inner = around;
    }
    false
}

/// Copies that differ in layout, comments and variable names share it; independent solutions do not.
#[must_use]
pub fn fingerprint(code: &str, entry_point: &str) -> String {
    Source::parse(code).map_or_else(|| code.to_owned(), |source| source.fingerprint(entry_point))
}

/// A text as words joined by single spaces.
#[must_use]
pub fn normal(text: &str) -> String {
    Source::parse(text).map_or_else(|| text.to_owned(), |source| source.normal())
}

#[cfg(test)]
mod tests {
    use tree_sitter::Node;

    use super::{Source, fingerprint, is_local, normal, only_expression};

    #[test]
    fn copies_with_other_names_and_layout_share_a_fingerprint() {
        let one = "def f(a, b=1):\n    total = a + b  # sum\n    return total\n";
        let two = "def f(x, y=1):\n\n    s = x + y\n    return s\n";
        assert_eq!(fingerprint(one, "f"), fingerprint(two, "f"));
        assert_ne!(
            fingerprint(one, "f"),
            fingerprint("def f(a, b=1):\n    return a + b\n", "f")
        );
        assert_ne!(
            fingerprint("def f(x):\n    return sorted(x)\n", "f"),
            fingerprint("def f(x):\n    return list(x)\n", "f")
        );
    }

    #[test]
    fn layout_does_not_change_the_normal_form_but_strings_do() {
        assert_eq!(normal("f( 1,2 )"), normal("f(1, 2)  # x"));
        assert_ne!(normal("f('a  b')"), normal("f('a b')"));
    }

    #[test]
    fn one_expression_is_told_from_statements() {
        for (text, yes) in [
            ("f(1)", true),
            ("(f(1))", true),
            ("a.b[0]", true),
            ("x = 1", false),
            ("f(1); g(2)", false),
            ("import os", false),
            ("f(", false),
            ("", false),
            ("await f()", true),
            ("f(1)  # why", true),
        ] {
            let source = Source::parse(text).unwrap();
            assert_eq!(only_expression(&source).is_some(), yes, "{text}");
        }
    }

    #[test]
    fn a_syntax_error_is_named_by_its_line() {
        assert_eq!(
            Source::parse("x = 1\ndef f(:\n    pass\n")
                .unwrap()
                .first_error_line(),
            Some(2)
        );
        assert_eq!(Source::parse("x = 1\n").unwrap().first_error_line(), None);
    }

    #[test]
    fn ten_thousand_brackets_do_not_overflow() {
        let text = "(".repeat(10_000) + &")".repeat(10_000);
        assert!(Source::parse(&text).unwrap().nodes().len() > 10_000);
    }

    /// Of the last `eval` in the text.
    #[track_caller]
    fn check(text: &str, expected: bool) {
        let source = Source::parse(text).expect("parsed");
        let is_eval =
            |node: &Node<'_>| source.text_of(*node) == "eval" && node.kind() == "identifier";
        let mut nodes = source.nodes().into_iter().map(|(node, _)| node);
        let last = nodes.rfind(is_eval).expect("one");
        assert_eq!(is_local(&source, last, "eval"), expected, "{text}");
    }

    #[test]
    fn a_name_is_local_where_a_scope_around_it_binds_it() {
        for text in [
            "def f(eval):\n    return eval('1')",
            "def f():\n    def eval(node):\n        return 1\n    return eval(2)",
            "def f():\n    def eval(node):\n        return eval(node[0])\n    return f",
            "def f():\n    eval = len\n    return [eval(x) for x in 'ab']",
            "def f(xs):\n    return [eval for eval in xs]",
            "def f():\n    with a as eval:\n        return eval",
            "lambda eval: eval",
        ] {
            check(text, true);
        }
        for text in [
            "def f():\n    return eval('1')",
            "def f():\n    def g():\n        eval = 1\n    return eval('1')",
            "def f():\n    class A:\n        def eval(self):\n            pass\n    return eval('1')",
            "def f(xs):\n    y = [eval for eval in xs]\n    return eval('1')",
            "def f():\n    g = lambda eval: 1\n    return eval('1')",
            "def f():\n    global eval\n    eval = 1\n    return eval('1')",
            "def f(n, eval=eval):\n    return n",
            "def f(n):\n    return [eval for eval in [eval('1')]]",
        ] {
            check(text, false);
        }
    }
}
