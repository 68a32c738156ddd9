//! What the desktop's services say, source by source, and what follows for presence. Pure but for the lock around it:
//! written by the thread that follows the services, read by the looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{self, Instant};
use crate::energy::host::Mend;
use crate::energy::{Power, Presence};

/// Other programs' words are shown to this length: enough for a film's title.
const WORDS: usize = 80;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// systemd's or elogind's login manager: sessions, locks, sleep, inhibitors.
    Logind,
    /// The power service, for what the kernel's own files do not tell.
    UPower,
    /// GNOME's idle monitor.
    Mutter,
    /// GNOME's session: who keeps it from idling.
    GnomeSession,
    /// KDE's power management: who keeps it from idling.
    KdePower,
    /// Feral's daemon that games tell that they run.
    GameMode,
    /// A Wayland compositor with `ext-idle-notify-v1`.
    Wayland,
}

impl Source {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logind => "logind",
            Self::UPower => "UPower",
            Self::Mutter => "Mutter's idle monitor",
            Self::GnomeSession => "GNOME's session manager",
            Self::KdePower => "KDE's power management",
            Self::GameMode => "GameMode",
            Self::Wayland => "the Wayland compositor",
        }
    }

    /// The name of the doctor's finding.
    #[must_use]
    pub fn check(self) -> &'static str {
        match self {
            Self::Logind => "logind",
            Self::UPower => "upower",
            Self::Mutter => "mutter",
            Self::GnomeSession => "gnome_session",
            Self::KdePower => "kde_power",
            Self::GameMode => "gamemode",
            Self::Wayland => "wayland",
        }
    }

    /// What of it has only ever met a stand-in of ours: nobody has seen it with the real one.
    #[must_use]
    pub fn only_ever_tried(self) -> &'static str {
        match self {
            // The rest in the tests, under systemd in a container, which has no seat and never sleeps.
            Self::Logind => "locks, seats and sleep tried against stand-ins only",
            Self::UPower
            | Self::Mutter
            | Self::GnomeSession
            | Self::KdePower
            | Self::GameMode
            | Self::Wayland => "tried against stand-ins only, never against the real one",
        }
    }

    /// The sources that a system's bus has.
    pub(super) const SYSTEM: [Self; 2] = [Self::Logind, Self::UPower];
    /// The sources that a session's bus has.
    pub(super) const SESSION: [Self; 4] = [
        Self::Mutter,
        Self::GnomeSession,
        Self::KdePower,
        Self::GameMode,
    ];

    /// Not knowing what it says means not knowing whether somebody is there.
    fn tells_presence(self) -> bool {
        self != Self::UPower
    }
}

/// Whether a source answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has not had the time yet.
    Asked,
    /// It does.
    Live,
    /// There is none here, and that is known.
    Absent(String),
    /// It is there and cannot be read.
    Unknown(String),
}

impl Answer {
    /// Why nothing is known of a source that is there.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Asked => Some("has not answered yet"),
            Self::Unknown(why) => Some(why),
            Self::Live | Self::Absent(_) => None,
        }
    }
}

/// A desktop calls somebody active until a second without input has passed. Shorter than this it may have been a bumped desk:
/// one movement, at its beginning. That it began has been told; if it was more, it goes on.
const FLEETING: Duration = Duration::from_secs(3);

/// Since when nobody gave input, as a desktop sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    Active,
    Since(Instant),
}

/// What one source says.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    pub answer: Answer,
    /// `None`: it cannot say.
    pub idle: Option<Idle>,
    /// Since when every screen that it knows says that it idles. The last input was some time before.
    pub still_since: Option<Instant>,
    /// Since when it says `Idle::Active`.
    pub(super) active_since: Option<Instant>,
    /// What somebody is doing without giving input: a film, a call, a game.
    pub doing: Option<String>,
    pub power: Option<Power>,
    /// Somebody else's session has the screen: what this user's desktop says is not the whole truth.
    pub foreign: bool,
    /// And that session is in use, as far as it says: nobody tells us of its films.
    pub occupied: bool,
    /// Why somebody may give input that neither it nor anybody else here sees.
    pub(super) unseen: Option<String>,
}

impl Word {
    pub(super) fn of(answer: Answer) -> Self {
        Self {
            answer,
            idle: None,
            still_since: None,
            active_since: None,
            doing: None,
            power: None,
            foreign: false,
            occupied: false,
            unseen: None,
        }
    }

    pub(super) fn live() -> Self {
        Self::of(Answer::Live)
    }
}

/// All that is said now; shared.
#[derive(Debug, Clone, Default)]
pub(in crate::energy::host) struct Said(Arc<Mutex<BTreeMap<Source, Word>>>);

