//! Text that Python reads as something else than it looks: names in letters that it folds into others, ends of lines that only
//! it sees, an encoding of its own. Whoever reads such text, and every gate that reads and never runs, is misled. Pure.

use icu_normalizer::ComposingNormalizerBorrowed;

use super::syntax::Source;

/// What misleads, in words for a person; `None` where nothing does.
pub(super) fn misleading(source: &Source<'_>) -> Option<String> {
    let text = source.text();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('\r') {
        if !after.starts_with('\n') {
            let line = text[..text.len() - after.len()].lines().count();
            return Some(format!(
                "line {line} holds a carriage return, which ends a line for Python alone"
            ));
        }
        rest = after;
    }
    if let Some(encoding) = text.lines().take(2).find_map(declared)
        && !["utf-8", "utf8", "ascii"]
            .contains(&encoding.to_ascii_lowercase().replace('_', "-").as_str())
    {
        return Some(format!("declares the encoding `{encoding}`"));
    }
    // https://docs.python.org/3/reference/lexical_analysis.html#identifiers
    let folds = ComposingNormalizerBorrowed::new_nfkc();
    let nodes = source.nodes().into_iter();
    nodes
        .filter(|(node, _)| node.kind() == "identifier")
        .map(|(node, _)| source.text_of(node))
        .find(|name| !name.is_ascii() && !folds.is_normalized(name))
        .map(|name| format!("writes `{name}` in letters that Python reads as others"))
}

/// The encoding that a comment declares, as Python's reader of files looks for it (PEP 263).
fn declared(line: &str) -> Option<&str> {
    let comment = line.trim_start().strip_prefix('#')?;
    let mut places = comment.match_indices("coding");
    places.find_map(|(at, word)| {
        let name = comment[at + word.len()..].strip_prefix([':', '='])?;
        let name = name.trim_start();
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        Some(&name[..end.unwrap_or(name.len())]).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let source = Source::parse(text).expect("parsed");
        let found = misleading(&source);
        let holds = match (expected, &found) {
            (Some(part), Some(found)) => found.contains(part),
            (expected, found) => expected.is_none() == found.is_none(),
        };
        assert!(holds, "{text:?}: {found:?}");
    }

    #[test]
    fn what_python_reads_otherwise_is_told() {
        check("\u{ff41}rea = 1", Some("`\u{ff41}rea`"));
        check("x = 1\n# plain\rx = 2", Some("line 2"));
        check("# no coding, coding: utf-7\nx = 1", Some("`utf-7`"));
        check("# -*- coding: utf-7 -*-\nx = 1", Some("`utf-7`"));
        check(
            "#!/usr/bin/python\n# vim: set fileencoding=rot13 :\n",
            Some("`rot13`"),
        );
    }

    #[test]
    fn ordinary_text_misleads_nobody() {
        for text in [
            "x = 1\r\ny = 2\r\n",
            "# -*- coding: utf-8 -*-\ngr\u{f6}\u{df}e = 1",
            "# coding style: as usual\nx = '\u{ff41}\\r'",
            "# encoding the text\nx = 1",
        ] {
            check(text, None);
        }
    }
}
