//! The original's file layout: what a snapshot looks like as JSON, and where each lies in a folder. Pure text; reading
//! and writing files is the command's business.
//!
//! `global_stats.json` · `scenarios/<topic>/stats.json` · `scenarios/<topic>/sessions/<session>/{stats,meta}.json` ·
//! `scenarios/<topic>/offline_model.json`. Step names with a `:` are escaped, so that keys of several names split where
//! they were joined.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::session::{Selection, SessionFact};
use super::snapshot::{Count, Outcomes, Snapshot, StrategyStats};
use crate::dream::LearningPhase;

/// Of the format, as the original counts it.
pub const SNAPSHOT_VERSION: u64 = 1;

#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("it is no JSON")]
    Json(#[from] serde_json::Error),
    #[error("its version is {0}; this program reads version {SNAPSHOT_VERSION}")]
    Version(String),
    #[error("{0} is missing or of the wrong kind")]
    Field(&'static str),
    #[error("the key {0:?} is not {1} names with `:` between")]
    Key(String, usize),
    #[error("{0} visits are not {1} successes and {2} failures")]
    Visits(u64, u64, u64),
}

/// What `meta.json` and the snapshot's own metadata say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meta {
    pub topic: Option<String>,
    pub task: Option<String>,
    pub at: Timestamp,
    pub phase: Option<LearningPhase>,
    pub group: Option<String>,
    /// Statistics with discoveries or a duration, which the original counted and nothing here does.
    pub unkept: u64,
    /// Where several topics were summed: a session is counted once, over however many of them it went.
    pub sessions: Option<u64>,
}

/// A fact as the original's `stats.json`.
#[must_use]
pub fn fact_to_json(fact: &SessionFact) -> Json {
    let meta = Meta {
        topic: Some(fact.topic.clone()),
        task: fact.task.clone(),
        at: fact.at,
        phase: fact.phase,
        group: fact.group.clone(),
        unkept: 0,
        sessions: None,
    };
    to_json(&fact.snapshot, &meta, &fact.selection)
}

/// `metadata` alone, as the original's `meta.json`.
#[must_use]
pub fn metadata(snapshot: &Snapshot<u64>, meta: &Meta) -> Json {
    let mut out = json!({
        "scenario_name": meta.topic,
        "task_description": meta.task,
        "created_at": meta.at.as_second().max(0),
        "session_count": meta.sessions.unwrap_or(snapshot.sessions),
        "total_episodes": snapshot.episodes.visits(),
        "total_actions": snapshot.total_actions(),
    });
    if let Some(phase) = meta.phase {
        out["phase"] = json!(phase);
    }
    if let Some(group) = &meta.group {
        out["group_id"] = json!(group);
    }
    out
}

#[must_use]
pub fn to_json(snapshot: &Snapshot<u64>, meta: &Meta, selection: &Selection) -> Json {
    let side = |success: bool| -> Map<String, Json> {
        let counts = snapshot.transitions.iter().map(|(key, o)| {
            let n = if success { o.successes } else { o.failures };
            (joined(key), n)
        });
        counts
            .filter(|(_, n)| *n > 0)
            .map(|(key, n)| (key, json!(n)))
            .collect()
    };
    let strategies: Map<String, Json> = snapshot
        .strategies
        .iter()
        .map(|(name, s)| {
            let stats = json!({
                "visits": s.steps.visits(),
                "successes": s.steps.successes,
                "failures": s.steps.failures,
                "usage_count": s.usage_count,
                "episodes_success": s.episodes.successes,
                "episodes_failure": s.episodes.failures,
            });
            (name.clone(), stats)
        })
        .collect();
    json!({
        "version": SNAPSHOT_VERSION,
        "metadata": metadata(snapshot, meta),
        "episode_transitions": {
            "success_transitions": side(true),
            "failure_transitions": side(false),
            "success_episodes": snapshot.episodes.successes,
            "failure_episodes": snapshot.episodes.failures,
        },
        "ngram_stats": {
            "trigrams": ngrams(&snapshot.trigrams),
            "quadgrams": ngrams(&snapshot.quadgrams),
        },
        "selection_performance": {
            "strategy_stats": strategies,
            "switch_history": selection.switches,
            "current_strategy": selection.current,
            "strategy_start_visits": selection.start_visits,
            "strategy_start_success_rate": selection.start_success_rate,
        },
        "contextual_stats": visits(snapshot.contextual.iter().map(|(key, o)| (joined(key), o))),
        "action_stats": visits(snapshot.actions.iter().map(|(key, o)| (key.clone(), o))),
    })
}

