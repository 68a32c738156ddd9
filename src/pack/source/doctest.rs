//! Doctest blocks in a text: what stands behind `>>>`, and the output below it; pure.

/// One prompt with its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) source: String,
    /// Output below it, without indentation; empty where nothing is printed.
    pub(super) want: String,
    /// A directive or a form of output says that the output is not to be compared.
    pub(super) skipped: bool,
}

/// Prompts read from one text; a generated document may hold millions.
const MOST_STEPS: usize = 2_000;

/// All prompts of a text with their outputs, in order.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((indent, first)) = prompt(line, ">>>") else {
            continue;
        };
        let mut source = first.to_owned();
        while let Some((_, more)) = lines.peek().and_then(|l| prompt(l, "...")) {
            source.push('\n');
            source.push_str(more);
            lines.next();
        }
        let mut want = Vec::new();
        while let Some(output) =
            lines.next_if(|l| !l.trim().is_empty() && prompt(l, ">>>").is_none())
        {
            want.push(unindented(output, indent).trim_end());
        }
        let want = want.join("\n");
        let skipped = source.contains("+SKIP") || want.contains("<BLANKLINE>");
        steps.push(Step {
            source,
            want,
            skipped,
        });
        if steps.len() == MOST_STEPS {
            break;
        }
    }
    steps
}

/// The text without its doctest blocks: from each prompt to the blank line behind its output.
pub(super) fn without(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in text.split('\n') {
        inside = prompt(line, ">>>").is_some() || (inside && !line.trim().is_empty());
        if !inside {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// True where a line begins with Python's prompt.
pub(super) fn is_prompt(line: &str) -> bool {
    prompt(line, ">>>").is_some()
}

/// Width of the indentation and what stands behind the prompt.
fn prompt<'l>(line: &'l str, mark: &str) -> Option<(usize, &'l str)> {
    let stripped = line.trim_start_matches([' ', '\t']);
    let indent = line.len() - stripped.len();
    let tail = stripped.strip_prefix(mark)?;
    match tail.strip_prefix(' ') {
        Some(code) => Some((indent, code)),
        None => tail.is_empty().then_some((indent, "")),
    }
}

/// The line without its first `indent` characters of white space, or with as many as it has.
fn unindented(line: &str, indent: usize) -> &str {
    let white = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(indent.min(white)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_outputs_are_told_apart() {
        let text = "Say:\n\n    >>> for i in [1]:\n    ...     f(i)\n    ...\n    >>> f(2)\n    [1,\n     2]\n\nDone.";
        let steps = steps(text);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].source, "for i in [1]:\n    f(i)\n");
        assert_eq!(steps[1].want, "[1,\n 2]");
        assert_eq!(without(text), "Say:\n\n\nDone.");
    }
}
