//! The original's experience configuration (`experience.yaml`), key for key, as a table `[experience]` of our file: what
//! each key means here, and of those that mean nothing here what to do instead. Pure; called by `layers.rs` for the table
//! and by `experience.rs` for single names.

use toml::de::{DeTable, DeValue};

use super::experience::{self, ExperienceLimits, Refused};
use super::keys::Id;
use super::origin::{ConfigError, Origin};

mod table;

use table::Means::{Always, Backend, Endpoint, Hours, Limit, Megabytes, Passed};
use table::{KEYS, SECTIONS};

/// Our name of the limit that the original calls so, with as much before its dots as one likes.
pub(super) fn limit_of(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("experience.").unwrap_or(name);
    KEYS.iter().find_map(|(path, means)| {
        let before = path.strip_suffix(name)?;
        match means {
            Limit(own) if before.is_empty() || before.ends_with('.') => Some(*own),
            _ => None,
        }
    })
}

/// What a table `[experience]` says, in our own words.
#[derive(Debug, Default)]
pub(super) struct Translated {
    pub(super) given: Vec<(Id, String, Origin)>,
    pub(super) errors: Vec<ConfigError>,
    /// What is accepted and means nothing here, a line each.
    pub(super) notes: Vec<String>,
}

/// Reads the whole table. `origin` tells where a byte of the file stands.
pub(super) fn translate(table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Translated {
    let mut reading = Reading {
        origin,
        limits: Vec::new(),
        sinks: Vec::new(),
        endpoint: None,
        told: Translated::default(),
    };
    reading.table(table, "");
    reading.finish()
}

struct Reading<'a> {
    origin: &'a dyn Fn(usize) -> Origin,
    /// Our names, values as text, and where each stands.
    limits: Vec<(&'static str, String, usize)>,
    /// `console`, `file`, `http` or an address, and where it stands.
    sinks: Vec<(String, usize)>,
    endpoint: Option<(String, usize)>,
    told: Translated,
}

impl Reading<'_> {
    fn table(&mut self, table: &DeTable<'_>, before: &str) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path = format!("{before}{}", name.get_ref());
            let at = name.span().start;
            match value.get_ref() {
                DeValue::Table(inner) => self.table(inner, &format!("{path}.")),
                DeValue::Array(list) if path == "stream.backends" => {
                    for entry in list {
                        match entry.get_ref() {
                            DeValue::Table(backend) => self.backend(backend),
                            other => self.wrong(
                                &path,
                                None,
                                (&format!("holds a TOML {}", other.type_str()), at),
                                Some("a list of tables, each with a name"),
                            ),
                        }
                    }
                }
                other => match plain(&path, other) {
                    Some(text) => self.leaf(&path, &text, at),
                    None => self.unread(&path, other.type_str(), at),
                },
            }
        }
    }

    /// One entry of `backends`; one that is switched off says nothing.
    fn backend(&mut self, table: &DeTable<'_>) {
        let off = table.iter().any(|(name, value)| {
            name.get_ref() == "enabled" && matches!(value.get_ref(), DeValue::Boolean(false))
        });
        if !off {
            self.table(table, "stream.backends.");
        }
    }

    fn leaf(&mut self, path: &str, text: &str, at: usize) {
        let Some((_, means)) = KEYS.iter().find(|(name, _)| *name == path) else {
            return self.unknown(path, text, at);
        };
        match *means {
            Limit(own) => self.limit(path, own, text, text, at),
            Hours => match span_hours(text) {
                Some(hours) => self.limit(path, "window_hours", &hours.to_string(), text, at),
                None => self.wrong(
                    path,
                    Some(text),
                    ("is no span of whole hours", at),
                    Some("such as 24h or 7d"),
                ),
            },
            Megabytes => match megabytes(text) {
                Some(mb) => self.limit(path, "file_mb", &mb.to_string(), text, at),
                None => self.wrong(
                    path,
                    Some(text),
                    ("is no size of whole megabytes", at),
                    Some("such as 100 MB or 1 GB"),
                ),
            },
            Backend => match text {
                "console" | "file" | "http" => self.sinks.push((text.to_owned(), at)),
                _ => self.wrong(
                    path,
                    Some(text),
                    ("is none of the three", at),
                    Some("console, file or http"),
                ),
            },
            // The original's null.
            Endpoint if text.is_empty() => {}
            Endpoint => match experience::sinks(text) {
                Ok(_) if text.contains("://") => self.endpoint = Some((text.to_owned(), at)),
                Ok(_) => self.wrong(
                    path,
                    Some(text),
                    ("is no address", at),
                    Some("an http:// address on this machine or at home"),
                ),
                Err(problem) => self.wrong(
                    path,
                    Some(text),
                    (&problem, at),
                    Some("an http:// address on this machine or at home"),
                ),
            },
            Always(usual, advice) => {
                if !same(text, usual) {
                    self.wrong(
                        path,
                        Some(text),
                        (&format!("cannot be changed, remove the line: {advice}"), at),
                        Some(usual),
                    );
                }
            }
            Passed(advice) => {
                let origin = (self.origin)(at);
                self.told.notes.push(format!(
                    "experience.{path} = {text:?} is passed over: {advice} ({origin})"
                ));
            }
        }
    }

    fn limit(&mut self, path: &str, own: &'static str, value: &str, text: &str, at: usize) {
        let mut unused = ExperienceLimits::default();
        match experience::set(&mut unused, own, value) {
            Some(Ok(())) if self.limits.iter().any(|(name, ..)| *name == own) => {
                let problem = format!("sets {own} a second time; keep one of the two");
                self.wrong(path, Some(text), (&problem, at), None);
            }
            Some(Ok(())) => self.limits.push((own, value.to_owned(), at)),
            Some(Err(Refused { problem, allowed })) => {
                self.wrong(path, Some(text), (problem, at), Some(&allowed));
            }
            None => self.unknown(path, text, at),
        }
    }

    fn unknown(&mut self, path: &str, text: &str, at: usize) {
        let section = SECTIONS.iter().find(|(start, _)| path.starts_with(start));
        let problem = match section {
            Some((_, advice)) => format!("has no counterpart, remove the line: {advice}"),
            None => "is no key of the experience stream's; `dreamer config generate` prints ours"
                .to_owned(),
        };
        self.wrong(path, Some(text), (&problem, at), None);
    }

    /// A list or a date where a single value was wanted.
    fn unread(&mut self, path: &str, kind: &str, at: usize) {
        let known = KEYS.iter().any(|(name, _)| *name == path);
        if known {
            self.wrong(
                path,
                None,
                (&format!("is a TOML {kind}, not a single value"), at),
                None,
            );
        } else {
            self.unknown(path, "", at);
        }
    }

    fn wrong(
        &mut self,
        path: &str,
        value: Option<&str>,
        (problem, at): (&str, usize),
        allowed: Option<&str>,
    ) {
        self.told.errors.push(ConfigError {
            key: format!("experience.{path}"),
            value: value.filter(|value| !value.is_empty()).map(str::to_owned),
            problem: problem.to_owned(),
            allowed: allowed.map(str::to_owned),
            origin: Some((self.origin)(at)),
        });
    }

    fn finish(mut self) -> Translated {
        if let Some((_, _, at)) = self.limits.first() {
            let at = (self.origin)(*at);
            let all = self
                .limits
                .iter()
                .map(|(name, value, _)| format!("{name}={value}"));
            let text = all.collect::<Vec<_>>().join(",");
            self.told.given.push((Id::ExperienceLimits, text, at));
        }
        let wants_http = self
            .sinks
            .iter()
            .find(|(sink, _)| sink == "http")
            .map(|(_, at)| *at);
        match (wants_http, self.endpoint.take()) {
            (Some(at), None) => self.wrong(
                "stream.backend",
                Some("http"),
                ("has no address", at),
                Some("with stream.http_endpoint, or endpoint beside it"),
            ),
            (None, Some((address, at))) => {
                let problem =
                    "is an address that no backend uses; set the backend to http, or remove it";
                self.wrong("stream.http_endpoint", Some(&address), (problem, at), None);
            }
            (Some(_), Some((address, _))) => {
                for (sink, _) in &mut self.sinks {
                    if sink == "http" {
                        sink.clone_from(&address);
                    }
                }
            }
            (None, None) => {}
        }
        if let Some((_, at)) = self.sinks.first() {
            let at = (self.origin)(*at);
            // What `dreamer experience` reads is the database: the original had none, so it names none.
            let all =
                std::iter::once("sqlite").chain(self.sinks.iter().map(|(sink, _)| sink.as_str()));
            let text = all.collect::<Vec<_>>().join(",");
            if self.told.errors.is_empty() {
                self.told.given.push((Id::ExperienceSinks, text, at));
            }
        }
        self.told
    }
}

