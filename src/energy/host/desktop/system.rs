//! The machine's bus, followed: the login manager's signals the moment they come, and a look now and then for what no
//! signal told.

use futures_util::StreamExt;
use tokio::task::JoinSet;
use zbus::{Connection, MessageStream};

use super::bus::{self, Trouble};
use super::said::{Answer, Source, Word};
use super::{Ears, Heard, Pace, logind, signal, upower};
use crate::clock;

const RULES: [&str; 4] = [
    "type='signal',sender='org.freedesktop.login1'",
    "type='signal',sender='org.freedesktop.UPower',path='/org/freedesktop/UPower'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.login1'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.UPower'",
];

struct Look {
    logind: Result<logind::Facts, Trouble>,
    upower: Result<crate::energy::Power, Trouble>,
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
    // Before the rules: what comes between the two is heard.
    let mut heard = MessageStream::from(&connection);
    bus::listen(&connection, &RULES).await?;
    let mut known = logind::Known::new(nix::unistd::getuid().as_raw());
    let mut looks: JoinSet<Result<Look, Trouble>> = JoinSet::new();
    let mut pace = Pace::now();
    loop {
        tokio::select! {
            biased;
            message = heard.next() => match message {
                Some(Ok(message)) => {
                    let what = if is_power(&message) { Heard::Changed } else { known.heard(&message) };
                    ears.take(what);
                    pace.heard(what);
                }
                Some(Err(error)) => tracing::debug!(%error, "a message of the system bus makes no sense"),
                None => return Err(Trouble::unknown("hung up")),
            },
            Some(looked) = looks.join_next() => {
                // A look that panicked found nothing out.
                let look = looked.map_err(|error| Trouble::unknown(format!("failed: {error}")))??;
                learn(look, &mut known, ears);
            }
            () = pace.wait(), if looks.is_empty() => {
                pace.began();
                looks.spawn(look(connection.clone()));
            }
        }
    }
}

fn is_power(message: &zbus::Message) -> bool {
    signal(message).is_some_and(|(interface, _, path)| {
        path == "/org/freedesktop/UPower" || interface == "org.freedesktop.DBus"
    })
}

async fn look(connection: Connection) -> Result<Look, Trouble> {
    let names = bus::names(&connection).await?;
    let there = |name: &str| {
        if names.iter().any(|there| there == name) {
            Ok(())
        } else {
            Err(Trouble::Absent("is not on the system's bus".to_owned()))
        }
    };
    let logind = match there(logind::NAME) {
        Ok(()) => logind::look(&connection).await,
        Err(trouble) => Err(trouble),
    };
    let upower = match there(upower::NAME) {
        Ok(()) => upower::look(&connection).await,
        Err(trouble) => Err(trouble),
    };
    Ok(Look { logind, upower })
}

fn learn(look: Look, known: &mut logind::Known, ears: &Ears) {
    let word = match look.logind {
        Ok(facts) => {
            let (word, missed) = known.learn(facts, clock::monotonic());
            ears.take(missed);
            word
        }
        Err(trouble) => Word::of(trouble.answer()),
    };
    ears.word(Source::Logind, word);
    let word = match look.upower {
        Ok(power) => Word {
            power: Some(power),
            ..Word::of(Answer::Live)
        },
        Err(trouble) => Word::of(trouble.answer()),
    };
    ears.word(Source::UPower, word);
}
