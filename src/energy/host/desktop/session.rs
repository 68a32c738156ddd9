//! The bus of the user's session, followed: Mutter's idle monitor, whose watches fire the moment somebody is back, the
//! session managers that know who keeps the screen on, and the daemon that games tell that they run.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::{JoinError, JoinSet};
use zbus::{Connection, Message, MessageStream};

use super::bus::{self, Service, Trouble};
use super::said::{Answer, Idle, Source, Word};
use super::{Ears, Heard, Pace, signal};
use crate::clock::{self, Instant};

const MUTTER: &str = "org.gnome.Mutter.IdleMonitor";
const GNOME: &str = "org.gnome.SessionManager";
const KDE: &str = "org.kde.Solid.PowerManagement.PolicyAgent";
const GAMEMODE: &str = "com.feralinteractive.GameMode";

const RULES: [&str; 8] = [
    "type='signal',interface='org.gnome.Mutter.IdleMonitor'",
    "type='signal',interface='org.gnome.SessionManager'",
    "type='signal',interface='org.kde.Solid.PowerManagement.PolicyAgent'",
    "type='signal',interface='com.feralinteractive.GameMode'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.gnome.Mutter.IdleMonitor'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.gnome.SessionManager'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',\
     arg0='org.kde.Solid.PowerManagement.PolicyAgent'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='com.feralinteractive.GameMode'",
];

/// After this long without input a hand is off the keyboard, and its next touch is told.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MS: u64 = 1000;

/// GNOME's flag for those who keep the session from idling.
const GNOME_IDLE: u32 = 8;
/// KDE's flag for those who keep the screen on. Its flag for those who forbid sleep, 1, is what a download takes: nobody
/// need be there.
const KDE_SCREEN: u32 = 4;

/// The idle monitor's watches that are set. It keeps each one for as long as our connection lives: none is set twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Watches {
    /// Fires again and again, each time the user pauses.
    idle: Option<u32>,
    /// Fires once, with the next input.
    active: Option<u32>,
    /// Those that fired since a look was last learned from, and whether it was known what for.
    fired: BTreeMap<u32, bool>,
    /// Grows with each new monitor, which knows nothing of the watches of the one before.
    era: u32,
}

impl Watches {
    /// One fired. What nobody knows is being set just now, and the look that sets it tells; or its number came too late
    /// to be heard, and then it is no sign of a hand.
    fn fire(&mut self, id: u32) -> Heard {
        if self.idle == Some(id) {
            return Heard::Paused;
        }
        let known = self.active.take_if(|active| *active == id).is_some();
        *self.fired.entry(id).or_default() |= known;
        if known { Heard::Active } else { Heard::Changed }
    }

    /// Takes what a look has set; meanwhile a watch may have fired, or the monitor gone. True where the one for the next
    /// touch fired before anybody knew its number.
    fn take(&mut self, set: &Self) -> bool {
        if set.era != self.era {
            return false;
        }
        let fired = std::mem::take(&mut self.fired);
        let told = set.active.and_then(|id| fired.get(&id).copied());
        self.idle = set.idle;
        self.active = set.active.filter(|_| told.is_none());
        told == Some(false)
    }

    fn forget(&mut self) {
        *self = Self {
            era: self.era.wrapping_add(1),
            ..Self::default()
        };
    }
}

/// The watches that are set by now, also where the rest was not answered: they fire all the same.
type Watched = (Watches, Result<Duration, Trouble>);

/// Who keeps the screen on, or plays.
struct Inhibitors {
    gnome: Result<bool, Trouble>,
    kde: Result<bool, Trouble>,
    games: Result<bool, Trouble>,
}

/// Until the bus goes, or does not answer: the answer says why.
pub(super) async fn follow(address: &str, ears: &Ears) -> Trouble {
    match attend(address, ears).await {
        Ok(never) => match never {},
        Err(trouble) => trouble,
    }
}

async fn attend(address: &str, ears: &Ears) -> Result<std::convert::Infallible, Trouble> {
    let connection = bus::connect(address).await?;
    let mut heard = MessageStream::from(&connection);
    bus::listen(&connection, &RULES).await?;
    let mut watches = Watches::default();
    // In two parts: a touch must be told however long the others take to answer.
    let mut watching: JoinSet<Result<Watched, Trouble>> = JoinSet::new();
    let mut asking: JoinSet<Result<Inhibitors, Trouble>> = JoinSet::new();
    let mut pace = Pace::now();
    loop {
        tokio::select! {
            biased;
            message = heard.next() => match message {
                Some(Ok(message)) => {
                    let what = judge(&message, &mut watches, ears);
                    ears.take(what);
                    pace.heard(what);
                }
                Some(Err(error)) => tracing::debug!(%error, "a message of the session bus makes no sense"),
                None => return Err(Trouble::unknown("hung up")),
            },
            Some(looked) = watching.join_next() => {
                let (set, idle) = looked.map_err(|error| failed(&error))??;
                // A watch of which nobody knows goes with the connection.
                if set.idle.is_none() && idle == Err(Trouble::silent()) {
                    return Err(Trouble::silent());
                }
                learn_idle(&set, idle, &mut watches, ears);
            }
            Some(looked) = asking.join_next() => learn_inhibitors(looked.map_err(|error| failed(&error))??, ears),
            () = pace.wait(), if watching.is_empty() => {
                pace.began();
                watching.spawn(watch(connection.clone(), watches.clone()));
                if asking.is_empty() {
                    asking.spawn(inhibitors(connection.clone()));
                }
            }
        }
    }
}

