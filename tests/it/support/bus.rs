//! A private D-Bus with stand-ins for the desktop's services, and buses that misbehave. Used by the tests of the senses.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::{World, left_out};

const STAND_IN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/desktop/stand_in.py"
);

/// A bus of the world's own, without any service.
pub(crate) struct Bus {
    daemon: Child,
    pub(crate) address: String,
    path: PathBuf,
}

impl Bus {
    /// `None` where no bus can be started.
    pub(crate) fn start(world: &World) -> Option<Self> {
        let path = world.path().join("bus");
        let config = world.write(
            "bus.conf",
            format!(
                "<busconfig><type>session</type><listen>unix:path={}</listen><policy context=\"default\">\
                 <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
                 </policy></busconfig>",
                path.display()
            ),
        );
        let daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let Ok(daemon) = daemon else {
            left_out("a D-Bus", "dbus-daemon is not installed");
            return None;
        };
        for _ in 0..500 {
            if UnixStream::connect(&path).is_ok() {
                return Some(Self {
                    daemon,
                    address: format!("unix:path={}", path.display()),
                    path,
                });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the bus does not come up");
    }

    /// The bus goes away, as with its daemon's death.
    pub(crate) fn stop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
        fs::remove_file(&self.path).ok();
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The desktop's services on a bus, played by python3-dbusmock.
pub(crate) struct StandIn {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl StandIn {
    /// `services`: `logind`, `upower`, `mutter`, `gnome`, `kde`. `None` where python3-dbusmock is not installed.
    pub(crate) fn start(bus: &Bus, services: &[&str]) -> Option<Self> {
        let there = Command::new("/usr/bin/python3")
            .args(["-c", "import dbusmock"])
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            left_out("a desktop on D-Bus", "python3-dbusmock is not installed");
            return None;
        }
        super::ledger("dbusmock");
        let mut child = Command::new("/usr/bin/python3")
            .arg(STAND_IN)
            .arg(&bus.address)
            .args(services)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let orders = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut stand_in = Self {
            child,
            orders,
            answers,
        };
        stand_in.done();
        Some(stand_in)
    }

    /// Carries an order out; it is done when this returns.
    pub(crate) fn order(&mut self, words: &str) {
        writeln!(self.orders, "{words}").expect("it listens");
        self.done();
    }

    fn done(&mut self) {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        assert_eq!(line.trim(), "done");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A socket that accepts everybody and does `work` with each: a bus that is none.
pub(crate) fn odd_bus(
    path: &Path,
    work: impl Fn(UnixStream) + Send + Sync + Copy + 'static,
) -> String {
    let socket = UnixListener::bind(path).expect("a socket");
    std::thread::spawn(move || {
        for guest in socket.incoming().flatten() {
            std::thread::spawn(move || work(guest));
        }
    });
    format!("unix:path={}", path.display())
}

/// Reads whatever comes and says nothing.
pub(crate) fn say_nothing(mut guest: UnixStream) {
    let mut buffer = [0; 512];
    while guest.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

/// Answers everything with bytes of no meaning.
pub(crate) fn talk_nonsense(mut guest: UnixStream) {
    let mut buffer = [0; 512];
    while guest.read(&mut buffer).is_ok_and(|read| read > 0) {
        if guest
            .write_all(&[0xff, 0x00, b'\r', b'\n', 0x7f].repeat(40))
            .is_err()
        {
            return;
        }
    }
}

/// Lets everybody in as a bus does, and says nonsense or nothing from then on.
pub(crate) fn let_in_then(mut guest: UnixStream, nonsense: bool) {
    let mut buffer = [0; 4096];
    let mut inside = false;
    while let Ok(read) = guest.read(&mut buffer) {
        if read == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let answer: Vec<u8> = if inside && nonsense {
            b"l\x02\x01\x01\xff\xff\xff\x07\x01\x00\x00\x00\xff\xff\xff\xff".to_vec()
        } else if inside {
            continue;
        } else {
            let mut answer = String::new();
            if text.contains("AUTH") {
                answer.push_str("OK 0123456789abcdef0123456789abcdef\r\n");
            }
            if text.contains("NEGOTIATE_UNIX_FD") {
                answer.push_str("AGREE_UNIX_FD\r\n");
            }
            inside = text.contains("BEGIN");
            answer.into_bytes()
        };
        if guest.write_all(&answer).is_err() {
            return;
        }
    }
}
