//! Finds the configuration file and `.env`, and lays file, `.env` and environment over each other as text.
//!
//! Called by `Settings::load`. It knows which names exist and where each value stands; what a value means is
//! `read.rs`'s business. It never exports anything to the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{Id, KEYS, Key};
use super::origin::{ConfigError, Origin};
use super::original;
use super::sources::{Sources, is_checkout};

/// Names the configuration file itself, so it is no setting in one.
const CONFIG_VARIABLE: &str = "DREAMING_CONFIG";

/// The table that holds the original's experience configuration.
const ORIGINAL: &str = "experience";

/// An unknown name this close to a known one is a slip of the finger: one or two letters, or two swapped.
const SLIP_DISTANCE: usize = 2;

/// Every value that was given for every setting, the strongest last.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) given: BTreeMap<Id, Vec<(String, Origin)>>,
    pub(super) errors: Vec<ConfigError>,
    /// What was accepted and means nothing here, a line each.
    pub(super) notes: Vec<String>,
    pub(super) config_file: Option<PathBuf>,
    pub(super) checkout: Option<PathBuf>,
}

pub(super) fn collect(sources: &Sources) -> Layers {
    let mut layers = Layers {
        checkout: sources.checkout(),
        ..Layers::default()
    };
    layers.config_file = layers.find_file(sources);
    if let Some(path) = layers.config_file.clone() {
        let top = top_of_checkout(&path);
        layers.add_file(&path);
        layers.add_dot_env(&dot_env_of(&path, top.as_deref()));
        // A service starts in its owner's home; the paths in a checkout's own file mean there what they mean here.
        layers.checkout = layers.checkout.take().or(top);
    }
    layers.add_environment(sources);
    layers
}

impl Layers {
    fn find_file(&mut self, sources: &Sources) -> Option<PathBuf> {
        // Named by a person: it has to be there.
        let by_variable = || sources.variable(CONFIG_VARIABLE).map(PathBuf::from);
        if let Some(named) = sources.config_flag.clone().or_else(by_variable) {
            return Some(sources.cwd.join(named));
        }
        let below = |folder: &PathBuf| folder.join("dreamer/dreamer.toml");
        let usual = [
            sources.config_home.as_ref().map(below),
            sources.system_config.as_ref().map(below),
            self.checkout
                .as_ref()
                .map(|top| top.join("config/dreamer.toml")),
        ];
        for path in usual.into_iter().flatten() {
            match path.try_exists() {
                Ok(true) => return Some(path),
                Ok(false) => {}
                Err(error) => self.errors.push(unreadable(&path, &error)),
            }
        }
        None
    }

