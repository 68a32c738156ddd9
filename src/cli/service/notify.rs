//! What a service manager is told: that we are up, what we do, that we still live, that we stop. One datagram each to
//! the socket that systemd names; where it names none, nothing is said.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::Interval;

use crate::config::Sources;

/// An event loop that has not come round for this long is late: it never waits for anything.
const ANSWERS: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The manager that started this process, as NOTIFY_SOCKET and WATCHDOG_USEC name it.
    pub(super) fn of(sources: &Sources) -> Self {
        let address = sources.variable("NOTIFY_SOCKET").and_then(address);
        let socket = address.and_then(|address| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, address))
        });
        // Meant for this process alone, where it says so.
        let pid = std::process::id().to_string();
        let meant = sources
            .variable("WATCHDOG_PID")
            .is_none_or(|wanted| wanted == pid);
        let micros: Option<u64> = sources
            .variable("WATCHDOG_USEC")
            .filter(|_| meant)
            .and_then(|text| text.parse().ok());
        Self {
            socket,
            watchdog: micros.filter(|n| *n > 0).map(Duration::from_micros),
        }
    }

    /// When to say that we live.
    pub(super) fn pulse(&self) -> Pulse {
        // Twice in the time after which the manager gives us up.
        let every = self.watchdog.map(|limit| limit / 2);
        Pulse {
            ticks: every.map(tokio::time::interval),
            patience: every.map_or(ANSWERS, |every| ANSWERS.min(every / 4)),
        }
    }

    pub(super) fn ready(&self) {
        self.say("READY=1");
    }

    pub(super) fn status(&self, text: &str) {
        // A line of its own could say something else.
        self.say(&format!("STATUS={}", text.replace('\n', " ")));
    }

    pub(super) fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    pub(super) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, what: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), address)
        {
            tracing::debug!(%error, what, "the service manager does not hear");
        }
    }
}

/// The moments at which the manager is to hear that we live; none where it does not ask.
#[derive(Debug)]
pub(super) struct Pulse {
    ticks: Option<Interval>,
    patience: Duration,
}

impl Pulse {
    /// Returns at the next of them.
    pub(super) async fn due(&mut self) {
        match &mut self.ticks {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Whether the event loop comes round in time. Where it does not, the next moment is near: it may be late once, and at
    /// the usual moment the manager's time is over.
    pub(super) async fn lives(&mut self, comes_round: impl Future<Output = bool>) -> bool {
        let lives = tokio::time::timeout(self.patience, comes_round).await == Ok(true);
        if let (false, Some(ticks)) = (lives, &mut self.ticks) {
            ticks.reset_after(self.patience);
        }
        lives
    }
}

fn address(name: &str) -> Option<SocketAddr> {
    match name.strip_prefix('@') {
        Some(abstracted) => SocketAddr::from_abstract_name(abstracted).ok(),
        None if name.starts_with('/') => SocketAddr::from_pathname(name).ok(),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn manager(pairs: &[(&str, &str)]) -> Manager {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.into()));
        Manager::of(&Sources {
            env: env.collect(),
            ..Sources::default()
        })
    }

    #[test]
    fn the_manager_hears_what_is_said_in_the_order_in_which_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let listening = UnixDatagram::bind(&path).expect("a socket");
        let told = manager(&[("NOTIFY_SOCKET", path.to_str().expect("a name"))]);
        told.ready();
        told.status("dreaming\nREADY=0");
        told.alive();
        told.stopping();
        let mut heard = Vec::new();
        for _ in 0..4 {
            let mut buffer = [0; 100];
            let length = listening.recv(&mut buffer).expect("it was said");
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        let expected = [
            "READY=1",
            "STATUS=dreaming READY=0",
            "WATCHDOG=1",
            "STOPPING=1",
        ];
        assert_eq!(heard, expected);
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_nothing_fails() {
        manager(&[]).ready();
        manager(&[("NOTIFY_SOCKET", "relative")]).ready();
        let other = manager(&[("WATCHDOG_USEC", "10"), ("WATCHDOG_PID", "1")]);
        assert!(other.pulse().ticks.is_none(), "another process is meant");
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_is_late_once_is_asked_again_before_the_manager_gives_us_up() {
        let mut pulse = manager(&[("WATCHDOG_USEC", "30000000")]).pulse();
        pulse.due().await;
        assert!(pulse.lives(async { true }).await);
        let said = clock::monotonic();
        pulse.due().await;
        assert!(said.elapsed() >= Duration::from_secs(15), "half its time");
        assert!(!pulse.lives(std::future::pending()).await);
        pulse.due().await;
        assert!(pulse.lives(async { true }).await);
        let again = said.elapsed();
        assert!(again < Duration::from_secs(20), "{again:?}");
        let usual = clock::monotonic();
        pulse.due().await;
        assert!(usual.elapsed() >= Duration::from_secs(15));
    }
}
