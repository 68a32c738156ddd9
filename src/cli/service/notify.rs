//! What a service manager is told: that we are up, what we do, that we still live, that we stop. One datagram each to
//! the socket that systemd names; where it names none, nothing is said.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::config::Sources;

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

    /// How often to say that we live: twice in the time after which the manager gives us up.
    pub(super) fn every(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
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
        let told = manager(&[
            ("NOTIFY_SOCKET", path.to_str().expect("a name")),
            ("WATCHDOG_USEC", "10000000"),
        ]);
        assert_eq!(told.every(), Some(Duration::from_secs(5)));
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
        assert_eq!(other.every(), None);
    }
}
