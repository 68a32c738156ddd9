//! Which process listens behind the address of a model server, so that its load is known to be ours while it answers
//! us. Found by the socket's inode, never by a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::Processes;
use crate::here::is_here;

/// What listens for a container: the server itself is elsewhere, in groups of its own.
const FORWARDERS: [&str; 7] = [
    "docker-proxy",
    "rootlessport",
    "rootlesskit",
    "slirp4netns",
    "pasta",
    "pasta.avx2",
    "conmon",
];

/// A listening socket's state in `/proc/net/tcp`.
const LISTEN: &str = "0A";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// On another machine: its load is none of this one's.
    Elsewhere,
    Process(u32),
    /// Whose process it is cannot be asked, but the socket names its user: all that this user runs counts.
    User(u32),
    Unknown,
}

/// The servers that ever worked for us, and who listens there as far as it was found: by which socket, as another program may
/// take the address over.
#[derive(Debug, Default)]
pub(super) struct Servers {
    known: BTreeMap<String, Option<(Socket, Listener)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    /// Its number, and when it started: numbers are used again.
    Process(u32, u64),
    User(u32),
}

impl Listener {
    fn lives(self, all: &Processes) -> bool {
        match self {
            Self::Process(pid, started) => all.started(pid) == Some(started),
            Self::User(_) => true,
        }
    }
}

impl Servers {
    /// Remembers the servers that work for us.
    pub(super) fn ask(&mut self, urls: &BTreeSet<String>) {
        for url in urls {
            self.known.entry(url.clone()).or_default();
        }
    }

    /// Who listens behind each known server. Looked for again when the process is gone, or another socket listens.
    pub(super) fn find(&mut self, proc: &Path, all: &Processes) -> Vec<(String, Owner)> {
        let mut found = Vec::new();
        for (url, listener) in &mut self.known {
            let owner = match local_port(url) {
                Target::Elsewhere => Owner::Elsewhere,
                Target::Unclear => Owner::Unknown,
                Target::Port(port) => {
                    let now = listening(proc, port);
                    let is_same = |(socket, known): (Socket, Listener)| {
                        now == Some(socket) && known.lives(all)
                    };
                    if !listener.is_some_and(is_same) {
                        *listener =
                            now.and_then(|socket| Some((socket, behind(proc, all, socket)?)));
                    }
                    match listener {
                        Some((_, Listener::Process(pid, _))) => Owner::Process(*pid),
                        Some((_, Listener::User(user))) => Owner::User(*user),
                        None => Owner::Unknown,
                    }
                }
            };
            found.push((url.clone(), owner));
        }
        found
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    Port(u16),
    Elsewhere,
    Unclear,
}

/// The port on this machine that a base URL means.
fn local_port(url: &str) -> Target {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None => Some(if scheme == "https" { 443 } else { 80 }),
        Some(port) => port.parse().ok(),
    };
    let here = match host.parse::<IpAddr>() {
        Ok(address) => is_here(address),
        Err(_) if host.eq_ignore_ascii_case("localhost") => true,
        // A name may well mean this machine; saying so would take a resolver.
        Err(_) => return Target::Unclear,
    };
    match (here, port) {
        (false, _) => Target::Elsewhere,
        (true, Some(port)) => Target::Port(port),
        (true, None) => Target::Unclear,
    }
}

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    inode: u64,
    user: u32,
}

impl Socket {
    /// The user, where it is a server's own: neither we ourselves nor the one that everything else runs as.
    fn somebody_elses(self) -> Option<u32> {
        let me = nix::unistd::getuid().as_raw();
        (self.user != 0 && self.user != me).then_some(self.user)
    }
}

/// The socket that listens on a port.
fn listening(proc: &Path, port: u16) -> Option<Socket> {
    ["net/tcp", "net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(proc.join(table)).ok()?;
        text.lines().skip(1).find_map(|line| listener(line, port))
    })
}

/// A line of `/proc/net/tcp`: number, local address, remote address, state, …, user as the eighth field, inode as the
/// tenth.
fn listener(line: &str, port: u16) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let here = u16::from_str_radix(local, 16).ok()? == port && *fields.get(3)? == LISTEN;
    if !here {
        return None;
    }
    Some(Socket {
        inode: fields.get(9)?.parse().ok()?,
        user: fields.get(7)?.parse().ok()?,
    })
}

/// Who answers there; nobody where it only passes on to a container, whose processes are not its own.
fn behind(proc: &Path, all: &Processes, socket: Socket) -> Option<Listener> {
    let Some(pid) = holder(proc, all, socket.inode) else {
        return socket.somebody_elses().map(Listener::User);
    };
    let passes_on = all.named(&FORWARDERS).any(|forwarder| forwarder == pid);
    if passes_on {
        return None;
    }
    Some(Listener::Process(pid, all.started(pid)?))
}