fn failed(error: &JoinError) -> Trouble {
    Trouble::unknown(format!("failed: {error}"))
}

/// One signal, judged at once.
fn judge(message: &Message, watches: &mut Watches, ears: &Ears) -> Heard {
    let Some((interface, member, _)) = signal(message) else {
        return Heard::Nothing;
    };
    match (interface.as_str(), member.as_str()) {
        (MUTTER, "WatchFired") => match message.body().deserialize::<u32>() {
            Ok(id) => fired(watches.fire(id), ears),
            Err(_) => Heard::Changed,
        },
        ("org.freedesktop.DBus", "NameOwnerChanged") => {
            let body = message.body();
            let changed = body.deserialize::<(String, String, String)>();
            if changed.is_ok_and(|(name, ..)| name == MUTTER) {
                watches.forget();
            }
            Heard::Changed
        }
        (GNOME | KDE | GAMEMODE, _) => Heard::Changed,
        _ => Heard::Nothing,
    }
}

/// A watch fired, and means this.
fn fired(what: Heard, ears: &Ears) -> Heard {
    let idle = match what {
        Heard::Paused => {
            let since = clock::monotonic().checked_sub(PAUSE);
            // The watch for the next touch is set by a look, at once.
            Some(since.map_or(Idle::Active, Idle::Since))
        }
        Heard::Active => Some(Idle::Active),
        Heard::Nothing | Heard::Changed | Heard::Told(_) => None,
    };
    if let Some(idle) = idle {
        ears.said.set_idle(Source::Mutter, idle);
    }
    what
}

fn there(names: &[String], name: &str) -> Result<(), Trouble> {
    if names.iter().any(|there| there == name) {
        Ok(())
    } else {
        Err(Trouble::Absent("is not on the session's bus".to_owned()))
    }
}

async fn inhibitors(connection: Connection) -> Result<Inhibitors, Trouble> {
    let names = bus::names(&connection).await?;
    let asked = async |name, path, method, flags: u32| -> Result<bool, Trouble> {
        there(&names, name)?;
        let service = Service { name, path };
        service.ask(&connection, name, method, &(flags,)).await
    };
    let gnome = asked(
        GNOME,
        "/org/gnome/SessionManager",
        "IsInhibited",
        GNOME_IDLE,
    );
    let kde_path = "/org/kde/Solid/PowerManagement/PolicyAgent";
    let kde = asked(KDE, kde_path, "HasInhibition", KDE_SCREEN);
    let games = match there(&names, GAMEMODE) {
        Ok(()) => played(&connection).await,
        Err(trouble) => Err(trouble),
    };
    Ok(Inhibitors {
        gnome: gnome.await,
        kde: kde.await,
        games,
    })
}

/// Whether any program has told the daemon of games that it is one.
async fn played(connection: &Connection) -> Result<bool, Trouble> {
    let daemon = Service {
        name: GAMEMODE,
        path: "/com/feralinteractive/GameMode",
    };
    let all = daemon.properties(connection, GAMEMODE).await?;
    let games = all.get("ClientCount").and_then(|n| i32::try_from(n).ok());
    games
        .map(|games| games > 0)
        .ok_or_else(|| Trouble::unknown("does not say how many games run"))
}

/// Sets the watches that are missing, and asks for how long nobody gave input.
async fn watch(connection: Connection, mut set: Watches) -> Result<Watched, Trouble> {
    let names = bus::names(&connection).await?;
    let idle = match there(&names, MUTTER) {
        Ok(()) => idle(&connection, &mut set).await,
        Err(trouble) => Err(trouble),
    };
    Ok((set, idle))
}

/// What is set before an answer fails to come stays in `set`.
async fn idle(connection: &Connection, set: &mut Watches) -> Result<Duration, Trouble> {
    let monitor = Service {
        name: MUTTER,
        path: "/org/gnome/Mutter/IdleMonitor/Core",
    };
    if set.idle.is_none() {
        let asked = monitor.ask(connection, MUTTER, "AddIdleWatch", &(PAUSE_MS,));
        set.idle = Some(asked.await?);
    }
    let ask_idle = async || -> Result<u64, Trouble> {
        monitor.ask(connection, MUTTER, "GetIdletime", &()).await
    };
    let mut idle = ask_idle().await?;
    // While somebody types the watch would fire with every key.
    if set.active.is_none() && idle >= PAUSE_MS {
        let asked = monitor.ask(connection, MUTTER, "AddUserActiveWatch", &());
        set.active = Some(asked.await?);
        // A touch before the watch was set shows here, one after it fires.
        idle = ask_idle().await?;
    }
    Ok(Duration::from_millis(idle))
}

