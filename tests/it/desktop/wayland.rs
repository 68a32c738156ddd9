//! A scripted compositor on a Unix socket: it reads what the protocol lets a client ask, and says what a test orders.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};

use dreamer::energy::host::Idle;

use super::*;

/// A compositor with one client.
struct Compositor {
    stream: UnixStream,
    /// The notification that hears input alone, and the one that a film holds back.
    input: u32,
    held: u32,
}

fn event(object: u32, opcode: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + body.len()).expect("a short message");
    let head = (length << 16) | opcode;
    [&object.to_ne_bytes(), &head.to_ne_bytes(), body].concat()
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len() + 1)
        .expect("a short text")
        .to_ne_bytes()
        .to_vec();
    bytes.extend(text.as_bytes());
    bytes.push(0);
    while bytes.len() % 4 != 0 {
        bytes.push(0);
    }
    bytes
}

/// What a compositor offers: name, interface, version.
type Globals = &'static [(u32, &'static str, u32)];

/// Serves the first client, with these globals. The answer comes once both notifications of the seat were asked for.
fn serve(socket: &Path, globals: Globals) -> Receiver<Compositor> {
    serve_in_turn(socket, globals, 1)
}

/// Serves so many clients, one after the other.
fn serve_in_turn(socket: &Path, globals: Globals, clients: usize) -> Receiver<Compositor> {
    let listener = UnixListener::bind(socket).expect("a socket");
    let (sender, ready) = mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming().take(clients) {
            attend(client.expect("a client"), globals, &sender);
        }
    });
    ready
}

/// Until the client is gone.
fn attend(mut stream: UnixStream, globals: Globals, sender: &Sender<Compositor>) {
    let mut notifier = 0;
    let mut held = 0;
    loop {
        let mut start = [0; 8];
        if stream.read_exact(&mut start).is_err() {
            return;
        }
        let word = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().expect("a word"));
        let (object, second) = (word(&start[..4]), word(&start[4..]));
        let (opcode, length) = (second & 0xffff, (second >> 16) as usize);
        let mut body = vec![0; length - 8];
        stream.read_exact(&mut body).expect("a whole message");
        match (object, opcode) {
            (1, 0) => {
                let callback = word(&body);
                let done = event(callback, 0, &7_u32.to_ne_bytes());
                let gone = event(1, 1, &callback.to_ne_bytes());
                stream
                    .write_all(&[done, gone].concat())
                    .expect("it is sent");
            }
            (1, 1) => {
                for (name, interface, version) in globals {
                    let mut offer = name.to_ne_bytes().to_vec();
                    offer.extend(string(interface));
                    offer.extend(version.to_ne_bytes());
                    stream
                        .write_all(&event(word(&body), 0, &offer))
                        .expect("it is sent");
                }
            }
            (2, 0) => {
                let name = word(&body[..4]);
                let bound = globals
                    .iter()
                    .find(|global| global.0 == name)
                    .expect("offered");
                if bound.1 == "ext_idle_notifier_v1" {
                    notifier = word(&body[body.len() - 4..]);
                }
            }
            (object, 1) if object == notifier => held = word(&body[..4]),
            (object, 2) if object == notifier => {
                let input = word(&body[..4]);
                let stream = stream.try_clone().expect("a second handle");
                sender
                    .send(Compositor {
                        stream,
                        input,
                        held,
                    })
                    .ok();
            }
            other => panic!("nobody may ask {other:?}"),
        }
    }
}

impl Compositor {
    fn say(&mut self, object: u32, opcode: u32) {
        self.stream
            .write_all(&event(object, opcode, &[]))
            .expect("it is sent");
    }

    fn pause(&mut self) {
        self.say(self.input, 0);
        self.say(self.held, 0);
    }

    fn touch(&mut self) {
        self.say(self.held, 1);
        self.say(self.input, 1);
    }
}

fn screen(world: &World) -> Desktop {
    Desktop {
        runtime_dir: Some(world.path().to_owned()),
        ..Desktop::default()
    }
}

const SEAT_AND_NOTIFIER: &[(u32, &str, u32)] = &[
    (1, "wl_compositor", 6),
    (4, "wl_seat", 9),
    (9, "ext_idle_notifier_v1", 2),
];