/// The process that holds a socket. Other users' processes cannot be asked without rights: then nobody is found. A service
/// manager that opened it beforehand holds it too, and is everybody's parent, ours as well.
fn holder(proc: &Path, all: &Processes, inode: u64) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    let me = std::process::id();
    let holds = |pid: &u32| {
        fs::read_dir(proc.join(pid.to_string()).join("fd")).is_ok_and(|mut files| {
            files.any(|file| {
                file.ok()
                    .and_then(|file| fs::read_link(file.path()).ok())
                    .is_some_and(|target| target.as_os_str() == wanted.as_str())
            })
        })
    };
    let mut holders = all.pids().filter(holds);
    holders.find(|pid| *pid == me || !all.family(*pid).contains(&me))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_server_on_this_machine_is_told_from_other_machines() {
        for (url, expected) in [
            ("http://127.0.0.1:11434", Target::Port(11434)),
            ("http://localhost:8080/v1", Target::Port(8080)),
            ("http://[::1]:9/v1", Target::Port(9)),
            ("https://127.0.0.1/v1", Target::Port(443)),
            ("http://192.0.2.7:8080", Target::Elsewhere),
            ("http://gpu.example:8080", Target::Unclear),
            ("http://127.0.0.1:port", Target::Unclear),
        ] {
            assert_eq!(local_port(url), expected, "{url}");
        }
    }

    #[test]
    fn only_a_listening_socket_names_its_inode() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 994 0 4711 1 0";
        let socket = listener(line, 8080).expect("it listens");
        assert_eq!((socket.inode, socket.user), (4711, 994));
        assert_eq!(socket.somebody_elses(), Some(994));
        assert_eq!(listener(line, 8081), None);
        assert_eq!(listener(&line.replace(" 0A ", " 01 "), 8080), None);
        assert_eq!(listener("", 8080), None);
    }

    /// Port 8080 has this socket, of this user.
    fn put_socket(proc: &Path, inode: u64, user: u32) {
        fs::create_dir_all(proc.join("net")).expect("a folder");
        let line = format!("  0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 {user} 0 {inode} 1 0");
        fs::write(proc.join("net/tcp"), format!("head\n{line}\n")).expect("a table");
    }

    /// A process that holds this socket.
    fn put_holder(proc: &Path, pid: u32, name: &str, started: u64, inode: u64) {
        let process = proc.join(pid.to_string());
        fs::remove_dir_all(&process).ok();
        fs::create_dir_all(process.join("fd")).expect("a folder");
        let stat =
            format!("{pid} ({name}) S 1 77 77 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 {started} 1 1");
        fs::write(process.join("stat"), stat).expect("it is written");
        let socket = format!("socket:[{inode}]");
        std::os::unix::fs::symlink(socket, process.join("fd/3")).expect("a link");
    }

    #[test]
    fn another_program_that_takes_the_address_over_is_another_server() {
        let root = tempfile::tempdir().expect("a folder");
        let proc = root.path();
        let mut servers = Servers::default();
        servers.ask(&BTreeSet::from(["http://127.0.0.1:8080".to_owned()]));
        let mut who = || servers.find(proc, &Processes::read(proc))[0].1;
        assert_eq!(who(), Owner::Unknown, "nobody listens yet");
        // One that may not be asked is told by its user; another user's came after it.
        put_socket(proc, 4711, 994);
        assert_eq!(who(), Owner::User(994));
        put_socket(proc, 4712, 995);
        assert_eq!(who(), Owner::User(995));
        put_socket(proc, 4713, 994);
        put_holder(proc, 77, "llama-server", 9, 4713);
        assert_eq!(who(), Owner::Process(77));
        // The same number is another process now, which has nothing to do with it.
        put_holder(proc, 77, "stranger", 10, 1);
        put_holder(proc, 78, "llama-server", 10, 4713);
        assert_eq!(who(), Owner::Process(78));
        // It lives on, and somebody else listens.
        put_socket(proc, 4714, 994);
        put_holder(proc, 79, "ollama", 11, 4714);
        assert_eq!(who(), Owner::Process(79));
        fs::remove_file(proc.join("net/tcp")).expect("nobody listens any more");
        assert_eq!(who(), Owner::Unknown);
    }

    #[test]
    fn what_only_passes_on_to_a_container_is_not_taken_for_the_server() {
        let root = tempfile::tempdir().expect("a folder");
        let proc = root.path();
        put_socket(proc, 4711, 994);
        let who = |name: &str| {
            put_holder(proc, 77, name, 9, 4711);
            let mut servers = Servers::default();
            servers.ask(&BTreeSet::from(["http://127.0.0.1:8080".to_owned()]));
            servers.find(proc, &Processes::read(proc))[0].1
        };
        assert_eq!(who("llama-server"), Owner::Process(77));
        assert_eq!(who("docker-proxy"), Owner::Unknown);
        assert_eq!(who("rootlessport"), Owner::Unknown);
    }

    #[test]
    fn the_process_behind_a_port_of_this_test_is_this_test() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = server.local_addr().expect("an address").port();
        let url = format!("http://127.0.0.1:{port}");
        let proc = Path::new("/proc");
        let mut servers = Servers::default();
        servers.ask(&BTreeSet::from([url.clone()]));
        let all = Processes::read(proc);
        let found = servers.find(proc, &all);
        assert_eq!(found, [(url, Owner::Process(std::process::id()))]);
    }
}
