//! The night's page: everything a session did, gathered from the database and written as `YYYY-MM-DD.md` with a
//! `.json` beside it. Called at the end of each session and by `journal` commands; the same rows always give the same
//! page, so it may be rendered again at will.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde::Serialize;

use super::error::{JournalError, at};
use super::{Dirs, page, shelf};
use crate::dream::{Attempt, Decision, DreamRecord};
use crate::ids::SessionId;
use crate::store::{DreamRow, SessionRow, Store};

/// From this hour on a session belongs to the next day's page: nobody's working day ends a night at six in the
/// evening, and a night that begins earlier ends on the same day.
const EVENING: i8 = 18;

/// The day on which the night of `start` ends.
#[must_use]
pub fn night_of(start: &Zoned) -> Date {
    let day = start.date();
    if start.hour() >= EVENING {
        day.saturating_add(1.day())
    } else {
        day
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Night {
    pub night: Date,
    pub sessions: Vec<NightSession>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightSession {
    #[serde(flatten)]
    pub session: SessionRow,
    pub dreams: Vec<NightDream>,
    pub attempts: Vec<Attempt>,
    /// Why each was dreamed: the dream's or the attempt's id to one line a decision.
    #[serde(default)]
    pub why: BTreeMap<String, Vec<String>>,
    /// The same decisions whole: every alternative with its share and its figures.
    #[serde(default)]
    pub choices: BTreeMap<String, Vec<Decision>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightDream {
    #[serde(flatten)]
    pub record: DreamRecord,
    pub code: String,
    pub thought: Option<String>,
}

/// Everything of one night, from the database.
///
/// # Errors
/// Where the database cannot be read.
pub fn night(store: &Store, night: Date) -> Result<Night, JournalError> {
    let mut sessions = Vec::new();
    for session in store.sessions_of_night(night)? {
        let id = &session.report.session_id;
        let mut dreams = store.dreams_of_session(id)?;
        let mut attempts = store.attempts_of_session(id)?;
        let choices = choices(store, id, &mut dreams, &mut attempts)?;
        let in_words =
            |decisions: &Vec<Decision>| decisions.iter().map(Decision::in_words).collect();
        sessions.push(NightSession {
            dreams: dreams
                .into_iter()
                .map(|row| NightDream {
                    record: row.record,
                    code: row.code,
                    thought: row.thought,
                })
                .collect(),
            attempts,
            why: choices
                .iter()
                .map(|(id, decisions)| (id.clone(), in_words(decisions)))
                .collect(),
            choices,
            session,
        });
    }
    Ok(Night { night, sessions })
}

/// What was weighed before each scenario of a session. The fact says it; of a try that left none, or whose fact was forgotten,
/// the dream or the attempt itself, which gives it up here: it stands in one place of the page's `.json`.
fn choices(
    store: &Store,
    session: &SessionId,
    dreams: &mut [DreamRow],
    attempts: &mut [Attempt],
) -> Result<BTreeMap<String, Vec<Decision>>, JournalError> {
    let saved = dreams
        .iter_mut()
        .map(|row| (row.record.dream_id.to_string(), row.choice.take()));
    let fallen = attempts
        .iter_mut()
        .map(|attempt| (attempt.attempt_id.to_string(), attempt.choice.take()));
    let facts = store.facts_of_session(session)?.into_iter();
    let learned = facts.map(|fact| (fact.attempt_id.to_string(), fact.choice));
    // The last of one name is kept.
    let all = saved.chain(fallen).chain(learned);
    Ok(all
        .filter_map(|(id, choice)| Some((id, choice?.decisions)))
        .collect())
}

/// Where a night's page is.
#[must_use]
pub fn page_path(dirs: &Dirs, night: Date) -> PathBuf {
    dirs.data.join("journal").join(format!("{night}.md"))
}

/// Renders a night's page with its `.json` and returns the page's path; times are shown in `zone`.
///
/// # Errors
/// Where the database cannot be read or the folder not written.
pub fn write_night(
    store: &Store,
    dirs: &Dirs,
    date: Date,
    zone: &TimeZone,
) -> Result<PathBuf, JournalError> {
    let night = night(store, date)?;
    let folder = dirs.data.join("journal");
    std::fs::create_dir_all(&folder).map_err(at("create the folder", &folder))?;
    let mut json = serde_json::to_string_pretty(&night)?;
    json.push('\n');
    let _guard = shelf::Guard::take(&dirs.data)?;
    shelf::replace_file(&folder, &format!("{date}.json"), &json)?;
    shelf::replace_file(&folder, &format!("{date}.md"), &page::render(&night, zone))?;
    Ok(page_path(dirs, date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &str, night: &str) {
        let start: Zoned = start.parse().expect("a time");
        assert_eq!(night_of(&start).to_string(), night);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_ends() {
        check("2026-11-20T17:59:59+01:00[Europe/Warsaw]", "2026-11-20");
        check("2026-11-20T18:00:00+01:00[Europe/Warsaw]", "2026-11-21");
        check("2026-11-21T02:00:00+01:00[Europe/Warsaw]", "2026-11-21");
        check("2026-12-31T23:30:00+01:00[Europe/Warsaw]", "2027-01-01");
        // The hour that the end of summer time repeats.
        check("2026-10-25T02:30:00+02:00[Europe/Warsaw]", "2026-10-25");
        check("2026-10-25T02:30:00+01:00[Europe/Warsaw]", "2026-10-25");
    }
}