impl Said {
    /// The answer is what it said before.
    pub(super) fn set(&self, source: Source, mut word: Word) -> Option<Word> {
        self.with(|all| {
            let before = all.get(&source).and_then(|word| word.active_since);
            word.active_since = since(word.idle, before);
            all.insert(source, word)
        })
    }

    pub(super) fn idle_of(&self, source: Source) -> Option<Idle> {
        self.with(|all| all.get(&source)?.idle)
    }

    pub(super) fn set_idle(&self, source: Source, idle: Idle) {
        self.with(|all| {
            if let Some(word) = all.get_mut(&source) {
                word.idle = Some(idle);
                word.active_since = since(word.idle, word.active_since);
            }
        });
    }

    /// The same answer for all of a bus: it is not there, or it went.
    pub(super) fn set_all(&self, sources: &[Source], answer: &Answer) {
        self.with(|all| {
            for source in sources {
                all.insert(*source, Word::of(answer.clone()));
            }
        });
    }

    /// Nobody hears any of them any more.
    pub(super) fn lost(&self, why: &str) {
        self.with(|all| {
            for word in all.values_mut() {
                *word = Word::of(Answer::Unknown(why.to_owned()));
            }
        });
    }

    pub(in crate::energy::host) fn forget(&self) {
        self.with(BTreeMap::clear);
    }

    pub(in crate::energy::host) fn words(&self) -> Vec<(Source, Word)> {
        self.with(|all| all.iter().map(|(k, v)| (*k, v.clone())).collect())
    }

    pub(in crate::energy::host) fn power(&self) -> Option<Power> {
        self.with(|all| all.values().find_map(|word| word.power))
    }

    /// How long ago the desktop saw input; `None` where no desktop sees the whole of it.
    pub(in crate::energy::host) fn idle(&self, now: Instant) -> Option<Duration> {
        self.with(|all| {
            // A desktop sees its own session alone.
            let whole = !all.values().any(|word| word.foreign);
            let told = all.values().filter(|_| whole);
            let idle = told.filter_map(|word| Some((word.idle?, word.active_since)));
            idle.map(|(idle, active_since)| match idle {
                Idle::Active => {
                    let active = active_since.map(|at| now.saturating_duration_since(at));
                    active
                        .filter(|active| *active < FLEETING)
                        .unwrap_or_default()
                }
                Idle::Since(at) => now.saturating_duration_since(at),
            })
            .min()
        })
    }

    /// For how long at least the screens have been still: as long as the source says that says least. The login manager knows
    /// them all, every other source those of its own session alone.
    pub(in crate::energy::host) fn still_for(&self, now: Instant) -> Option<Duration> {
        let since = self.with(|all| {
            let whole = !all.values().any(|word| word.foreign);
            let telling = all
                .iter()
                .filter(|(source, _)| whole || **source == Source::Logind);
            telling.filter_map(|(_, word)| word.still_since).max()
        });
        since.map(|at| now.saturating_duration_since(at))
    }

    /// Somebody else's session has the screen and does not say that it idles.
    pub(in crate::energy::host) fn is_occupied(&self) -> bool {
        self.with(|all| all.values().any(|word| word.occupied))
    }

    /// Adds what the desktop knows to what the devices and terminals told.
    pub(in crate::energy::host) fn add_to(&self, mut presence: Presence, now: Instant) -> Presence {
        let seen = self.idle(now);
        presence.last_input = match (presence.last_input, seen) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.with(|all| {
            if presence.blind.is_none() {
                presence.blind = hidden(all).map(|(why, _)| why);
            }
            presence.doing = all.values().find_map(|word| word.doing.clone());
        });
        if presence.doing.is_some() {
            presence.last_input = Some(Duration::ZERO);
        }
        presence
    }

