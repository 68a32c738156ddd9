//! The bus of the user's session, followed: Mutter's idle monitor, whose watches fire the moment somebody is back, and
//! the session managers that know who keeps the screen on.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::JoinSet;
use zbus::{Connection, Message, MessageStream};

use super::bus::{self, Service, Trouble};
use super::said::{Answer, Idle, Source, Word};
use super::{Ears, Heard, Pace, signal};
use crate::clock::{self, Instant};

const MUTTER: &str = "org.gnome.Mutter.IdleMonitor";
const GNOME: &str = "org.gnome.SessionManager";
const KDE: &str = "org.kde.Solid.PowerManagement.PolicyAgent";

const RULES: [&str; 6] = [
    "type='signal',interface='org.gnome.Mutter.IdleMonitor'",
    "type='signal',interface='org.gnome.SessionManager'",
    "type='signal',interface='org.kde.Solid.PowerManagement.PolicyAgent'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.gnome.Mutter.IdleMonitor'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.gnome.SessionManager'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',\
     arg0='org.kde.Solid.PowerManagement.PolicyAgent'",
];

/// After this long without input a hand is off the keyboard, and its next touch is told.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MS: u64 = 1000;

/// GNOME's flag for those who keep the session from idling.
const GNOME_IDLE: u32 = 8;
/// KDE's flags: interrupting the session, changing the screen.
const KDE_SCREEN: u32 = 1 | 4;

/// The idle monitor's watches that are set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Watches {
    /// Fires again and again, each time the user pauses.
    idle: Option<u32>,
    /// Fires once, with the next input.
    active: Option<u32>,
    /// The last one of those that fired.
    fired: Option<u32>,
    /// Grows with each new monitor, which knows nothing of the watches of the one before.
    era: u32,
}

impl Watches {
    /// Takes what a look has set; meanwhile a watch may have fired, or the monitor gone.
    fn take(&mut self, set: Self) {
        if set.era == self.era {
            self.idle = set.idle;
            self.active = set.active.filter(|id| self.fired != Some(*id));
        }
    }

    fn forget(&mut self) {
        *self = Self {
            era: self.era.wrapping_add(1),
            ..Self::default()
        };
    }
}

struct Look {
    mutter: Result<(Watches, Duration), Trouble>,
    gnome: Result<bool, Trouble>,
    kde: Result<bool, Trouble>,
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
    let mut looks: JoinSet<Result<Look, Trouble>> = JoinSet::new();
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
            Some(looked) = looks.join_next() => {
                let look = looked.map_err(|error| Trouble::unknown(format!("failed: {error}")))??;
                learn(look, &mut watches, ears);
            }
            () = pace.wait(), if looks.is_empty() => {
                pace.began();
                looks.spawn(look(connection.clone(), watches));
            }
        }
    }
}

/// One signal, judged at once.
fn judge(message: &Message, watches: &mut Watches, ears: &Ears) -> Heard {
    let Some((interface, member, _)) = signal(message) else {
        return Heard::Nothing;
    };
    match (interface.as_str(), member.as_str()) {
        (MUTTER, "WatchFired") => match message.body().deserialize::<u32>() {
            Ok(id) if watches.idle == Some(id) => {
                let since = clock::monotonic().checked_sub(PAUSE);
                let idle = since.map_or(Idle::Active, Idle::Since);
                ears.said.set_idle(Source::Mutter, idle);
                // The watch for the next touch is set by a look, at once.
                Heard::Paused
            }
            Ok(id) => {
                watches.active = None;
                watches.fired = Some(id);
                ears.said.set_idle(Source::Mutter, Idle::Active);
                Heard::Active
            }
            Err(_) => Heard::Changed,
        },
        ("org.freedesktop.DBus", "NameOwnerChanged") => {
            watches.forget();
            Heard::Changed
        }
        (GNOME | KDE, _) => Heard::Changed,
        _ => Heard::Nothing,
    }
}

