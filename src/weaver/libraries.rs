//! Which third-party libraries a task's text speaks of. A task that wants one that the sandbox does not hold goes back to
//! the model with the list of what is there. Pure.

/// A name in a text and the module that it means. Names with no other meaning.
const PLAIN: [(&str, &str); 32] = [
    ("aiohttp", "aiohttp"),
    ("beautifulsoup", "bs4"),
    ("beautifulsoup4", "bs4"),
    ("boto3", "boto3"),
    ("bs4", "bs4"),
    ("dateutil", "dateutil"),
    ("django", "django"),
    ("fastapi", "fastapi"),
    ("httpx", "httpx"),
    ("jinja2", "jinja2"),
    ("lxml", "lxml"),
    ("matplotlib", "matplotlib"),
    ("networkx", "networkx"),
    ("nltk", "nltk"),
    ("numpy", "numpy"),
    ("opencv", "cv2"),
    ("openpyxl", "openpyxl"),
    ("psycopg2", "psycopg2"),
    ("pydantic", "pydantic"),
    ("pymongo", "pymongo"),
    ("pytorch", "torch"),
    ("pyyaml", "yaml"),
    ("scikit-learn", "sklearn"),
    ("scipy", "scipy"),
    ("seaborn", "seaborn"),
    ("sklearn", "sklearn"),
    ("spacy", "spacy"),
    ("sqlalchemy", "sqlalchemy"),
    ("statsmodels", "statsmodels"),
    ("sympy", "sympy"),
    ("tensorflow", "tensorflow"),
    ("tqdm", "tqdm"),
];
/// Libraries that are called by an ordinary word: they count where they are called a library or imported.
const WORDS: [(&str, &str); 14] = [
    ("arrow", "arrow"),
    ("attrs", "attr"),
    ("celery", "celery"),
    ("click", "click"),
    ("flask", "flask"),
    ("keras", "keras"),
    ("pandas", "pandas"),
    ("pillow", "PIL"),
    ("polars", "polars"),
    ("redis", "redis"),
    ("requests", "requests"),
    ("rich", "rich"),
    ("torch", "torch"),
    ("yaml", "yaml"),
];
const KINDS: [&str; 6] = [
    "library",
    "package",
    "module",
    "dataframe",
    "dataframes",
    "series",
];

/// The modules that a text asks for.
pub(super) fn spoken_of(text: &str) -> Vec<&'static str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let mut found = Vec::new();
    for (at, &word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| words[at]);
        let after = words.get(at + 1).copied().unwrap_or_default();
        let named = before == "import" || KINDS.contains(&after);
        let is = |(name, _): &&(&str, &str)| *name == word;
        let ordinary = WORDS.iter().find(is).filter(|_| named);
        if let Some((_, module)) = PLAIN.iter().find(is).or(ordinary)
            && !found.contains(module)
        {
            found.push(module);
        }
    }
    found
}

/// The first module that a text asks for and that is not `present`.
pub(super) fn absent(text: &str, present: &[String]) -> Option<&'static str> {
    let mut wanted = spoken_of(text).into_iter();
    wanted.find(|module| {
        !present
            .iter()
            .any(|there| there.eq_ignore_ascii_case(module))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(spoken_of(text), expected, "{text}");
    }

    #[test]
    fn libraries_are_told_from_words() {
        check(
            "Use NumPy's array and the pandas library.",
            &["numpy", "pandas"],
        );
        check("import requests, then numpy.mean", &["requests", "numpy"]);
        check(
            "Return the number of requests per arrow; click counts.",
            &[],
        );
        check(
            "Parse it with scikit-learn or Beautiful Soup (bs4).",
            &["sklearn", "bs4"],
        );
        check("a pandas DataFrame", &["pandas"]);
        check("a rich list of pandas and a torch", &[]);
    }

    #[test]
    fn what_is_there_may_be_asked_for() {
        let present = ["yaml".to_owned(), "PIL".to_owned()];
        assert_eq!(absent("Load it with PyYAML.", &present), None);
        assert_eq!(absent("the Pillow library", &present), None);
        assert_eq!(
            absent("With numpy, sum the pixels.", &present),
            Some("numpy")
        );
    }
}
