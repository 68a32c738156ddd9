//! `test_dream_<id>.py`: all checks of a dream as plain pytest, for people and tools without this program. Pure.
//! Everything that came from a check or a title goes into the file as an ASCII string literal or an escaped comment,
//! never as code of its own.

use std::fmt::Write as _;

use super::{escape, files};
use crate::dream::{Check, CheckKind, Scenario, Suite};
use crate::ids::DreamId;

/// What every test file carries: loading, literals, equality.
const HELPERS: &str = include_str!("pytest_helpers.py");
/// The loopback server, for checks that ask for one.
const SERVER: &str = include_str!("pytest_server.py");

/// The whole file.
#[must_use]
pub fn test_text<'a>(
    dream: &DreamId,
    scenario: &Scenario,
    checks: impl Iterator<Item = (Suite, &'a Check)> + Clone,
) -> String {
    let mut out = format!(
        "# Checks of dream {dream}\n# Made by dreamer from all checks that proved the code; run with: pytest {}\n#\n",
        files::test_file(dream),
    );
    for line in files::wrapped(&format!("Title: {}", escape::line(&scenario.title)), 110) {
        let _ = writeln!(out, "# {line}");
    }
    out.push_str("\nimport pytest\n\n");
    for library in &scenario.libraries {
        if let Some(module) = module_of(library) {
            let _ = writeln!(out, "pytest.importorskip({})", escape::py_str(&module));
        }
    }
    let _ = writeln!(
        out,
        "\n_NAME = {}\n{}",
        escape::py_str(&format!("dream_{dream}")),
        HELPERS.trim_end()
    );
    if checks.clone().any(|(_, check)| check.serve.is_some()) {
        let _ = writeln!(out, "\n\n{}", SERVER.trim_end());
    }
    let mut numbers = [0_u32; 2];
    for (suite, check) in checks {
        let (name, number) = match suite {
            Suite::Visible => ("check", &mut numbers[0]),
            Suite::Hidden => ("hidden_check", &mut numbers[1]),
        };
        *number += 1;
        out.push_str(&test(&format!("test_{name}_{number}"), check));
    }
    out
}

fn test(name: &str, check: &Check) -> String {
    let mut out = format!("\n\ndef {name}():\n");
    let mut arguments = Vec::new();
    let mut say = |key: &str, value: String| arguments.push(format!("{key}={value}"));
    if !check.setup.is_empty() {
        say("setup", escape::py_str(&check.setup));
    }
    if !check.given.is_empty() {
        let items: Vec<String> = check
            .given
            .iter()
            .map(|(name, value)| format!("{}: {}", escape::py_str(name), escape::py_str(value)))
            .collect();
        say("given", format!("{{{}}}", items.join(", ")));
    }
    say("call", escape::py_str(&check.call));
    let helper = match &check.kind {
        CheckKind::Example { expect } => {
            say("expect", escape::py_str(expect));
            "_example"
        }
        CheckKind::Raises { error } => {
            say("error", escape::py_str(error));
            "_raises"
        }
        CheckKind::Property { holds } => {
            say("holds", escape::py_str(holds));
            "_property"
        }
    };
    if let Some(serve) = &check.serve {
        let routes: Vec<String> = serve
            .routes
            .iter()
            .map(|route| {
                format!(
                    "({}, {}, {}, {})",
                    escape::py_str(&route.path),
                    route.status,
                    escape::py_str(&route.body),
                    route.delay_ms
                )
            })
            .collect();
        say("server", format!("_Server([{}])", routes.join(", ")));
    }
    if let Some(max_ms) = check.max_ms {
        let _ = writeln!(
            out,
            "    # Proven within {max_ms} ms; a test run on a busy machine proves no time."
        );
    }
    let _ = writeln!(
        out,
        "    {helper}(\n        {},\n    )",
        arguments.join(",\n        ")
    );
    out
}

/// The module that a library is imported as; `None` for what can be no module's name.
fn module_of(library: &str) -> Option<String> {
    let plain = library.trim().to_ascii_lowercase();
    let known = match plain.as_str() {
        "beautifulsoup4" => "bs4",
        "pillow" => "PIL",
        "pyyaml" => "yaml",
        "scikit-learn" => "sklearn",
        "scikit-image" => "skimage",
        "opencv-python" => "cv2",
        "python-dateutil" => "dateutil",
        "attrs" => "attr",
        "pyjwt" => "jwt",
        "pycryptodome" => "Crypto",
        "python-dotenv" => "dotenv",
        "pyzmq" => "zmq",
        "protobuf" => "google.protobuf",
        _ => "",
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    // Where the name was given as people install it, a dash stands for what the module writes as an underscore.
    let module = library.trim().replace('-', "_");
    let fits = module.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    fits.then_some(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_skipped_by_the_name_they_are_imported_as() {
        for (library, module) in [
            ("numpy", Some("numpy")),
            ("PyYAML", Some("yaml")),
            ("ruamel.yaml", Some("ruamel.yaml")),
            ("typing-extensions", Some("typing_extensions")),
            ("x\"); import os #", None),
            ("", None),
        ] {
            assert_eq!(module_of(library).as_deref(), module, "{library}");
        }
    }
}
