//! The senses on the real machine: a pty, real nodes, real processes.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use dreamer::clock;
use dreamer::config::Settings;
use dreamer::energy::host::{HostSenses, Mend, Roots};
use dreamer::energy::{EnergyManager, Limits, Notice, OwnWork, Presence, Reading, Sensed, Senses};
use dreamer::supervisor::schedule;
use dreamer::supervisor::wake_test::Typist;
use dreamer::tree::Tree;

use crate::support::World;
use crate::support::senses::Script;

#[test]
fn a_key_in_a_terminal_is_noticed_at_once() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let senses = HostSenses::new(Arc::new(Tree::without_groups(0)), OwnWork::new());
    let limits = Limits::of(&Settings::defaults_in(std::path::Path::new("/nowhere")));
    let energy = EnergyManager::new(Box::new(senses), limits);
    let (sender, noticed) = mpsc::channel();
    energy.register_alert_callback(Arc::new(move |notice| {
        sender.send(notice.clone()).ok();
    }));
    energy.start_monitoring();
    // Made after the start: logins come and go.
    let mut typist = Typist::sit_down().expect("a terminal");
    // The list is read anew when the terminal appears; its first key may come before that and is found by a look.
    std::thread::sleep(Duration::from_millis(50));
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        while noticed.try_recv().is_ok() {}
        let before = clock::monotonic();
        typist.press().expect("the key is read");
        let notice = noticed
            .recv_timeout(Duration::from_secs(5))
            .expect("it is noticed");
        assert_eq!(notice.what, Notice::Key);
        slowest = slowest.max(notice.at.saturating_duration_since(before));
    }
    let looked = energy.get_metrics(clock::monotonic());
    let ago = looked.presence.last_input.expect("there was input");
    assert!(ago < Duration::from_secs(2), "{ago:?}");
    // A fraction of a millisecond on a quiet machine; a loaded one may take its time.
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    energy.stop_monitoring();
    typist.press().expect("the key is read");
    while noticed.try_recv().is_ok() {}
    typist.press().expect("the key is read");
    assert!(
        noticed.recv_timeout(Duration::from_millis(50)).is_err(),
        "nobody listens"
    );
    println!("the slowest of 20 keys was noticed after {slowest:?}");
}

/// Files of a machine that a test makes up.
fn roots(world: &World) -> Roots {
    let at = |name: &str| world.path().join(name);
    // A /proc that hides nobody shows the first process.
    world.write(
        "proc/1/stat",
        "1 (init) S 0 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 1 1",
    );
    Roots {
        proc: at("proc"),
        sys: at("sys"),
        dev: at("dev"),
        run: at("run"),
    }
}

fn senses_at(roots: &Roots) -> HostSenses {
    HostSenses::at(
        roots.clone(),
        Arc::new(Tree::without_groups(0)),
        OwnWork::new(),
    )
}

#[test]
fn sensors_that_vanish_or_talk_nonsense_are_unknown_and_say_why() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let world = World::new();
    let roots = roots(&world);
    let mut senses = senses_at(&roots);
    let looks = |senses: &mut HostSenses| {
        senses.read(clock::monotonic());
        std::thread::sleep(Duration::from_millis(220));
        senses.read(clock::monotonic())
    };
    for garbage in [
        "",
        "\0\u{1}\u{fffd}",
        "cpu  -1 x 9999999999999999999999999",
        "MemTotal: 0 kB",
    ] {
        for file in [
            "proc/stat",
            "proc/meminfo",
            "proc/7/stat",
            "sys/class/power_supply/B/type",
        ] {
            world.write(file, garbage);
        }
        let reading = looks(&mut senses);
        assert!(
            matches!(reading.load_of_others, Sensed::Unknown(_)),
            "{reading:?}"
        );
        assert!(
            matches!(reading.memory_used, Sensed::Unknown(_)),
            "{reading:?}"
        );
        let Sensed::Unknown(why) = reading.power else {
            panic!("{garbage:?} is no type of a supply")
        };
        assert!(why.contains("supply B"), "{why}");
    }
    std::fs::remove_dir_all(&roots.proc).expect("it vanishes");
    std::fs::remove_dir_all(&roots.sys).expect("it vanishes");
    let reading = looks(&mut senses);
    let Sensed::Unknown(why) = reading.load_of_others else {
        panic!("{reading:?}")
    };
    assert!(why.contains("proc"), "{why}");
}

