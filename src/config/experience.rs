//! Settings of the experience stream: where events go, and how many are held where. Pure: text to numbers. Called by the
//! reader; the names of the original's configuration are understood too, with whatever stands before their dots.

use std::net::IpAddr;

/// One place that events go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExperienceSink {
    Sqlite,
    Jsonl,
    Console,
    /// Address of a server on this machine or at home.
    Http(String),
}

/// Bounds of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExperienceLimits {
    /// Newest events that count as hot.
    pub hot_events: usize,
    pub window_events: usize,
    pub window_hours: u64,
    pub batch_events: usize,
    pub flush_seconds: f64,
    /// How much priority counts when batches are drawn, 0 to 1.
    pub alpha: f64,
    /// How much the weights make good for it, 0 to 1.
    pub beta: f64,
    /// When events of the database go to an archive.
    pub archive_days: u64,
    pub archive_mb: u64,
    /// When the JSONL file is turned.
    pub file_mb: u64,
}

impl Default for ExperienceLimits {
    /// The first seven are the original's, the last three ours.
    fn default() -> Self {
        Self {
            hot_events: 100_000,
            window_events: 1_000_000,
            window_hours: 24,
            batch_events: 256,
            flush_seconds: 1.0,
            alpha: 0.6,
            beta: 0.4,
            archive_days: 90,
            archive_mb: 256,
            file_mb: 64,
        }
    }
}

/// Where experiences go and how many are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperienceSettings {
    /// DREAMING_EXPERIENCE_SINKS.
    pub sinks: Vec<ExperienceSink>,
    /// DREAMING_EXPERIENCE_LIMITS.
    pub limits: ExperienceLimits,
}

/// Our name, other names of the same, lowest and highest value.
type Row = (&'static str, &'static [&'static str], f64, f64);

const NAMES: [Row; 10] = [
    (
        "hot_events",
        &[
            "buffer_size",
            "circular_buffer_size",
            "circular_buffer.size",
        ],
        1.0,
        1e7,
    ),
    (
        "window_events",
        &["window_size", "sliding_window_size", "sliding_window.size"],
        1.0,
        1e7,
    ),
    (
        "window_hours",
        &["sliding_window_hours", "sliding_window.hours"],
        1.0,
        8760.0,
    ),
    ("batch_events", &["batch_size"], 1.0, 10_000.0),
    ("flush_seconds", &["flush_interval"], 0.01, 3600.0),
    ("alpha", &[], 0.0, 1.0),
    ("beta", &[], 0.0, 1.0),
    ("archive_days", &["retention_days"], 1.0, 36_500.0),
    ("archive_mb", &[], 1.0, 1e6),
    ("file_mb", &["max_file_size_mb"], 1.0, 1e5),
];

/// A list with commas; each at most once.
pub(super) fn sinks(text: &str) -> Result<Vec<ExperienceSink>, String> {
    let mut all = Vec::new();
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let sink = match word {
            "sqlite" => ExperienceSink::Sqlite,
            "jsonl" | "file" => ExperienceSink::Jsonl,
            "console" => ExperienceSink::Console,
            address => ExperienceSink::Http(near(address)?),
        };
        let same =
            |other: &ExperienceSink| std::mem::discriminant(other) == std::mem::discriminant(&sink);
        if all.iter().any(same) {
            return Err("names a kind of sink twice".to_owned());
        }
        all.push(sink);
    }
    Ok(all)
}

/// Events travel unencrypted and tell of private documents: no further than home.
fn near(address: &str) -> Result<String, String> {
    let rest = address
        .strip_prefix("http://")
        .ok_or_else(|| format!("`{}` is no sink", address.escape_debug()))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let private = host.parse::<IpAddr>().is_ok_and(|ip| match ip {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    });
    let plain = address
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'@');
    if plain && (private || host == "localhost") {
        Ok(address.to_owned())
    } else {
        Err("has an address that is neither on this machine nor a private one".to_owned())
    }
}

/// `name=number` with commas between; what is not named stays as it is.
pub(super) fn limits(text: &str) -> Result<ExperienceLimits, String> {
    let mut limits = ExperienceLimits::default();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{}` is not name=number", part.escape_debug()))?;
        let name = name.trim();
        let named = |wanted: &str| {
            name.strip_suffix(wanted)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let row = NAMES
            .iter()
            .find(|(own, others, ..)| named(own) || others.iter().any(|other| named(other)));
        let Some((own, _, low, high)) = row else {
            return Err(format!("`{}` is none of the names", name.escape_debug()));
        };
        let number: f64 = value
            .trim()
            .parse()
            .map_err(|_| format!("{own} is not a number"))?;
        if !(*low..=*high).contains(&number) {
            return Err(format!("{own} is not from {low} to {high}"));
        }
        set(&mut limits, own, number)?;
    }
    if limits.hot_events > limits.window_events {
        return Err("hot_events is more than window_events".to_owned());
    }
    Ok(limits)
}

fn set(limits: &mut ExperienceLimits, name: &str, number: f64) -> Result<(), String> {
    match name {
        "flush_seconds" => limits.flush_seconds = number,
        "alpha" => limits.alpha = number,
        "beta" => limits.beta = number,
        _ => {
            if number.fract() != 0.0 {
                return Err(format!("{name} is not a whole number"));
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and between 1 and ten million"
            )]
            let whole = number as u64;
            let count = usize::try_from(whole).unwrap_or(usize::MAX);
            match name {
                "hot_events" => limits.hot_events = count,
                "window_events" => limits.window_events = count,
                "window_hours" => limits.window_hours = whole,
                "batch_events" => limits.batch_events = count,
                "archive_days" => limits.archive_days = whole,
                "archive_mb" => limits.archive_mb = whole,
                _ => limits.file_mb = whole,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_names_mean_the_same_as_ours() {
        let ours = limits(
            "hot_events=500, window_events=5000, batch_events=64, flush_seconds=0.5, alpha=0.7",
        );
        let theirs = limits(
            "circular_buffer.size=500,storage.sliding_window.size=5000,batch_size=64,flush_interval=0.5,\
             sampling.strategies.prioritized.alpha=0.7",
        );
        assert_eq!(ours, theirs);
        assert_eq!(ours.unwrap().batch_events, 64);
        assert_eq!(limits(""), Ok(ExperienceLimits::default()));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (text, expected) in [
            ("batch_size", "name=number"),
            ("size=1", "none of the names"),
            ("alpha=1.5", "alpha"),
            ("alpha=NaN", "alpha"),
            ("batch_size=1.5", "whole"),
            ("hot_events=2000000", "window_events"),
        ] {
            let told = limits(text).unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
        }
    }

    #[test]
    fn events_go_no_further_than_home() {
        assert_eq!(sinks("sqlite, console").unwrap().len(), 2);
        for near in [
            "http://127.0.0.1:9/x",
            "http://localhost/x",
            "http://[::1]:80/",
            "http://192.168.1.2",
        ] {
            assert!(sinks(near).is_ok(), "{near}");
        }
        for far in [
            "http://8.8.8.8/",
            "http://a.example/",
            "https://127.0.0.1/",
            "http://u@8.8.8.8",
            "redis",
            "jsonl,file",
        ] {
            assert!(sinks(far).is_err(), "{far}");
        }
        assert!(
            sinks("http://127.0.0.1@8.8.8.8/").is_err(),
            "the host stands after the @"
        );
    }
}