/// A single value as the environment would spell it; of what is passed over also a list, with commas between.
fn plain(path: &str, value: &DeValue<'_>) -> Option<String> {
    let passed =
        |(name, means): &(&str, table::Means)| *name == path && matches!(means, Passed(..));
    match value {
        DeValue::Array(list) if KEYS.iter().any(passed) => {
            let words = list.iter();
            let words = words.map(|entry| super::layers::plain(entry.get_ref()));
            Some(words.collect::<Option<Vec<_>>>()?.join(","))
        }
        other => super::layers::plain(other),
    }
}

/// Whether both are the same number or the same words.
fn same(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() < 1e-12,
        _ => a == b,
    }
}

/// `24h`, `7d` or a number of hours.
fn span_hours(text: &str) -> Option<u32> {
    let text = text.trim();
    let (number, unit) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 24),
        (None, None) => (text, 1),
    };
    number.trim().parse::<u32>().ok()?.checked_mul(unit)
}

/// `100 MB`, `1 GB` or a number of megabytes.
fn megabytes(text: &str) -> Option<u32> {
    let upper = text.trim().to_ascii_uppercase();
    let (number, unit) = match (upper.strip_suffix("MB"), upper.strip_suffix("GB")) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1024),
        (None, None) => (upper.as_str(), 1),
    };
    number.trim().parse::<u32>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests;