fn learn_idle(set: &Watches, idle: Result<Duration, Trouble>, watches: &mut Watches, ears: &Ears) {
    let now = clock::monotonic();
    let touched = watches.take(set);
    let idle = idle.map(|idle| {
        if touched {
            Idle::Active
        } else {
            since(idle, now)
        }
    });
    let before = ears.said.idle_of(Source::Mutter);
    // A touch between the pause and the watch for the next one.
    if touched || idle.as_ref().is_ok_and(|idle| missed(before, *idle)) {
        ears.take(Heard::Active);
    }
    let word = match idle {
        Ok(idle) => Word {
            idle: Some(idle),
            ..Word::live()
        },
        Err(trouble) => {
            // One that is only slow still has our watches.
            if matches!(trouble, Trouble::Absent(_)) {
                watches.forget();
            }
            Word::of(trouble.answer())
        }
    };
    ears.word(Source::Mutter, word);
}

fn learn_inhibitors(found: Inhibitors, ears: &Ears) {
    let Inhibitors { gnome, kde, games } = found;
    let doing = |answer: Result<bool, Trouble>, what: &str| match answer {
        Ok(done) => Word {
            doing: done.then(|| what.to_owned()),
            ..Word::of(Answer::Live)
        },
        Err(trouble) => Word::of(trouble.answer()),
    };
    let on_gnome = "an application keeps GNOME's session from idling";
    let on_kde = "an application keeps the screen from idling";
    ears.word(Source::GnomeSession, doing(gnome, on_gnome));
    ears.word(Source::KdePower, doing(kde, on_kde));
    ears.word(Source::GameMode, doing(games, "a game runs"));
}

fn since(idle: Duration, now: Instant) -> Idle {
    if idle < PAUSE {
        return Idle::Active;
    }
    // Longer than this machine's clock has run: all of it.
    now.checked_sub(idle).map_or(Idle::Active, Idle::Since)
}

/// Whether somebody touched something since `before` was told.
fn missed(before: Option<Idle>, now: Idle) -> bool {
    match (before, now) {
        (Some(Idle::Since(_)), Idle::Active) => true,
        // What is asked and what was told differ by the time that the telling took.
        (Some(Idle::Since(before)), Idle::Since(now)) => now > before + PAUSE,
        (Some(Idle::Active) | None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touch_that_no_watch_told_is_found_by_the_next_question() {
        let now = clock::monotonic();
        let later = |seconds| Idle::Since(now + Duration::from_secs(seconds));
        for (before, asked, expected) in [
            (None, Idle::Active, false),
            (Some(Idle::Active), Idle::Active, false),
            (Some(Idle::Active), later(0), false),
            (Some(later(0)), later(0), false),
            (Some(later(0)), Idle::Active, true),
            (Some(later(0)), later(5), true),
        ] {
            assert_eq!(missed(before, asked), expected, "{before:?} {asked:?}");
        }
    }

    #[test]
    fn a_watch_that_fired_while_it_was_being_set_is_not_waited_for() {
        let mut watches = Watches::default();
        let set = Watches {
            idle: Some(1),
            active: Some(2),
            ..watches.clone()
        };
        assert_eq!(watches.fire(2), Heard::Changed, "nobody knows its number");
        assert!(watches.take(&set), "it is told now");
        assert_eq!((watches.idle, watches.active), (Some(1), None));
        watches.forget();
        assert!(!watches.take(&set));
        assert_eq!(watches.idle, None, "the monitor that set it is gone");
    }

    #[test]
    fn a_watch_that_is_nobodys_is_no_hand_and_a_touch_is_told_once() {
        let mut watches = Watches {
            idle: Some(1),
            active: Some(2),
            ..Watches::default()
        };
        let began = watches.clone();
        assert_eq!(watches.fire(1), Heard::Paused);
        assert_eq!(watches.fire(2), Heard::Active);
        assert_eq!(watches.fire(2), Heard::Changed, "it fires once");
        // One whose number a slow answer kept from us, with every pause.
        for _ in 0..3 {
            assert_eq!(watches.fire(9), Heard::Changed);
        }
        assert!(!watches.take(&began), "the touch was told when it fired");
        let set = Watches {
            active: Some(3),
            ..watches.clone()
        };
        assert!(!watches.take(&set));
        assert_eq!((watches.idle, watches.active), (Some(1), Some(3)));
    }

    #[test]
    fn a_pause_longer_than_the_clock_is_no_reason_to_panic() {
        let now = clock::monotonic();
        assert_eq!(since(Duration::from_millis(999), now), Idle::Active);
        assert_eq!(since(Duration::MAX, now), Idle::Active);
    }
}