    /// What mends that a source hides somebody.
    pub(in crate::energy::host) fn mend(&self) -> Option<Mend> {
        self.with(|all| Some(hidden(all)?.1))
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<Source, Word>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The first source that may hide somebody: why, and what mends it.
fn hidden(all: &BTreeMap<Source, Word>) -> Option<(String, Mend)> {
    let mut telling = all.iter().filter(|(source, _)| source.tells_presence());
    telling.find_map(|(source, word)| {
        let (why, mend) = match (word.answer.trouble(), &word.unseen) {
            (Some(why), _) => (why, Mend::Service),
            (None, Some(why)) => (why.as_str(), Mend::RemoteSession),
            (None, None) => return None,
        };
        Some((format!("{} {why}", source.as_str()), mend))
    })
}

/// When a source began to say that somebody is active, if it does.
fn since(idle: Option<Idle>, before: Option<Instant>) -> Option<Instant> {
    (idle == Some(Idle::Active)).then(|| before.unwrap_or_else(clock::monotonic))
}

/// Another program's own words, fit to be shown in a line.
pub(in crate::energy::host) fn words(text: &str) -> String {
    let shown = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WORDS);
    shown.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet_for(minutes: u64) -> Presence {
        Presence {
            last_input: Some(Duration::from_mins(minutes)),
            ..Presence::headless()
        }
    }

    #[test]
    fn a_film_is_presence_whatever_the_keyboard_says() {
        let now = clock::monotonic();
        let said = Said::default();
        assert_eq!(said.add_to(quiet_for(90), now), quiet_for(90));
        let mut word = Word::live();
        word.doing = Some("player: playing".to_owned());
        said.set(Source::Logind, word);
        let presence = said.add_to(quiet_for(90), now);
        assert_eq!(presence.last_input, Some(Duration::ZERO));
        assert_eq!(presence.doing.as_deref(), Some("player: playing"));
    }

    #[test]
    fn what_a_source_knows_to_be_unseen_is_not_known_to_be_absent() {
        let now = clock::monotonic();
        let said = Said::default();
        let mut word = Word::live();
        word.unseen = Some("has a session elsewhere".to_owned());
        said.set(Source::Logind, word);
        let presence = said.add_to(quiet_for(90), now);
        let blind = presence.blind.expect("it cannot be known");
        assert_eq!(blind, "logind has a session elsewhere");
        assert_eq!(said.mend(), Some(Mend::RemoteSession));
        said.set_all(&[Source::Logind], &Answer::Asked);
        assert_eq!(said.mend(), Some(Mend::Service));
        said.set(Source::Logind, Word::live());
        assert_eq!(said.mend(), None);
    }

    #[test]
    fn a_source_that_is_there_and_cannot_be_read_is_named_and_an_absent_one_is_not() {
        let now = clock::monotonic();
        let said = Said::default();
        said.set_all(&Source::SESSION, &Answer::Absent("no bus".to_owned()));
        assert_eq!(said.add_to(quiet_for(9), now).blind, None);
        let silent = Answer::Unknown("has not answered for 2 s".to_owned());
        said.set_all(&[Source::UPower], &silent);
        assert_eq!(said.add_to(quiet_for(9), now).blind, None, "tells no input");
        said.set_all(&[Source::Logind], &silent);
        let blind = said.add_to(quiet_for(9), now).blind;
        assert_eq!(blind.as_deref(), Some("logind has not answered for 2 s"));
        said.forget();
        assert_eq!(said.add_to(quiet_for(9), now), quiet_for(9));
    }

    #[test]
    fn a_desktop_speaks_for_the_machine_unless_somebody_elses_session_has_the_screen() {
        let began = clock::monotonic();
        let now = began + Duration::from_mins(10);
        let said = Said::default();
        let idle = |idle| Word {
            idle: Some(idle),
            ..Word::live()
        };
        said.set(Source::Mutter, idle(Idle::Since(began)));
        assert_eq!(said.idle(now), Some(Duration::from_mins(10)));
        assert_eq!(
            said.add_to(quiet_for(30), now).last_input,
            Some(Duration::from_mins(10))
        );
        said.set(Source::Wayland, idle(Idle::Active));
        assert_eq!(said.idle(now), Some(Duration::ZERO));
        let foreign = Word {
            foreign: true,
            ..Word::live()
        };
        said.set(Source::Logind, foreign);
        assert_eq!(said.idle(now), None);
    }

    #[test]
    fn a_desktop_that_is_active_for_a_moment_saw_one_movement_at_its_beginning() {
        let said = Said::default();
        let word = |idle| Word {
            idle: Some(idle),
            ..Word::live()
        };
        let began = clock::monotonic();
        said.set(Source::Mutter, word(Idle::Since(began)));
        said.set_idle(Source::Mutter, Idle::Active);
        let seconds = |seconds| said.idle(clock::monotonic() + Duration::from_secs(seconds));
        assert!(seconds(2).is_some_and(|ago| ago >= Duration::from_secs(2)));
        // Said again it is no new beginning.
        said.set(Source::Mutter, word(Idle::Active));
        assert_eq!(seconds(3), Some(Duration::ZERO));
        said.set_idle(Source::Mutter, Idle::Since(began));
        said.set_idle(Source::Mutter, Idle::Active);
        assert!(seconds(2).is_some_and(|ago| ago >= Duration::from_secs(2)));
    }

    #[test]
    fn other_programs_words_stay_in_their_line() {
        assert_eq!(words("a\nb\u{1b}[31m "), "a b [31m");
        assert_eq!(words(&"x".repeat(500)).len(), WORDS);
    }
}
