//! What the EnergyManager says of itself in the original's words (seed 002): metrics, status, idle, busy. Pure: the
//! reading, the limits and the time are arguments.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Reading, Sensed};
use crate::config::Settings;

/// The limits that the manager answers by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// DREAMING_CPU_THRESHOLD.
    pub cpu: f64,
    /// DREAMING_MEMORY_THRESHOLD.
    pub memory: f64,
    /// DREAMING_TEMPERATURE_LIMIT_C.
    pub temperature_c: Option<f64>,
    /// DREAMING_IDLE_THRESHOLD_MINUTES.
    pub idle: Duration,
}

impl Limits {
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            cpu: settings.energy.cpu_threshold,
            memory: settings.energy.memory_threshold,
            temperature_c: settings.energy.temperature_limit_c,
            idle: settings.dreaming.idle_threshold,
        }
    }

    /// Other programs, memory or heat stand over their limit. What is not known is not over anything.
    #[must_use]
    pub fn is_busy(&self, reading: &Reading) -> bool {
        let over =
            |sensed: &Sensed<f64>, limit: f64| sensed.known().is_some_and(|now| now >= limit);
        reading.load().is_some_and(|now| now >= self.cpu)
            || reading.memory_is_short(self.memory)
            || self
                .temperature_c
                .is_some_and(|limit| over(&reading.temperature_c, limit))
    }
}

/// The original's `get_metrics`. `None` where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Share of the processors that *other* programs use or wait for, in per cent.
    pub cpu_percent: Option<f64>,
    pub memory_percent: Option<f64>,
    /// Hottest sensor, in degrees Celsius.
    pub temperature: Option<f64>,
    /// When this was read; `None` before the first look.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
}

impl Metrics {
    #[must_use]
    pub fn of(reading: &Reading, at: Option<Timestamp>) -> Self {
        let percent =
            |sensed: &Sensed<f64>| sensed.known().map(|share| (share * 1000.0).round() / 10.0);
        Self {
            cpu_percent: percent(&reading.load_of_others),
            memory_percent: percent(&reading.memory_used),
            temperature: reading.temperature_c.known(),
            timestamp: at,
        }
    }
}

/// The original's `get_status`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnergyStatus {
    pub is_monitoring: bool,
    #[serde(flatten)]
    pub metrics: Metrics,
    pub cpu_threshold: f64,
    pub memory_threshold: f64,
    pub is_busy: bool,
    /// `None` where it is not known, or nobody was ever there.
    pub idle_time_seconds: Option<f64>,
    pub is_idle: bool,
    pub registered_callbacks: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Power, Presence};

    #[test]
    fn busy_is_what_stands_over_its_limit_and_the_unknown_does_not() {
        let limits = Limits {
            cpu: 0.7,
            memory: 0.8,
            temperature_c: Some(85.0),
            idle: Duration::from_mins(30),
        };
        let calm = Reading {
            presence: Presence::headless(),
            load_of_others: Sensed::Known(0.1),
            graphics: None,
            memory_used: Sensed::Known(0.1),
            memory_pressure: Some(0.0),
            temperature_c: Sensed::Known(50.0),
            power: Sensed::Known(Power::Mains),
        };
        assert!(!limits.is_busy(&calm));
        let changes: [fn(&mut Reading); 5] = [
            |now| now.load_of_others = Sensed::Known(0.7),
            |now| now.graphics = Some(Sensed::Known(0.7)),
            |now| now.memory_used = Sensed::Known(0.8),
            |now| now.memory_pressure = Some(0.2),
            |now| now.temperature_c = Sensed::Known(85.0),
        ];
        for change in changes {
            let mut reading = calm.clone();
            change(&mut reading);
            assert!(limits.is_busy(&reading), "{reading:?}");
        }
        assert!(!limits.is_busy(&Reading::unknown("a test")));
        let metrics = Metrics::of(&Reading::unknown("a test"), None);
        assert_eq!(metrics.cpu_percent, None);
    }
}
