//! Which licence a text stands under: the SPDX line in the file, or a guess from a licence file's text. Pure.

/// An SPDX tag stands near the top of a file.
const HEADER_LINES: usize = 30;
/// Longer "expressions" are prose.
const MAX_EXPRESSION: usize = 100;

/// The expression behind `SPDX-License-Identifier:` in the file's first lines.
pub(crate) fn spdx_header(text: &str) -> Option<String> {
    let line = text
        .lines()
        .take(HEADER_LINES)
        .find_map(|line| line.split_once("SPDX-License-Identifier:"))?
        .1;
    let expression: String = line
        .trim()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+' | '(' | ')' | ' '))
        .collect();
    // The end of a comment is not part of the expression.
    let expression = expression.trim().trim_end_matches("--").trim();
    (!expression.is_empty() && expression.len() <= MAX_EXPRESSION).then(|| expression.to_owned())
}

/// True for LICENSE, LICENCE, COPYING and UNLICENSE, also `LICENSE-MIT` and `copying.txt`, never for source code.
pub(crate) fn is_licence_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let stem = lower.split(['.', '-', '_']).next().unwrap_or_default();
    let code = [".py", ".rs", ".html", ".js", ".c", ".h"]
        .iter()
        .any(|end| lower.ends_with(end));
    matches!(stem, "license" | "licence" | "copying" | "unlicense") && !code
}

/// The SPDX identifier that a licence text is most likely known by.
pub(crate) fn guess(text: &str) -> Option<&'static str> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let has = |phrase: &str| words.contains(phrase);
    let lower = words.to_lowercase();
    let says = |phrase: &str| lower.contains(phrase);
    Some(if has("Apache License") && has("Version 2.0") {
        "Apache-2.0"
    } else if says("python software foundation license") || says("psf license agreement") {
        "PSF-2.0"
    } else if says("mozilla public license") && says("2.0") {
        "MPL-2.0"
    } else if says("gnu affero general public license") {
        "AGPL-3.0"
    } else if says("gnu lesser general public license") {
        if says("version 2.1") {
            "LGPL-2.1"
        } else {
            "LGPL-3.0"
        }
    } else if says("gnu general public license") {
        if says("version 3") {
            "GPL-3.0"
        } else {
            "GPL-2.0"
        }
    } else if says("this is free and unencumbered software") {
        "Unlicense"
    } else if says("cc0 1.0 universal") {
        "CC0-1.0"
    } else if says("attribution-sharealike 4.0") {
        "CC-BY-SA-4.0"
    } else if says("attribution 4.0 international") {
        "CC-BY-4.0"
    } else if says("permission to use, copy, modify, and/or distribute this software") {
        if says("provided that the above copyright notice") {
            "ISC"
        } else {
            "0BSD"
        }
    } else if says("permission is hereby granted, free of charge") {
        "MIT"
    } else if says("redistribution and use in source and binary forms") {
        if says("neither the name") {
            "BSD-3-Clause"
        } else {
            "BSD-2-Clause"
        }
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_a_file_is_read_without_the_comments_end() {
        let tag = |text| spdx_header(text);
        assert_eq!(
            tag("// SPDX-License-Identifier: MIT OR Apache-2.0\n").as_deref(),
            Some("MIT OR Apache-2.0")
        );
        assert_eq!(
            tag("<!-- SPDX-License-Identifier: MIT -->\n").as_deref(),
            Some("MIT")
        );
        assert_eq!(tag("# nothing\n"), None);
        assert_eq!(tag("SPDX-License-Identifier: \u{1b}[31m"), None);
    }

    #[test]
    fn common_licences_are_recognised_and_others_are_not_guessed() {
        assert_eq!(
            guess("Permission is hereby granted, free\nof charge, to any person"),
            Some("MIT")
        );
        assert_eq!(
            guess("Apache License\n  Version 2.0, January 2004"),
            Some("Apache-2.0")
        );
        assert_eq!(guess("All rights reserved."), None);
    }

    #[test]
    fn licence_files_are_known_by_their_names() {
        for name in [
            "LICENSE",
            "LICENCE.md",
            "copying.txt",
            "LICENSE-MIT",
            "license.rst.txt",
        ] {
            assert!(is_licence_name(name), "{name}");
        }
        for name in ["license.py", "licenses_test.rs", "README.md"] {
            assert!(!is_licence_name(name), "{name}");
        }
    }
}
