//! Settings of the experience stream: where events go, and how many are held where. Pure: text to numbers. Called by the
//! reader; the original's names of the same limits are understood too (`original.rs`).

use std::net::IpAddr;

use super::original;

/// One place that events go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExperienceSink {
    Sqlite,
    Jsonl,
    Console,
    /// Address of a server on this machine or at home.
    Http(String),
}

/// How a batch is drawn where nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SampleBy {
    #[default]
    Uniform,
    Prioritized,
    Recent,
    Diverse,
}

/// Bounds of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExperienceLimits {
    /// Newest events that count as hot.
    pub hot_events: usize,
    pub window_events: usize,
    pub window_hours: u64,
    /// Text of the window's events at most, in megabytes of 2^20 bytes. Of the three bounds the one that is met first holds.
    pub window_mb: u64,
    pub batch_events: usize,
    pub flush_seconds: f64,
    /// Events that wait for one sink at most.
    pub buffered_events: usize,
    pub sample: SampleBy,
    /// Newest events that count as recent.
    pub recent_events: usize,
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
    /// The megabytes and the days are ours, all others the original's.
    fn default() -> Self {
        Self {
            hot_events: 100_000,
            window_events: 1_000_000,
            window_hours: 24,
            // What a desktop can spare by night; some four hundred thousand of our own events.
            window_mb: 256,
            batch_events: 256,
            flush_seconds: 1.0,
            buffered_events: 10_000,
            sample: SampleBy::Uniform,
            recent_events: 10_000,
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

/// What a limit's value may be, and where it goes.
enum Takes {
    /// A whole number within bounds.
    Whole(u32, u32, fn(&mut ExperienceLimits, u32)),
    Real(f64, f64, fn(&mut ExperienceLimits, f64)),
    Sample,
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const TEN_MILLION: u32 = 10_000_000;

const NAMES: [(&str, Takes); 14] = [
    (
        "hot_events",
        Takes::Whole(1, TEN_MILLION, |l, n| l.hot_events = count(n)),
    ),
    (
        "window_events",
        Takes::Whole(1, TEN_MILLION, |l, n| l.window_events = count(n)),
    ),
    (
        "window_hours",
        Takes::Whole(1, 8760, |l, n| l.window_hours = n.into()),
    ),
    (
        "window_mb",
        Takes::Whole(1, 1_000_000, |l, n| l.window_mb = n.into()),
    ),
    (
        "batch_events",
        Takes::Whole(1, 10_000, |l, n| l.batch_events = count(n)),
    ),
    (
        "flush_seconds",
        Takes::Real(0.01, 3600.0, |l, n| l.flush_seconds = n),
    ),
    (
        "buffered_events",
        Takes::Whole(1, TEN_MILLION, |l, n| l.buffered_events = count(n)),
    ),
    ("sample", Takes::Sample),
    (
        "recent_events",
        Takes::Whole(1, TEN_MILLION, |l, n| l.recent_events = count(n)),
    ),
    ("alpha", Takes::Real(0.0, 1.0, |l, n| l.alpha = n)),
    ("beta", Takes::Real(0.0, 1.0, |l, n| l.beta = n)),
    (
        "archive_days",
        Takes::Whole(1, 36_500, |l, n| l.archive_days = n.into()),
    ),
    (
        "archive_mb",
        Takes::Whole(1, 1_000_000, |l, n| l.archive_mb = n.into()),
    ),
    (
        "file_mb",
        Takes::Whole(1, 100_000, |l, n| l.file_mb = n.into()),
    ),
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

/// Why a value cannot be a limit's, and what could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) problem: &'static str,
    pub(super) allowed: String,
}

/// Sets the limit of this name of ours; `None` where there is no such name.
pub(super) fn set(
    limits: &mut ExperienceLimits,
    name: &str,
    text: &str,
) -> Option<Result<(), Refused>> {
    let (_, takes) = NAMES.iter().find(|(own, _)| *own == name)?;
    Some(match takes {
        Takes::Whole(low, high, set) => {
            let allowed = || format!("a whole number from {low} to {high}");
            match number(text) {
                None => refused("is not a number", allowed()),
                Some(n) if n.fract() != 0.0 => refused("is not a whole number", allowed()),
                Some(n) => match (*low..=*high).find_whole(n) {
                    Some(n) => {
                        set(limits, n);
                        Ok(())
                    }
                    None => refused("is out of range", allowed()),
                },
            }
        }
        Takes::Real(low, high, set) => {
            let allowed = format!("a number from {low} to {high}");
            match number(text) {
                None => refused("is not a number", allowed),
                Some(n) if !(*low..=*high).contains(&n) => refused("is out of range", allowed),
                Some(n) => {
                    set(limits, n);
                    Ok(())
                }
            }
        }
        Takes::Sample => {
            let sample = match text {
                "uniform" => SampleBy::Uniform,
                "prioritized" => SampleBy::Prioritized,
                "recent" => SampleBy::Recent,
                "diverse" => SampleBy::Diverse,
                _ => {
                    let allowed = "uniform, prioritized, recent or diverse".to_owned();
                    return Some(refused("is none of the four", allowed));
                }
            };
            limits.sample = sample;
            Ok(())
        }
    })
}

fn refused(problem: &'static str, allowed: String) -> Result<(), Refused> {
    Err(Refused { problem, allowed })
}

/// A finite number.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

trait FindWhole {
    fn find_whole(&self, number: f64) -> Option<u32>;
}

impl FindWhole for std::ops::RangeInclusive<u32> {
    /// The number, where it is one of these.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within 32 bits, as the comparison before it says"
    )]
    fn find_whole(&self, number: f64) -> Option<u32> {
        let within = number >= f64::from(*self.start()) && number <= f64::from(*self.end());
        within.then_some(number as u32)
    }
}

/// `name=value` with commas between; what is not named stays as it is.
pub(super) fn limits(text: &str) -> Result<ExperienceLimits, String> {
    let mut limits = ExperienceLimits::default();
    let mut named: Vec<&str> = Vec::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{}` is not NAME=VALUE", part.escape_debug()))?;
        let (name, value) = (name.trim(), value.trim());
        let own = original::limit_of(name).unwrap_or(name);
        match set(&mut limits, own, value) {
            None => return Err(format!("`{}` is none of the names", name.escape_debug())),
            Some(Err(Refused { problem, allowed })) => {
                return Err(format!("{own} {problem}: it takes {allowed}"));
            }
            Some(Ok(())) if named.contains(&own) => {
                return Err(format!("{own} is given twice"));
            }
            Some(Ok(())) => named.push(own),
        }
    }
    if limits.hot_events > limits.window_events {
        return Err("hot_events is more than window_events".to_owned());
    }
    Ok(limits)
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
            "storage.circular_buffer_size=500,experience.storage.sliding_window_size=5000,batch_size=64,\
             flush_interval=0.5,sampling.strategies.prioritized.alpha=0.7",
        );
        assert_eq!(ours, theirs);
        assert_eq!(ours.unwrap().batch_events, 64);
        assert_eq!(limits(""), Ok(ExperienceLimits::default()));
        assert_eq!(limits("window_mb=8").unwrap().window_mb, 8);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (text, expected) in [
            ("batch_size", "NAME=VALUE"),
            ("size=1", "none of the names"),
            ("somebody.alpha=0.5", "none of the names"),
            (
                "alpha=1.5",
                "alpha is out of range: it takes a number from 0 to 1",
            ),
            ("alpha=NaN", "alpha"),
            ("batch_size=1.5", "batch_events is not a whole number"),
            ("batch_size=0", "from 1 to 10000"),
            ("batch_size=64,batch_events=65", "given twice"),
            ("default_strategy=best", "uniform, prioritized"),
            ("hot_events=2000000", "window_events"),
            ("window_mb=0", "a whole number from 1 to 1000000"),
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