fn ngrams<const N: usize>(of: &BTreeMap<[String; N], Outcomes<u64>>) -> Map<String, Json> {
    of.iter()
        .map(|(key, o)| (joined(key), json!([o.successes, o.failures])))
        .collect()
}

fn visits<'a>(of: impl Iterator<Item = (String, &'a Outcomes<u64>)>) -> Map<String, Json> {
    of.map(|(key, o)| {
        // The original's other counters, which nothing here fills.
        let stats = json!({
            "visits": o.visits(), "successes": o.successes, "failures": o.failures,
            "discoveries": 0, "total_duration": 0,
        });
        (key, stats)
    })
    .collect()
}

fn joined(names: &[String]) -> String {
    let escape = |name: &String| name.replace('%', "%25").replace(':', "%3A");
    names.iter().map(escape).collect::<Vec<_>>().join(":")
}

fn split<const N: usize>(key: &str) -> Result<[String; N], LayoutError> {
    let names: Vec<String> = key
        .split(':')
        .map(|name| name.replace("%3A", ":").replace("%25", "%"))
        .collect();
    names
        .try_into()
        .map_err(|_| LayoutError::Key(key.to_owned(), N))
}

/// Whether a file is of the version that this program reads.
///
/// # Errors
/// Another version, or none.
pub fn check_version(root: &Json) -> Result<(), LayoutError> {
    match &root["version"] {
        Json::Number(n) if n.as_u64() == Some(SNAPSHOT_VERSION) => Ok(()),
        other => Err(LayoutError::Version(other.to_string())),
    }
}

/// Reads a snapshot of the original or of ours.
///
/// # Errors
/// Another version, a missing part, keys that cannot be split, counts that contradict each other.
pub fn from_json(text: &str) -> Result<(Snapshot<u64>, Meta, Selection), LayoutError> {
    let root: Json = serde_json::from_str(text)?;
    check_version(&root)?;
    let mut meta = meta_of(&root["metadata"])?;
    let transitions = &root["episode_transitions"];
    let mut snapshot = Snapshot {
        sessions: number(&root["metadata"], "session_count").unwrap_or(1),
        episodes: Outcomes {
            successes: number(transitions, "success_episodes")?,
            failures: number(transitions, "failure_episodes")?,
        },
        ..Snapshot::default()
    };
    for (name, success) in [
        ("success_transitions", true),
        ("failure_transitions", false),
    ] {
        for (key, count) in object(transitions, name)? {
            let o = snapshot.transitions.entry(split(key)?).or_default();
            let count = count
                .as_u64()
                .ok_or(LayoutError::Field("a transition's count"))?;
            let side = if success {
                &mut o.successes
            } else {
                &mut o.failures
            };
            *side = side.saturating_add(count);
        }
    }
    snapshot.trigrams = read_ngrams(object(&root["ngram_stats"], "trigrams")?)?;
    snapshot.quadgrams = read_ngrams(object(&root["ngram_stats"], "quadgrams")?)?;
    for (key, stats) in object(&root, "contextual_stats")? {
        meta.unkept += u64::from(is_unkept(stats));
        snapshot.contextual.insert(split(key)?, outcomes(stats)?);
    }
    for (key, stats) in object(&root, "action_stats")? {
        meta.unkept += u64::from(is_unkept(stats));
        snapshot.actions.insert(key.clone(), outcomes(stats)?);
    }
    let selected = &root["selection_performance"];
    for (name, stats) in object(selected, "strategy_stats")? {
        let stats = StrategyStats {
            steps: outcomes(stats)?,
            episodes: Outcomes {
                successes: number(stats, "episodes_success").unwrap_or_default(),
                failures: number(stats, "episodes_failure").unwrap_or_default(),
            },
            usage_count: number(stats, "usage_count").unwrap_or_default(),
        };
        snapshot.strategies.insert(name.clone(), stats);
    }
    let selection = Selection {
        switches: match &selected["switch_history"] {
            Json::Null => Vec::new(),
            given => serde_json::from_value(given.clone())?,
        },
        current: selected["current_strategy"].as_str().map(str::to_owned),
        start_visits: number(selected, "strategy_start_visits").unwrap_or_default(),
        start_success_rate: selected["strategy_start_success_rate"]
            .as_f64()
            .unwrap_or_default(),
    };
    Ok((snapshot, meta, selection))
}

fn is_unkept(stats: &Json) -> bool {
    let counted = |key: &str| stats[key].as_f64().is_some_and(|n| n > 0.0);
    counted("discoveries") || counted("total_duration")
}