async fn look(connection: Connection, watches: Watches) -> Result<Look, Trouble> {
    let names = bus::names(&connection).await?;
    let there = |name: &str| {
        if names.iter().any(|there| there == name) {
            Ok(())
        } else {
            Err(Trouble::Absent("is not on the session's bus".to_owned()))
        }
    };
    let inhibited = async |name, path, method, flags: u32| -> Result<bool, Trouble> {
        there(name)?;
        let service = Service { name, path };
        service.ask(&connection, name, method, &(flags,)).await
    };
    let mutter = match there(MUTTER) {
        Ok(()) => watch(&connection, watches).await,
        Err(trouble) => Err(trouble),
    };
    let gnome = inhibited(
        GNOME,
        "/org/gnome/SessionManager",
        "IsInhibited",
        GNOME_IDLE,
    );
    let kde_path = "/org/kde/Solid/PowerManagement/PolicyAgent";
    let kde = inhibited(KDE, kde_path, "HasInhibition", KDE_SCREEN);
    let (gnome, kde) = (gnome.await, kde.await);
    Ok(Look { mutter, gnome, kde })
}

/// Sets the watches that are missing, and asks for how long nobody gave input.
async fn watch(
    connection: &Connection,
    mut watches: Watches,
) -> Result<(Watches, Duration), Trouble> {
    let monitor = Service {
        name: MUTTER,
        path: "/org/gnome/Mutter/IdleMonitor/Core",
    };
    if watches.idle.is_none() {
        let set = monitor.ask(connection, MUTTER, "AddIdleWatch", &(PAUSE_MS,));
        watches.idle = Some(set.await?);
    }
    let ask_idle = async || -> Result<u64, Trouble> {
        monitor.ask(connection, MUTTER, "GetIdletime", &()).await
    };
    let mut idle = ask_idle().await?;
    // While somebody types the watch would fire with every key.
    if watches.active.is_none() && idle >= PAUSE_MS {
        let set = monitor.ask(connection, MUTTER, "AddUserActiveWatch", &());
        watches.active = Some(set.await?);
        // A touch before the watch was set shows here, one after it fires.
        idle = ask_idle().await?;
    }
    Ok((watches, Duration::from_millis(idle)))
}

fn learn(look: Look, watches: &mut Watches, ears: &Ears) {
    let now = clock::monotonic();
    let mutter = match look.mutter {
        Ok((set, idle)) => {
            watches.take(set);
            let idle = since(idle, now);
            // A touch between the pause and the watch for the next one.
            if missed(ears.said.idle_of(Source::Mutter), idle) {
                ears.take(Heard::Active);
            }
            Word {
                idle: Some(idle),
                ..Word::live()
            }
        }
        Err(trouble) => {
            watches.forget();
            Word::of(trouble.answer())
        }
    };
    ears.word(Source::Mutter, mutter);
    let held = |answer: Result<bool, Trouble>, who: &str| match answer {
        Ok(held) => Word {
            doing: held.then(|| format!("an application keeps {who} from idling")),
            ..Word::of(Answer::Live)
        },
        Err(trouble) => Word::of(trouble.answer()),
    };
    ears.word(Source::GnomeSession, held(look.gnome, "GNOME's session"));
    ears.word(Source::KdePower, held(look.kde, "the screen"));
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
            ..watches
        };
        watches.fired = Some(2);
        watches.take(set);
        assert_eq!((watches.idle, watches.active), (Some(1), None));
        watches.forget();
        watches.take(set);
        assert_eq!(watches.idle, None, "the monitor that set it is gone");
    }

    #[test]
    fn a_pause_longer_than_the_clock_is_no_reason_to_panic() {
        let now = clock::monotonic();
        assert_eq!(since(Duration::from_millis(999), now), Idle::Active);
        assert_eq!(since(Duration::MAX, now), Idle::Active);
    }
}
