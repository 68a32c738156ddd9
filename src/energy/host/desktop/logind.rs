//! The login manager: whose session has the screen, whether it is locked or idle, when the machine goes to sleep, and
//! who keeps it from idling. Judges messages and facts without asking anybody but in `look`.

use std::collections::{BTreeMap, BTreeSet};

use zbus::{Connection, Message, OwnedObjectPath};

use super::bus::{Properties, Service, Trouble, flag, text};
use super::said::{Word, words};
use super::{Heard, signal};
use crate::clock::Instant;
use crate::energy::Notice;
use crate::energy::host::inputs::is_of_a_person;

pub(super) const NAME: &str = "org.freedesktop.login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Sessions that are asked, those with a seat first: people who sit at one machine, or have a screen elsewhere.
const MOST_ASKED: usize = 16;

/// What a session with a screen is of; one without is a terminal's, or nobody's.
const SCREENS: [&str; 3] = ["x11", "wayland", "mir"];

/// Where a session's screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    /// At a seat of this machine.
    Here,
    /// Wherever somebody looks at it over the network, if anybody does.
    Elsewhere,
}

/// What it means that a session does not say that it idles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// Its desktop has told before whether it idles: somebody uses it, or has a film on.
    InUse,
    /// Nothing: a text terminal, a screen to log in at, or a desktop that has never told, as many never do.
    Nothing,
}

/// One session that has a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    user: u32,
    screen: Screen,
    silence: Silence,
    active: bool,
    locked: bool,
    idle: bool,
}

/// A line of `ListInhibitors`: what, who, why, mode, user, process.
type Inhibitor = (String, String, String, String, u32, u32);

/// All that one look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    sessions: BTreeMap<String, Session>,
    /// Every session of a person that was asked, with a screen or without: a job of a timer's has one too.
    people: BTreeSet<String>,
    /// Every session, asked or not.
    listed: BTreeSet<String>,
    inhibitors: Vec<Inhibitor>,
}