#[test]
fn a_keyboard_that_cannot_be_watched_makes_presence_unknown_and_names_it() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let world = World::new();
    let roots = roots(&world);
    // Closed to root too: it leads to itself.
    let node = world.write("dev/input/mice", "").with_file_name("event3");
    symlink(&node, &node).expect("a link");
    let mut senses = senses_at(&roots);
    let _listening = senses.listen(Arc::new(|_| {}));
    let presence = senses.read(clock::monotonic()).presence;
    assert_eq!(presence.quiet_for(), None, "{presence:?}");
    assert!(presence.blind.expect("a reason").contains("event3"));
    assert_eq!(senses.mend(), Some(Mend::Devices));
}

/// The worst that can happen to the watching thread: it dies of what it calls.
#[test]
fn a_watch_that_dies_leaves_presence_unknown_and_says_why() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let world = World::new();
    let roots = roots(&world);
    let node = world.write("dev/input/event0", "k");
    let mut senses = senses_at(&roots);
    let listening = senses.listen(Arc::new(|_| panic!("a test ends the watch")));
    let presence = senses.read(clock::monotonic()).presence;
    assert_eq!(presence.blind, None, "it is watched");
    std::fs::read(&node).expect("it is read");
    let began = clock::monotonic();
    let blind = loop {
        if let Some(why) = senses.read(clock::monotonic()).presence.blind {
            break why;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "nobody says so");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(blind.contains("not watched any more"), "{blind}");
    assert_eq!(senses.mend(), Some(Mend::Watching));
    drop(listening);
    let _again = senses.listen(Arc::new(|_| {}));
    assert_eq!(senses.read(clock::monotonic()).presence.blind, None);
}

/// A plain file stands for the device node: the kernel tells of a read in the same way.
#[test]
fn keyboards_and_mice_are_told_apart_and_a_login_is_noticed() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let world = World::new();
    let roots = roots(&world);
    world.write("dev/input/event0", "k");
    world.write("dev/input/event1", "m");
    world.write("dev/input/event2", "p");
    let about = |n: u32, file: &str, bits: &str| {
        world.write(
            &format!("sys/class/input/event{n}/device/capabilities/{file}"),
            bits,
        );
    };
    for (n, key, rel) in [
        (0, "fffffffffffffffe\n", "0\n"),
        // Sixteen buttons and no letter.
        (1, "ffff0000 0 0 0 0\n", "903\n"),
        (2, "10000000000000 0\n", "0\n"),
    ] {
        about(n, "key", key);
        about(n, "rel", rel);
        about(n, "abs", "0\n");
    }
    std::fs::create_dir_all(roots.run.join("systemd/sessions")).expect("a folder");
    let mut senses = senses_at(&roots);
    let (sender, noticed) = mpsc::channel();
    let listening = senses.listen(Arc::new(move |notice| {
        sender.send(notice.what).ok();
    }));
    assert!(listening.is_some());
    let next = |act: &dyn Fn()| {
        act();
        noticed.recv_timeout(Duration::from_secs(1)).ok()
    };
    let read = |name: &str| {
        std::fs::read(world.path().join("dev/input").join(name)).expect("it is read");
    };
    assert_eq!(next(&|| read("event0")), Some(Notice::Key));
    assert_eq!(next(&|| read("event1")), Some(Notice::Pointer));
    assert_eq!(next(&|| read("event2")), None, "a power button");
    let login = || {
        world.write("run/systemd/sessions/4", "UID=1000\n");
    };
    assert_eq!(next(&login), Some(Notice::Login));
    assert_eq!(next(&login), None, "the same session again");
    let job = || {
        let written = world.write("run/7", "UID=0\nCLASS=background\nSERVICE=crond\n");
        let session = roots.run.join("systemd/sessions/7");
        std::fs::rename(written, session).expect("it is moved there");
    };
    assert_eq!(next(&job), None, "a timer's job");
}

/// A pager at the end of a pipe reads the keys of whatever terminal it belongs to by this name.
#[test]
fn a_key_that_is_read_without_naming_the_terminal_is_noticed() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let world = World::new();
    let roots = roots(&world);
    let node = world.write("dev/tty", "k");
    let mut senses = senses_at(&roots);
    let (sender, noticed) = mpsc::channel();
    let _listening = senses.listen(Arc::new(move |notice| {
        sender.send(notice.what).ok();
    }));
    let next = || noticed.recv_timeout(Duration::from_millis(500)).ok();
    drop(std::fs::File::open(&node).expect("it is opened"));
    assert_eq!(next(), None, "nobody has typed");
    std::fs::read(&node).expect("it is read");
    assert_eq!(next(), Some(Notice::Key));
    // By itself it is no sign of anybody.
    let presence = senses_at(&roots).read(clock::monotonic()).presence;
    assert_eq!(presence, Presence::headless());
}