    fn add_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.errors.push(unreadable(path, &error)),
        };
        let origin_at = |byte: usize| Origin::File {
            path: path.to_owned(),
            line: 1 + text
                .get(..byte)
                .map_or(0, |before| before.matches('\n').count()),
        };
        let (table, problems) = DeTable::parse_recoverable(&text);
        for problem in &problems {
            let at = problem.span().map_or(0, |span| span.start);
            // Only the message: the line itself may hold a key.
            let error = ConfigError::new("TOML", problem.message());
            self.errors.push(error.at(origin_at(at)));
        }
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let mut translated = None;
        for (name, value) in entries {
            let origin = origin_at(name.span().start);
            let name = name.get_ref();
            if let (ORIGINAL, DeValue::Table(table)) = (name.as_ref(), value.get_ref()) {
                translated = Some(original::translate(table, &origin_at));
                continue;
            }
            match (Key::by_name(name), plain(value.get_ref())) {
                (None, _) => {
                    let names = KEYS.iter().map(|key| key.name);
                    self.errors.push(unknown(name, names).at(origin));
                }
                (Some(key), None) => {
                    let kind = value.get_ref().type_str();
                    let problem = format!("is a TOML {kind}, not a single value");
                    let mut error = ConfigError::of(key, "", origin, problem);
                    error.value = None;
                    self.errors.push(error);
                }
                (Some(key), Some(text)) => self.add(key.id, text, origin),
            }
        }
        if let Some(translated) = translated {
            self.add_translated(translated);
        }
    }

    /// The original's table; what stands there and by our own name too is a mistake, not a matter of order.
    fn add_translated(&mut self, translated: original::Translated) {
        self.errors.extend(translated.errors);
        self.notes.extend(translated.notes);
        for (id, text, origin) in translated.given {
            if self.given.contains_key(&id) {
                let problem = format!("is set here and as {}; keep one of the two", id.key().name);
                self.errors
                    .push(ConfigError::new(format!("[{ORIGINAL}]"), problem).at(origin));
            } else {
                self.add(id, text, origin);
            }
        }
    }

    fn add_dot_env(&mut self, path: &Path) {
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return,
            Err(dotenvy::Error::Io(error)) => return self.errors.push(unreadable(path, &error)),
            Err(_) => {
                return self.errors.push(ConfigError::new(
                    path.display().to_string(),
                    "cannot be read",
                ));
            }
        };
        let origin = |variable: &str| Origin::DotEnv {
            path: path.to_owned(),
            variable: variable.to_owned(),
        };
        for line in lines {
            match line {
                Ok((name, value)) => {
                    let origin = origin(&name);
                    match Key::by_variable(&name) {
                        Some(key) => self.add(key.id, value, origin),
                        None if name == CONFIG_VARIABLE => self.errors.push(
                            ConfigError::new(
                                name,
                                "names the configuration file, so it works in the environment only",
                            )
                            .at(origin),
                        ),
                        None if is_ours(&name) => {
                            self.errors.push(unknown(&name, variables()).at(origin));
                        }
                        // Other programs may share the file.
                        None => {}
                    }
                }
                Err(dotenvy::Error::Io(error)) => {
                    self.errors.push(unreadable(path, &error));
                    return;
                }
                // The parser's own message quotes the line, which may hold a key: of the line its name alone is told.
                Err(error) => {
                    let whose = blamed(path, &error).map_or("a line", |key| key.variable);
                    self.errors.push(ConfigError::new(
                        path.display().to_string(),
                        format!(
                            "{whose} is not NAME=VALUE, or its value has a blank or a quote and stands in no single quotes"
                        ),
                    ));
                }
            }
        }
    }

    fn add_environment(&mut self, sources: &Sources) {
        for (name, value) in &sources.env {
            let origin = Origin::Environment {
                variable: name.clone(),
            };
            let key = Key::by_variable(name);
            let ours = name.starts_with("DREAMING_") && name != CONFIG_VARIABLE;
            if value.is_empty() || (key.is_none() && !ours) {
                continue;
            }
            match (key, value.to_str()) {
                (None, _) => self.errors.push(unknown(name, variables()).at(origin)),
                (Some(_), None) => {
                    let error = ConfigError::new(name.as_str(), "is not UTF-8");
                    self.errors.push(error.at(origin));
                }
                (Some(key), Some(text)) => self.add(key.id, text.to_owned(), origin),
            }
        }
    }

    /// Empty counts as not set.
    fn add(&mut self, id: Id, text: String, origin: Origin) {
        if !text.is_empty() {
            self.given.entry(id).or_default().push((text, origin));
        }
    }
}

/// A single TOML value as the environment would spell it; `None` for tables, arrays and dates.
pub(super) fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The checkout whose own file this is, wherever the process was started.
fn top_of_checkout(file: &Path) -> Option<PathBuf> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let top = real.ancestors().nth(2)?;
    let is_its_own = real.strip_prefix(top) == Ok(Path::new("config/dreamer.toml"));
    (is_its_own && is_checkout(top)).then(|| top.to_owned())
}

/// Beside the file; for a checkout's own file at the checkout's top.
fn dot_env_of(file: &Path, top: Option<&Path>) -> PathBuf {
    match top {
        Some(top) => top.join(".env"),
        None => file.with_file_name(".env"),
    }
}

/// Whose line the parser stumbled over: it quotes the end of it, from the value on.
fn blamed(path: &Path, error: &dotenvy::Error) -> Option<&'static Key> {
    let dotenvy::Error::LineParse(end, _) = error else {
        return None;
    };
    let text = std::fs::read_to_string(path).ok()?;
    let ends = |line: &&str| !end.is_empty() && line.trim_end().ends_with(end.trim_end());
    let line = text.lines().find(ends)?.trim_start();
    let name = line.strip_prefix("export ").unwrap_or(line);
    Key::by_variable(name.split('=').next()?.trim())
}

fn variables() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.variable)
}

fn is_ours(name: &str) -> bool {
    name.starts_with("DREAMING_") || nearest(name, variables()).is_some()
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> ConfigError {
    let problem = match nearest(name, known) {
        Some(near) => format!("no such setting; did you mean {near}?"),
        None => "no such setting; `dreamer config generate` prints them all".to_owned(),
    };
    ConfigError::new(name, problem)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(
        path.display().to_string(),
        format!("cannot be read: {error}"),
    )
}

fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    known
        .map(|other| (distance(name, other), other))
        .filter(|(distance, _)| *distance <= SLIP_DISTANCE)
        .min()
        .map(|(_, other)| other)
}

/// Levenshtein's edit distance over bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(
            nearest("ENABLE_DREAMIN", variables()),
            Some("ENABLE_DREAMING")
        );
        assert_eq!(
            nearest("DREAMING_NIGHT_HUORS", variables()),
            Some("DREAMING_NIGHT_HOURS")
        );
        assert_eq!(nearest("PATH", variables()), None);
    }
}