pub(super) async fn look(bus: &Connection) -> Result<Facts, Trouble> {
    let manager = Service {
        name: NAME,
        path: "/org/freedesktop/login1",
    };
    let listed: Vec<(String, u32, String, String, OwnedObjectPath)> =
        manager.ask(bus, MANAGER, "ListSessions", &()).await?;
    let paths = listed.iter().map(|(.., path)| path.as_str().to_owned());
    let all_listed: BTreeSet<String> = paths.collect();
    let (mut sessions, mut people) = (BTreeMap::new(), BTreeSet::new());
    let (seated, others): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .partition(|(_, _, _, seat, _)| !seat.is_empty());
    let all = seated.into_iter().chain(others);
    for (_, user, _, seat, path) in all.take(MOST_ASKED) {
        let path = path.as_str().to_owned();
        let asked = Service {
            name: NAME,
            path: &path,
        }
        .properties(bus, SESSION)
        .await;
        match asked {
            Ok(properties) => {
                if text(&properties, "Class").is_none_or(is_of_a_person) {
                    people.insert(path.clone());
                }
                let screen = if seat.is_empty() {
                    Screen::Elsewhere
                } else {
                    Screen::Here
                };
                let session = Session::of(user, screen, &properties);
                sessions.extend(session.map(|session| (path, session)));
            }
            // It ended while we looked.
            Err(Trouble::Absent(_)) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let inhibitors = manager.ask(bus, MANAGER, "ListInhibitors", &()).await?;
    Ok(Facts {
        sessions,
        people,
        listed: all_listed,
        inhibitors,
    })
}

impl Session {
    /// `None` for one that has no screen: terminals tell of their input themselves, and a timer's job has none.
    fn of(user: u32, screen: Screen, properties: &Properties) -> Option<Self> {
        let is = |name| flag(properties, name) == Some(true);
        let says = |name| text(properties, name).unwrap_or_default();
        let closing = says("State") == "closing";
        let graphical = SCREENS.contains(&says("Type"));
        if screen == Screen::Elsewhere && (closing || !graphical) {
            return None;
        }
        // The moment at which a desktop last said otherwise than before; none is the beginning of all time.
        let told_at = properties.get("IdleSinceHint");
        let told_at = told_at.and_then(|at| u64::try_from(at).ok());
        let has_told = told_at.is_some_and(|at| at > 0);
        let logged_in = text(properties, "Class").is_none_or(|class| class.starts_with("user"));
        let silence = if graphical && logged_in && has_told {
            Silence::InUse
        } else {
            Silence::Nothing
        };
        Some(Self {
            user,
            screen,
            silence,
            active: is("Active"),
            locked: is("LockedHint"),
            idle: is("IdleHint"),
        })
    }

    /// Somebody may be in front of it, or has a film on.
    fn is_in_use(&self) -> bool {
        self.silence == Silence::InUse && !self.idle && !self.locked
    }
}

/// What is known of the login manager from look to look.
#[derive(Debug)]
pub(super) struct Known {
    me: u32,
    facts: Option<Facts>,
    /// Since when every session that has a screen is known to idle.
    idle_since: Option<Instant>,
}

impl Known {
    pub(super) fn new(me: u32) -> Self {
        Self {
            me,
            facts: None,
            idle_since: None,
        }
    }

    /// One signal, judged at once by what is known.
    pub(super) fn heard(&mut self, message: &Message) -> Heard {
        let Some((interface, member, path)) = signal(message) else {
            return Heard::Nothing;
        };
        match (interface.as_str(), member.as_str()) {
            (MANAGER, "PrepareForSleep") => match message.body().deserialize::<bool>() {
                Ok(true) => Heard::Told(Notice::Sleep),
                // Somebody opened the lid: as good as a key.
                Ok(false) => Heard::Told(Notice::Login),
                Err(_) => Heard::Changed,
            },
            (SESSION, "Unlock") => Heard::Told(Notice::Login),
            (PROPERTIES, "PropertiesChanged") => {
                let body = message.body();
                let changed = body.deserialize::<(String, Properties, Vec<String>)>();
                changed.map_or(Heard::Changed, |(of, now, _)| {
                    self.changed(&of, &path, &now)
                })
            }
            // Whose a new session is the next look tells.
            (MANAGER | SESSION, _) => Heard::Changed,
            _ => Heard::Nothing,
        }
    }

    fn changed(&mut self, of: &str, path: &str, now: &Properties) -> Heard {
        match of {
            MANAGER => {
                let begins = text(now, "BlockInhibited").is_some_and(holds_idle);
                if begins && self.doing().is_none() {
                    Heard::Told(Notice::Login)
                } else {
                    Heard::Changed
                }
            }
            SESSION => {
                let sessions = self.facts.as_mut().map(|facts| &mut facts.sessions);
                let Some(known) = sessions.and_then(|all| all.get_mut(path)) else {
                    return Heard::Changed;
                };
                let before = known.clone();
                known.locked = flag(now, "LockedHint").unwrap_or(known.locked);
                known.active = flag(now, "Active").unwrap_or(known.active);
                known.idle = flag(now, "IdleHint").unwrap_or(known.idle);
                came_back(&before, known)
            }
            _ => Heard::Nothing,
        }
    }

    /// Takes a look's facts; the answer is what it means and what a signal should have told already.
    pub(super) fn learn(&mut self, facts: Facts, now: Instant) -> (Word, Heard) {
        let mut heard = Heard::Nothing;
        if let Some(before) = &self.facts {
            for (path, session) in &facts.sessions {
                let back = before.sessions.get(path).map(|was| came_back(was, session));
                heard = heard.max(back.unwrap_or(Heard::Nothing));
            }
            // One that was there before and is asked only now is nobody who came.
            if !facts.people.is_subset(&before.listed) {
                heard = Heard::Told(Notice::Login);
            }
        }
        let on_screen = || {
            let active = facts.sessions.values().filter(|session| session.active);
            active.filter(|session| session.screen == Screen::Here)
        };
        let mut elsewhere = facts
            .sessions
            .values()
            .filter(|session| session.screen == Screen::Elsewhere);
        let unseen = elsewhere
            .find(|session| session.active && !session.idle)
            .map(|session| {
                let user = session.user;
                format!("has a session of user {user} whose screen is elsewhere, and does not say that it idles")
            });
        let idle = on_screen().next().is_some() && on_screen().all(|session| session.idle);
        self.idle_since = idle.then(|| self.idle_since.unwrap_or(now));
        let me = self.me;
        let theirs = || on_screen().filter(move |session| session.user != me);
        let foreign = theirs().next().is_some();
        let occupied = theirs().any(Session::is_in_use);
        self.facts = Some(facts);
        let word = Word {
            still_since: self.idle_since,
            doing: self.doing(),
            foreign,
            occupied,
            unseen,
            ..Word::live()
        };
        (word, heard)
    }

    /// Who keeps the machine from idling: a film, a call, a game.
    fn doing(&self) -> Option<String> {
        let all = self.facts.as_ref()?.inhibitors.iter();
        let (_, who, why, ..) = all
            .clone()
            .find(|(what, _, _, mode, ..)| holds_idle(what) && mode.starts_with("block"))?;
        Some(format!("{}: {}", words(who), words(why)))
    }
}

/// `what` is a list with colons.
fn holds_idle(what: &str) -> bool {
    what.split(':').any(|word| word == "idle")
}

/// A session that is unlocked, switched to or used again. A lock is none of that: most are a timer's.
fn came_back(before: &Session, now: &Session) -> Heard {
    if (before.locked && !now.locked) || (!before.active && now.active) {
        Heard::Told(Notice::Login)
    } else if before.idle && !now.idle && now.active {
        Heard::Active
    } else if before == now {
        Heard::Nothing
    } else {
        Heard::Changed
    }
}

#[cfg(test)]
mod tests;
