//! The senses on the real machine: a pty, real nodes, real processes.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use dreamer::clock;
use dreamer::energy::host::HostSenses;
use dreamer::energy::{EnergyManager, Notice, OwnWork};
use dreamer::tree::Tree;
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

/// A terminal whose program reads every key at once, as a shell does.
pub(crate) struct Typist {
    master: PtyMaster,
    read: mpsc::Receiver<()>,
}

impl Typist {
    pub(crate) fn sit_down() -> Self {
        let master =
            posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a pty");
        grantpt(&master).expect("it is granted");
        unlockpt(&master).expect("it is unlocked");
        let name = ptsname_r(&master).expect("it has a name");
        let slave = std::fs::File::options()
            .read(true)
            .write(true)
            .open(name)
            .expect("the other side opens");
        let mut modes = nix::sys::termios::tcgetattr(slave.as_fd()).expect("it is a terminal");
        nix::sys::termios::cfmakeraw(&mut modes);
        nix::sys::termios::tcsetattr(&slave, nix::sys::termios::SetArg::TCSANOW, &modes)
            .expect("it is raw");
        let (sender, read) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut slave, mut key) = (slave, [0; 1]);
            while let Ok(1) = slave.read(&mut key) {
                if sender.send(()).is_err() {
                    break;
                }
            }
        });
        Self { master, read }
    }

    /// Presses a key and waits until the program in the terminal has read it.
    pub(crate) fn press(&mut self) {
        self.master.write_all(b"x").expect("the key is pressed");
        self.read
            .recv_timeout(Duration::from_secs(5))
            .expect("the program reads");
    }
}

#[test]
fn a_key_in_a_terminal_is_noticed_at_once() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let senses = HostSenses::new(Arc::new(Tree::without_groups(0)), OwnWork::new());
    let energy = EnergyManager::new(Box::new(senses));
    let (sender, noticed) = mpsc::channel();
    energy.register_alert_callback(Arc::new(move |notice| {
        sender.send(notice.clone()).ok();
    }));
    energy.start_monitoring();
    // Made after the start: logins come and go.
    let mut typist = Typist::sit_down();
    // The list is read anew when the terminal appears; its first key may come before that and is found by a look.
    std::thread::sleep(Duration::from_millis(50));
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        while noticed.try_recv().is_ok() {}
        let before = clock::monotonic();
        typist.press();
        let notice = noticed
            .recv_timeout(Duration::from_secs(5))
            .expect("it is noticed");
        assert_eq!(notice.what, Notice::Key);
        slowest = slowest.max(notice.at.saturating_duration_since(before));
    }
    let looked = energy.measure(clock::monotonic());
    let ago = looked.presence.last_input.expect("there was input");
    assert!(ago < Duration::from_secs(2), "{ago:?}");
    // A fraction of a millisecond on a quiet machine; a loaded one may take its time.
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    energy.stop_monitoring();
    typist.press();
    while noticed.try_recv().is_ok() {}
    typist.press();
    assert!(
        noticed.recv_timeout(Duration::from_millis(50)).is_err(),
        "nobody listens"
    );
    println!("the slowest of 20 keys was noticed after {slowest:?}");
}