#[test]
fn a_compositor_sees_what_a_closed_keyboard_hides_and_tells_of_the_return_and_of_films() {
    let world = World::new();
    closed_keyboard(&world);
    let ready = serve(&world.path().join("wayland-0"), SEAT_AND_NOTIFIER);
    let watched = Watched::at(roots(&world), &screen(&world));
    let mut compositor = ready
        .recv_timeout(SOON)
        .expect("the notifications are asked for");
    compositor.pause();
    watched.until(Source::Wayland, "still", |word| word.still_since.is_some());
    assert_eq!(
        watched.presence().blind,
        None,
        "the compositor sees the keyboard"
    );
    for _ in 0..3 {
        let (what, after) = watched.told_after(|| compositor.touch());
        assert_eq!(what, Notice::Key);
        println!("a touch was noticed after {after:?}");
        assert!(after < Duration::from_millis(500), "{after:?}");
        compositor.pause();
        watched.until(Source::Wayland, "idle", |word| {
            matches!(word.idle, Some(Idle::Since(_)))
        });
    }
    // A film: the one notification is held back while the other says that nobody touches anything.
    compositor.say(compositor.held, 1);
    watched.until(Source::Wayland, "held on", |word| word.doing.is_some());
    assert_eq!(watched.presence().last_input, Some(Duration::ZERO));
    compositor.say(compositor.held, 0);
    watched.until(Source::Wayland, "let go", |word| word.doing.is_none());
    // It ends: its word goes, and the keyboard is hidden again.
    compositor
        .stream
        .shutdown(std::net::Shutdown::Both)
        .expect("it ends");
    watched.until(Source::Wayland, "gone", |word| word.answer != Answer::Live);
    assert!(watched.presence().blind.is_some());
}

/// As a compositor has it that crashes, or is started anew with its settings: nobody touched anything.
#[test]
fn a_compositor_that_comes_back_in_the_middle_of_a_session_invents_no_input() {
    let world = World::new();
    let ready = serve_in_turn(&world.path().join("wayland-0"), SEAT_AND_NOTIFIER, 2);
    let watched = Watched::at(roots(&world), &screen(&world));
    let next = || {
        ready
            .recv_timeout(SOON)
            .expect("the notifications are asked for")
    };
    let mut compositor = next();
    compositor.touch();
    compositor.pause();
    watched.until(Source::Wayland, "idle", |word| {
        matches!(word.idle, Some(Idle::Since(_)))
    });
    // A session begins, some time after the last touch.
    std::thread::sleep(Duration::from_millis(300));
    let began = clock::monotonic();
    while watched.noticed.try_recv().is_ok() {}
    let check = |when: &str| {
        let presence = watched.presence();
        let ran_for = began.elapsed();
        assert!(
            presence.last_input.is_none_or(|ago| ago > ran_for),
            "{when}: {presence:?} after {ran_for:?}"
        );
        assert!(presence.still_for.is_some(), "{when}: {presence:?}");
    };
    compositor
        .stream
        .shutdown(std::net::Shutdown::Both)
        .expect("it ends");
    watched.until(Source::Wayland, "gone", |word| word.answer != Answer::Live);
    let mut compositor = next();
    watched.until(Source::Wayland, "back", |word| {
        word.answer == Answer::Live && word.still_since.is_some()
    });
    check("it has not spoken");
    compositor.pause();
    std::thread::sleep(Duration::from_millis(200));
    check("it says that somebody pauses");
    assert_eq!(watched.noticed.try_recv().ok(), None);
    let (what, _) = watched.told_after(|| compositor.touch());
    assert_eq!(what, Notice::Key);
}

/// The desktop has it later than the watch does, and what is told twice would be a hand.
#[test]
fn a_movement_that_the_watch_has_told_is_not_told_again_by_the_desktop() {
    let world = World::new();
    let node = world.write("dev/input/event0", "m");
    for (file, bits) in [("key", "70000 0 0 0 0"), ("rel", "903"), ("abs", "0")] {
        world.write(
            &format!("sys/class/input/event0/device/capabilities/{file}"),
            bits,
        );
    }
    let ready = serve(&world.path().join("wayland-0"), SEAT_AND_NOTIFIER);
    let watched = Watched::at(roots(&world), &screen(&world));
    let mut compositor = ready
        .recv_timeout(SOON)
        .expect("the notifications are asked for");
    compositor.pause();
    watched.until(Source::Wayland, "still", |word| word.still_since.is_some());
    let (what, _) = watched.told_after(|| drop(std::fs::read(&node)));
    assert_eq!(what, Notice::Pointer);
    std::thread::sleep(Duration::from_millis(400));
    compositor.touch();
    let echo = watched.noticed.recv_timeout(Duration::from_millis(400));
    assert_eq!(echo.ok(), None);
    // What no device told before is input all the same, as a screen's that is shown elsewhere too.
    compositor.pause();
    std::thread::sleep(Duration::from_secs(3));
    let (what, _) = watched.told_after(|| compositor.touch());
    assert_eq!(what, Notice::Pointer);
}

