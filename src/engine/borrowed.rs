//! Whether a solution hands its work to the very thing that it should write anew. Pure.

use super::draft::Draft;

/// Whether `code` hands the work to the real thing that it should write anew: that would prove nothing.
pub(super) fn is_copy(draft: &Draft, code: &str) -> bool {
    draft
        .reference
        .as_deref()
        .is_some_and(|real| borrows(code, real))
}

/// Whether `code` takes the real thing from its module, under whatever name the module goes.
fn borrows(code: &str, reference: &str) -> bool {
    let (module, name) = reference
        .rsplit_once('.')
        .unwrap_or(("builtins", reference));
    let top = module.split('.').next().unwrap_or(module);
    let mut has_module = false;
    let code = &on_one_line(code);
    for line in code.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("from ") {
            let (from, names) = rest.split_once(" import ").unwrap_or((rest, ""));
            let takes = names
                .split([' ', ',', '(', ')'])
                .any(|n| n == name || n == "*");
            if from.split('.').next() == Some(top) && takes {
                return true;
            }
            has_module |= from.split('.').next() == Some(top) && module.contains('.');
        } else if let Some(names) = line.strip_prefix("import ") {
            has_module |= names.split([' ', ',', '.']).any(|n| n == top);
        }
    }
    let mentions = |text: &str| {
        code.match_indices(text).any(|(at, _)| {
            let next = code[at + text.len()..].chars().next();
            next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
        })
    };
    has_module && (mentions(&format!(".{name}")) || code.contains("getattr"))
}

/// The code with each `import (` in one line, and with continued lines joined.
fn on_one_line(code: &str) -> String {
    let code = code.replace("\\\n", " ");
    let mut parts = code.split("import (");
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (names, rest) = part.split_once(')').unwrap_or((part, ""));
        joined.extend(["import (", &names.replace('\n', " "), ")", rest]);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::borrows;

    #[test]
    fn a_solution_that_borrows_the_real_thing_is_seen() {
        assert!(borrows(
            "import statistics\n\ndef mean(xs):\n    return statistics.mean(xs)\n",
            "statistics.mean"
        ));
        assert!(borrows("    from os.path import join\n", "os.path.join"));
        assert!(borrows(
            "import math, bisect as b\nf = b.bisect\n",
            "bisect.bisect"
        ));
        assert!(borrows("from math import sqrt, dist as d\n", "math.dist"));
        assert!(borrows("from math import *\n", "math.dist"));
        assert!(borrows(
            "from math import (\n    sqrt,\n    dist,\n)\n",
            "math.dist"
        ));
        assert!(borrows("from math import \\\n    dist\n", "math.dist"));
        assert!(borrows("import builtins\nx = builtins.sorted\n", "sorted"));
        assert!(borrows(
            "from urllib import parse\nx = parse.quote(s)\n",
            "urllib.parse.quote"
        ));
        assert!(!borrows(
            "def mean(xs):\n    return sum(xs) / len(xs)\n",
            "statistics.mean"
        ));
        assert!(!borrows(
            "import math\n\ndef dist(p, q):\n    return math.sqrt(2)\n",
            "math.dist"
        ));
        assert!(!borrows("import math\nx = math.distance\n", "math.dist"));
        assert!(!borrows("import math\n", "sorted"));
    }
}