#[test]
fn the_originals_names_answer_by_one_reading() {
    let script = Script::calm();
    let limits = Limits::of(&Settings::defaults_in(std::path::Path::new("/nowhere")));
    let energy = EnergyManager::new(script.senses(), limits);
    let now = clock::monotonic();
    assert!(!energy.get_status(now).is_monitoring);
    let heard = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    energy.register_alert_callback(Arc::new(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }));
    energy.start_monitoring();
    script.load(0.9);
    drop(energy.get_metrics(now));
    assert!(energy.is_system_busy());
    assert!(energy.is_idle(Duration::from_mins(30), now));
    let status = energy.get_status(now);
    assert!(status.is_monitoring && status.is_busy && status.is_idle);
    assert_eq!(status.registered_callbacks, 1);
    assert_eq!(status.metrics.cpu_percent, Some(90.0));
    energy.wake_up(now);
    assert_eq!(heard.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(energy.get_idle_time(now), Some(Duration::ZERO));
    assert!(!energy.is_idle(Duration::from_mins(30), now));
    energy.stop_monitoring();
    assert_eq!(energy.get_status(now).registered_callbacks, 0);
}

#[test]
fn input_that_was_told_since_the_look_counts_at_once() {
    let limits = Limits::of(&Settings::defaults_in(std::path::Path::new("/nowhere")));
    for (what, counts) in [
        (Notice::Key, true),
        (Notice::Pointer, true),
        (Notice::Login, true),
        (Notice::Sleep, false),
    ] {
        let script = Script::calm();
        let energy = EnergyManager::new(script.senses(), limits);
        energy.start_monitoring();
        let looked = clock::monotonic();
        drop(energy.get_metrics(looked));
        assert!(energy.get_status(looked).is_idle);
        assert_eq!(energy.last_told(), None);
        script.tell(what);
        // The next look may be a minute away.
        let later = clock::monotonic() + Duration::from_secs(40);
        let quiet = energy.get_idle_time(later).expect("it is known");
        assert_eq!(
            quiet < Duration::from_mins(1),
            counts,
            "{what:?}: {quiet:?}"
        );
        assert_eq!(energy.is_idle(Duration::from_mins(30), later), !counts);
        let status = energy.get_status(later);
        assert_eq!(status.is_idle, !counts, "{what:?}");
        assert_eq!(energy.last_told().is_some(), counts);
    }
}

/// What the originals' names answer is what the schedule decides by.
#[test]
fn idle_means_the_same_to_the_status_and_to_the_schedule() {
    let settings = Settings::defaults_in(std::path::Path::new("/nowhere"));
    let threshold = settings.dreaming.idle_threshold;
    let noon = "2026-11-21T12:00[UTC]".parse().expect("a time");
    let now = clock::monotonic();
    let away = |minutes| Presence {
        last_input: Some(Duration::from_mins(minutes)),
        ..Presence::headless()
    };
    let blind = Presence {
        blind: Some("a test".to_owned()),
        ..away(90)
    };
    for (presence, idle, quiet) in [
        (Presence::headless(), true, None),
        (away(90), true, Some(Duration::from_mins(90))),
        (away(30), true, Some(Duration::from_mins(30))),
        (away(29), false, Some(Duration::from_mins(29))),
        (blind, false, None),
    ] {
        let fixed = Fixed(presence.clone());
        let energy = EnergyManager::new(Box::new(fixed), Limits::of(&settings));
        assert!(!energy.is_idle(threshold, now), "nobody has looked yet");
        drop(energy.get_metrics(now));
        let marks = schedule::Marks::default();
        let window = schedule::window(&noon, &presence, &settings.dreaming, &marks);
        assert_eq!(window.idle.is_ok(), idle, "{presence:?}");
        assert_eq!(energy.is_idle(threshold, now), idle, "{presence:?}");
        assert_eq!(energy.get_idle_time(now), quiet, "{presence:?}");
        let status = energy.get_status(now);
        assert!(status.metrics.timestamp.is_some(), "when it was read");
        energy.mark_activity(now);
        assert!(!energy.is_idle(threshold, now), "{presence:?}");
    }
}

/// Senses that find this presence and a calm machine.
struct Fixed(Presence);

impl Senses for Fixed {
    fn read(&mut self, _now: clock::Instant) -> Reading {
        Reading {
            presence: self.0.clone(),
            ..Reading::unknown("a test")
        }
    }
}
