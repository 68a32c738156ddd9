//! The words that tell one task from another, as hashes: small words left out, endings cut, synonyms made one. Pure.

use std::collections::BTreeSet;

/// Most words of a text that are looked at: a bound on hostile ones.
const WORDS_MAX: usize = 4_000;

/// Words that any task may hold.
const SMALL: &str = "a an the of to in for and or is are be been being was were with that which by on from as it its this \
    these those given give gives write writes function functions python return returns returned find finds get gets \
    compute computes calculate calculates check checks determine determines whether if using use uses method program \
    code implement create creates should each every all any some will would your you task value values input output \
    argument arguments parameter result results def define example examples named name take takes taking receive where \
    when then else otherwise into at has have having had can could whose them their they there than also must \
    following not no do does such so but only one two other another e g i ie eg let see note like between over under \
    out up down make makes made simple help need needs want how what who put";

/// The first word of each group stands for all of it.
const SAME: &[&str] = &[
    "list array sequence vector",
    "text string str sentence",
    "number integer int num numeric float real",
    "max maximum largest biggest highest greatest larger bigger greater",
    "min minimum smallest lowest least smaller",
    "sum total add addition",
    "product multiply multiplication",
    "remove delete drop eliminate discard",
    "count frequency occurrence often tally many",
    "sort order arrange ascending sorted",
    "same equal identical equivalent",
    "reverse backward reversed",
    "char letter character",
    "dict dictionary map mapping hash",
    "matrix grid table 2d",
    "last final end",
    "start begin beginning front prefix prepend",
    "adjacent consecutive neighbour neighbor neighbouring neighboring successive",
    "distinct unique different",
    "repeat duplicate repeated repetition",
    "index position place",
    "path route",
    "cost price",
    "bracket parenthesis parentheses paren",
    "divide split partition division",
    "join combine merge concatenate concat",
    "replace substitute exchange",
    "blank space whitespace",
    "upper uppercase capital",
    "lower lowercase",
    "average mean",
    "power exponent",
    "common shared intersection",
    "length long longest longer size short shortest",
    "rotate rotation shift rotated",
    "gcd hcf divisor",
    "bit binary one",
    "group bucket gather collect",
    "item element entry member",
    "pair tuple couple",
    "key",
    "nth n th",
    "difference distance subtract",
    "filter select keep pick",
    "convert transform turn change",
    "valid legal allowed correct proper balanced",
    "switch swap toggle flip invert",
    "prime",
];

/// Hashes of a text's telling words.
pub(super) fn words(text: &str) -> BTreeSet<u32> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .filter_map(|word| plain(&word.to_lowercase()))
        .map(|word| hash(&word))
        .collect()
}

/// Whether an identifier is of several words, small ones included.
pub(super) fn is_of_several(name: &str) -> bool {
    let humps = name.chars().zip(name.chars().skip(1));
    let humps = humps
        .filter(|(a, b)| a.is_lowercase() && b.is_uppercase())
        .count();
    name.split('_').filter(|part| !part.is_empty()).count() + humps > 1
}

/// The telling words of an identifier: `has_closeElements` holds three.
pub(super) fn name_words(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(if c == '_' { ' ' } else { c });
        before = c;
    }
    let all = spaced.split_whitespace().map(str::to_lowercase);
    all.filter_map(|word| plain(&word)).collect()
}

/// FNV-1a folded to 32 bits: the standard library's hashes may change between releases, and these are shipped.
pub(super) fn hash(text: &str) -> u32 {
    let step = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    let long = text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    let folded = (long ^ (long >> 32)) & u64::from(u32::MAX);
    u32::try_from(folded).unwrap_or(0)
}

/// A word without its ending, as the first of its group; `None` for a small one.
fn plain(word: &str) -> Option<String> {
    let small = |word: &str| SMALL.split(' ').any(|s| s == word);
    if small(word) || word.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let group = |word: &str| SAME.iter().find(|g| g.split(' ').any(|w| w == word));
    let first = |group: &str| group.split(' ').next().unwrap_or_default().to_owned();
    if let Some(found) = group(word) {
        return Some(first(found));
    }
    let stem = stem(word);
    let forms = [
        word.strip_suffix('s').unwrap_or(word).to_owned(),
        stem.clone(),
        format!("{stem}e"),
        format!("{stem}y"),
    ];
    for form in &forms {
        if small(form) {
            return None;
        }
        if let Some(found) = group(form) {
            return Some(first(found));
        }
    }
    Some(stem)
}

fn stem(word: &str) -> String {
    let cut =
        |ending: &str, least: usize| word.strip_suffix(ending).filter(|rest| rest.len() >= least);
    if let Some(rest) = cut("ies", 3) {
        return format!("{rest}y");
    }
    let mut rest = cut("ing", 4)
        .or_else(|| cut("ed", 4))
        .or_else(|| cut("ly", 4))
        .or_else(|| cut("sses", 2).map(|_| &word[..word.len() - 2]))
        .or_else(|| cut("xes", 2).map(|_| &word[..word.len() - 2]))
        .or_else(|| cut("s", 3).filter(|rest| !rest.ends_with(['s', 'u'])))
        .unwrap_or(word)
        .to_owned();
    let bytes = rest.as_bytes();
    let doubled = bytes.len() > 3 && bytes[bytes.len() - 1] == bytes[bytes.len() - 2];
    if doubled && rest.len() < word.len() && !rest.ends_with(['l', 's']) {
        rest.pop();
    }
    // `cute` and `cut` are one here; `e` is lost with most endings.
    if rest.len() > 4 && rest.ends_with('e') {
        rest.pop();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::{hash, name_words, plain, words};

    #[test]
    fn small_words_go_and_endings_are_cut() {
        let plain = |word: &str| plain(word).unwrap_or_default();
        assert_eq!(plain("the"), "");
        assert_eq!(plain("42"), "");
        assert_eq!(plain("stopping"), plain("stops"));
        assert_eq!(plain("cities"), plain("city"));
        assert_eq!(plain("biggest"), plain("maximum"));
        assert_eq!(plain("arrays"), plain("list"));
        assert_eq!(plain("compares"), plain("compared"));
    }

    #[test]
    fn names_are_split_where_a_reader_would() {
        assert_eq!(name_words("count_Set_Bits"), ["count", "set", "bit"]);
        assert_eq!(name_words("isPalindrome"), ["palindrom"]);
        assert!(super::is_of_several("isPalindrome") && super::is_of_several("x_or_y"));
        assert!(!super::is_of_several("solve") && !super::is_of_several("_Split"));
    }

    #[test]
    fn a_text_is_the_set_of_its_words() {
        assert_eq!(words("Reverse the words."), words("the word, REVERSED"));
        assert_eq!(hash(""), 0x4fd0_bfc1);
    }
}
