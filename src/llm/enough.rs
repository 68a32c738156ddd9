//! Where an answer has all that was asked for.

use std::collections::HashSet;

/// Doubles among the wanted lines after which an answer is left: a model that finds no end repeats itself.
const MOST_DOUBLES: usize = 3;

/// An answer is read no further once so many of its lines that begin with one of these words are whole, with what is continued
/// on the next line; or once more than three of them said the same as one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough {
    pub begin: &'static [&'static str],
    pub lines: usize,
}

impl Enough {
    pub(super) fn is_in(self, text: &str) -> bool {
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if whole.trim_end().ends_with([':', ',', '(', '[', '{', '\\']) {
            return false;
        }
        let wanted = |line: &&str| self.begin.iter().any(|begin| line.starts_with(begin));
        let mut seen = HashSet::new();
        let (mut lines, mut doubles) = (0, 0);
        for line in whole.lines().filter(wanted) {
            lines += 1;
            // What follows a `with` that ends its line is another each time.
            doubles += usize::from(!line.ends_with(':') && !seen.insert(line));
        }
        lines >= self.lines || doubles > MOST_DOUBLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: Enough = Enough {
        begin: &[""],
        lines: 6,
    };

    #[test]
    fn a_list_ends_with_its_last_whole_line_or_where_it_repeats_itself() {
        assert!(!CALLS.is_in("f(1)\nf(2)\nf(3)\nf(4)\nf(5)\nf(6)"));
        assert!(CALLS.is_in("f(1)\nf(2)\nf(3)\nf(4)\nf(5)\nf(6)\n"));
        assert!(!CALLS.is_in("f(1)\nf(2)\nf(3)\nf(4)\nf(5)\nf([6,\n"));
        let long = Enough { lines: 9, ..CALLS };
        assert!(!long.is_in("f(1)\nf(1)\nf(1)\nf(1)\nf(1)"));
        assert!(long.is_in("f(1)\nf(1)\nf(1)\nf(1)\nf(1)\n"));
    }

    #[test]
    fn each_error_has_its_own_call() {
        let raises = |value: usize| format!("with pytest.raises(ValueError):\n    f(-{value})\n");
        let text: String = (0..6).map(raises).collect();
        let checks = Enough {
            begin: &["with "],
            lines: 7,
        };
        assert!(!checks.is_in(&text));
        assert!(checks.is_in(&(text + &raises(6))));
    }
}