fn meta_of(given: &Json) -> Result<Meta, LayoutError> {
    let text = |key: &str| given[key].as_str().map(str::to_owned);
    let seconds = number(given, "created_at")?;
    let seconds = i64::try_from(seconds).map_err(|_| LayoutError::Field("created_at"))?;
    Ok(Meta {
        topic: text("scenario_name"),
        task: text("task_description"),
        at: Timestamp::from_second(seconds).map_err(|_| LayoutError::Field("created_at"))?,
        phase: match &given["phase"] {
            Json::Null => None,
            phase => Some(serde_json::from_value(phase.clone())?),
        },
        group: text("group_id"),
        unkept: 0,
        sessions: None,
    })
}

fn number(of: &Json, key: &'static str) -> Result<u64, LayoutError> {
    of[key].as_u64().ok_or(LayoutError::Field(key))
}

fn object<'a>(of: &'a Json, key: &'static str) -> Result<&'a Map<String, Json>, LayoutError> {
    of[key].as_object().ok_or(LayoutError::Field(key))
}

fn outcomes(stats: &Json) -> Result<Outcomes<u64>, LayoutError> {
    let (visits, successes, failures) = (
        number(stats, "visits")?,
        number(stats, "successes")?,
        number(stats, "failures")?,
    );
    if successes.plus(failures) != visits {
        return Err(LayoutError::Visits(visits, successes, failures));
    }
    Ok(Outcomes {
        successes,
        failures,
    })
}

fn read_ngrams<const N: usize>(
    given: &Map<String, Json>,
) -> Result<BTreeMap<[String; N], Outcomes<u64>>, LayoutError> {
    let mut out = BTreeMap::new();
    for (key, pair) in given {
        let [successes, failures] = [0, 1].map(|n| pair[n].as_u64());
        let (Some(successes), Some(failures)) = (successes, failures) else {
            return Err(LayoutError::Field("an n-gram's pair of counts"));
        };
        out.insert(
            split(key)?,
            Outcomes {
                successes,
                failures,
            },
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact() -> SessionFact {
        let mut snapshot = Snapshot {
            sessions: 1,
            ..Snapshot::default()
        };
        let steps = [
            ("run:tests", true),
            ("unit", true),
            ("100%", false),
            ("end", true),
        ];
        snapshot.note_episode(&steps, true, "in turn");
        snapshot.note_episode(&steps[..2], false, "drawn");
        SessionFact {
            topic: "../x: żółć".to_owned(),
            session: "1700000000".to_owned(),
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            task: Some("a task".to_owned()),
            phase: Some(LearningPhase::Validate),
            group: Some("g1".to_owned()),
            selection: Selection {
                start_success_rate: 0.25,
                ..Selection::default()
            },
            snapshot,
        }
    }

    #[test]
    fn a_fact_comes_back_exactly_also_with_colons_in_its_names() {
        let fact = fact();
        let text = fact_to_json(&fact).to_string();
        let (snapshot, meta, selection) = from_json(&text).unwrap();
        assert_eq!(snapshot, fact.snapshot);
        assert_eq!(
            (meta.topic.as_ref(), meta.at, meta.phase),
            (Some(&fact.topic), fact.at, fact.phase)
        );
        assert_eq!(selection, fact.selection);
        assert!(text.contains(r#""run%3Atests:unit""#), "{text}");
    }

    #[test]
    fn another_version_and_contradictions_are_refused() {
        let mut root = fact_to_json(&fact());
        root["action_stats"]["unit"]["visits"] = json!(17);
        assert!(matches!(
            from_json(&root.to_string()),
            Err(LayoutError::Visits(17, ..))
        ));
        root["version"] = json!(2);
        assert!(matches!(
            from_json(&root.to_string()),
            Err(LayoutError::Version(_))
        ));
        assert!(matches!(from_json("[]"), Err(LayoutError::Version(_))));
        assert!(matches!(
            from_json(r#"{"version": 1}"#),
            Err(LayoutError::Field(_))
        ));
    }

    #[test]
    fn what_the_original_counted_and_nothing_here_keeps_is_told() {
        let mut told = fact_to_json(&fact());
        let read = |told: &Json| from_json(&told.to_string()).unwrap().1.unkept;
        assert_eq!(read(&told), 0);
        told["action_stats"]["unit"]["discoveries"] = json!(2);
        told["action_stats"]["end"]["total_duration"] = json!(0.5);
        assert_eq!(read(&told), 2);
    }
}
