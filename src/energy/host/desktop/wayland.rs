//! A Wayland compositor with `ext-idle-notify-v1`, followed: it tells when somebody paused, and the moment somebody is
//! back. Opens no window and sees no key.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::sleep_until;

use super::bus::{DEADLINE, Trouble, within};
use super::said::{Answer, Source, Word};
use super::{Ears, Heard, LOOK};
use crate::clock;

mod protocol;

use protocol::{Compositor, Told};

/// Compositors that are looked for where none is named.
const MOST_DISPLAYS: u32 = 8;

/// One read: some dozens of messages.
const BUFFER: usize = 4096;

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A socket that nobody serves is what a compositor leaves that has ended.
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Self::Absent("no compositor listens there".to_owned())
            }
            _ => Self::unknown(format!("broke off: {error}")),
        }
    }
}

/// Until the compositor goes, or does not answer: the answer says why.
pub(super) async fn follow(folder: &Path, display: Option<&str>, ears: &Ears) -> Trouble {
    let Some(socket) = socket(folder, display) else {
        return Trouble::Absent("there is no compositor's socket".to_owned());
    };
    match attend(&socket, ears).await {
        Ok(never) => match never {},
        Err(trouble) => trouble,
    }
}

/// The socket that is named, or the first one that is there: a service is older than the desktop that could name it.
fn socket(folder: &Path, display: Option<&str>) -> Option<PathBuf> {
    if let Some(display) = display {
        return Some(folder.join(display));
    }
    let numbers = 0..MOST_DISPLAYS;
    numbers
        .map(|n| folder.join(format!("wayland-{n}")))
        .find(|path| path.exists())
}

/// How long after the first question it is known whether an application keeps the screen on.
pub(in crate::energy::host) const HELD_AFTER: std::time::Duration =
    protocol::PAUSE.saturating_add(protocol::APART);

async fn attend(socket: &Path, ears: &Ears) -> Result<std::convert::Infallible, Trouble> {
    let mut stream = within(UnixStream::connect(socket)).await?;
    let mut compositor = Compositor::new();
    let mut buffer = vec![0; BUFFER];
    // When an answer is due, or when to ask for the next sign of life.
    let (mut waits, mut due) = (true, clock::monotonic() + DEADLINE);
    // When a seat that is held back shows it, and when one shows that was still before.
    let mut held = [None; 2];
    loop {
        if !compositor.out.is_empty() {
            let out = std::mem::take(&mut compositor.out);
            within(stream.write_all(&out)).await?;
        }
        let shown = held.iter().flatten().min().copied();
        tokio::select! {
            biased;
            read = stream.read(&mut buffer) => {
                let read = read?;
                if read == 0 {
                    return Err(Trouble::unknown("hung up"));
                }
                let now = clock::monotonic();
                let told = compositor.hear(&buffer[..read], now).map_err(Trouble::Unknown)?;
                if told.contains(&Told::Answered) {
                    (waits, due) = (false, now + LOOK);
                }
                if told.contains(&Told::Back) {
                    ears.take(Heard::Active);
                }
                held = [Some(now + protocol::PAUSE + protocol::APART), compositor.held_from()];
                tell(&compositor, waits, ears);
            }
            () = sleep_until(due) => {
                if waits {
                    return Err(Trouble::silent());
                }
                compositor.ask();
                (waits, due) = (true, clock::monotonic() + DEADLINE);
            }
            () = sleep_until(shown.unwrap_or(due)), if shown.is_some() => {
                let now = clock::monotonic();
                held = held.map(|at| at.filter(|at| *at > now));
                tell(&compositor, waits, ears);
            }
        }
    }
}

/// Writes down what the compositor is known to say, once it has said all.
fn tell(compositor: &Compositor, waits: bool, ears: &Ears) {
    if compositor.can_tell() {
        let now = clock::monotonic();
        let somebody = compositor.is_held(now);
        let (idle, still_since) = compositor.quiet(now);
        let word = Word {
            idle,
            still_since,
            doing: somebody.then(|| "an application keeps the screen on".to_owned()),
            ..Word::live()
        };
        ears.word(Source::Wayland, word);
    } else if !waits {
        let absent = Answer::Absent("does not offer ext-idle-notify-v1".to_owned());
        ears.word(Source::Wayland, Word::of(absent));
    }
}
