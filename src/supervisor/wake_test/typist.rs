//! A person at a terminal, as far as a machine can tell: a pty with a program that reads every key. Called by the wake
//! test.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

/// A program that does nothing else reads a key at once; a machine that starves it is broken.
const READ: Duration = Duration::from_secs(5);

/// A terminal whose program reads every key at once, as a shell does.
#[derive(Debug)]
pub struct Typist {
    master: PtyMaster,
    read: mpsc::Receiver<()>,
}

impl Typist {
    /// # Errors
    /// Where the system gives no pty.
    pub fn sit_down() -> io::Result<Self> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname_r(&master)?;
        let mut program = std::fs::File::options().read(true).write(true).open(name)?;
        let mut modes = tcgetattr(program.as_fd())?;
        cfmakeraw(&mut modes);
        tcsetattr(&program, SetArg::TCSANOW, &modes)?;
        let (sender, read) = mpsc::channel();
        // Ends with the terminal, which ends with its master.
        drop(std::thread::spawn(move || {
            let mut key = [0; 1];
            while let Ok(1) = program.read(&mut key) {
                if sender.send(()).is_err() {
                    break;
                }
            }
        }));
        Ok(Self { master, read })
    }

    /// Presses a key and waits until the program in the terminal has read it.
    ///
    /// # Errors
    /// Where nobody reads.
    pub fn press(&mut self) -> io::Result<()> {
        self.master.write_all(b"x")?;
        self.read
            .recv_timeout(READ)
            .map_err(|error| io::Error::new(io::ErrorKind::TimedOut, error))
    }
}