#[test]
fn a_desktop_that_nobody_follows_any_more_is_unknown() {
    let world = World::new();
    let ready = serve(&world.path().join("wayland-0"), SEAT_AND_NOTIFIER);
    let host = HostSenses::at(
        roots(&world),
        Arc::new(Tree::without_groups(0)),
        OwnWork::new(),
    );
    let mut senses = host.with_desktop(&screen(&world));
    let _listening = senses.listen(Arc::new(|_| panic!("a test ends the thread")));
    let mut compositor = ready
        .recv_timeout(SOON)
        .expect("the notifications are asked for");
    let mut until = |what: &str, holds: &dyn Fn(&Presence) -> bool| {
        let began = clock::monotonic();
        loop {
            let presence = senses.read(clock::monotonic()).presence;
            if holds(&presence) {
                return presence;
            }
            assert!(began.elapsed() < SOON, "not {what}: {presence:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    compositor.pause();
    until("idle", &|now| {
        now.blind.is_none() && now.still_for.is_some()
    });
    compositor.touch();
    let presence = until("unknown", &|now| now.blind.is_some());
    let blind = presence.blind.expect("it was asked for");
    assert!(blind.contains("not followed any more"), "{blind}");
}

#[test]
fn a_compositor_without_the_protocol_is_absent_and_a_silent_or_mad_one_is_named() {
    let world = World::new();
    let folder = |name: &str| {
        let path = world.path().join(name);
        std::fs::create_dir(&path).expect("a folder");
        path
    };
    let at = |path: &Path| Desktop {
        runtime_dir: Some(path.to_owned()),
        wayland_display: Some("screen".to_owned()),
        ..Desktop::default()
    };
    let plain = folder("plain");
    let _ready = serve(&plain.join("screen"), &[(4, "wl_seat", 9)]);
    let watched = Watched::at(roots(&world), &at(&plain));
    watched.until(
        Source::Wayland,
        "absent",
        |word| matches!(&word.answer, Answer::Absent(why) if why.contains("ext-idle-notify")),
    );
    assert_eq!(watched.presence(), Presence::headless());
    for (name, work) in [
        ("silent", say_nothing as fn(UnixStream)),
        ("mad", talk_nonsense),
    ] {
        let path = folder(name);
        odd_bus(&path.join("screen"), work);
        let watched = Watched::at(roots(&world), &at(&path));
        watched.until(Source::Wayland, "named", |word| {
            matches!(word.answer, Answer::Unknown(_))
        });
        let blind = watched.presence().blind.expect("a reason");
        assert!(blind.starts_with("the Wayland compositor"), "{blind}");
    }
    // None at all is none.
    let watched = Watched::at(roots(&world), &at(&folder("empty")));
    watched.until(Source::Wayland, "absent", |word| {
        matches!(word.answer, Answer::Absent(_))
    });
}

/// Two notifications of which only one is over: somebody watches a film. `why` hears of it though no service runs.
#[test]
fn why_without_a_service_asks_the_desktop_as_the_service_would() {
    let world = World::new();
    let ready = serve(&world.path().join("screen"), SEAT_AND_NOTIFIER);
    let film = std::thread::spawn(move || {
        let mut compositor = ready.recv_timeout(SOON).ok()?;
        compositor.pause();
        compositor.say(compositor.held, 1);
        Some(compositor)
    });
    let nowhere = format!("unix:path={}/nowhere", world.path().display());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dreamer"))
        .args(["why", "--json"])
        .env_clear()
        .env("HOME", world.path())
        .env("DREAMING_DATA_DIR", world.path().join("data"))
        .env("XDG_RUNTIME_DIR", world.path())
        .env("WAYLAND_DISPLAY", "screen")
        .env("DBUS_SYSTEM_BUS_ADDRESS", &nowhere)
        .current_dir(world.path())
        .output()
        .expect("it runs");
    let asked = film.join().expect("the compositor lives");
    assert!(asked.is_some(), "nobody asked the compositor");
    let why: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let gates = why["gates"].as_array().expect("gates");
    let presence = gates.iter().find(|gate| gate["gate"] == "presence");
    let presence = presence.expect("there is one");
    assert_eq!(presence["open"], false, "{presence}");
    let reason = presence["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("you are here ("), "{reason}");
}
