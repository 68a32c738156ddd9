//! The senses put together: what counts as ours, and when nobody can be there.

use std::collections::{BTreeMap, BTreeSet};

use super::share::{difference, engine_of};
use super::*;
use crate::energy::own::Ours;

mod served;

/// A model server that works for us, and one that did before.
const SERVER: &str = "http://127.0.0.1:1";
const ANOTHER: &str = "http://127.0.0.1:2";

fn sample(busy: f64, base: f64, servers: &[(u32, f64)]) -> Sample {
    let used: BTreeMap<u32, f64> = servers.iter().copied().collect();
    let found = (!used.is_empty()).then(|| (SERVER.to_owned(), used));
    Sample {
        at: clock::monotonic(),
        busy,
        total: busy * 2.0 + 10.0,
        base,
        family: BTreeMap::new(),
        engine: BTreeMap::from([(7, base)]),
        servers: found.into_iter().collect(),
        waited: 0.0,
    }
}

fn served() -> Ours {
    Ours {
        servers: BTreeSet::from([SERVER.to_owned()]),
        containers: false,
        outside: false,
    }
}

#[track_caller]
fn check(before: &Sample, after: &Sample, ours: &Ours, expected: Option<f64>) {
    let at = before.at + Duration::from_secs(1);
    let after = Sample {
        at,
        ..after.clone()
    };
    assert_eq!(difference(before, &after, ours).known(), expected);
}

#[test]
fn the_server_that_answers_us_is_ours_only_while_it_does() {
    let before = sample(0.0, 0.0, &[(9, 5.0)]);
    let after = Sample {
        total: before.total + 4.0,
        ..sample(2.0, 0.0, &[(9, 7.0)])
    };
    check(&before, &after, &served(), Some(0.0));
    check(&before, &after, &Ours::default(), Some(0.5));
}

#[test]
fn a_server_that_was_just_found_has_no_share_yet() {
    let before = sample(0.0, 0.0, &[]);
    let after = sample(2.0, 0.0, &[(9, 7.0)]);
    check(&before, &after, &served(), None);
    // Nor has one that came beside another, or in place of the one that fell.
    let before = sample(0.0, 0.0, &[(8, 5.0)]);
    check(&before, &after, &served(), None);
}

#[test]
fn a_server_that_worked_for_us_before_is_its_owners_while_another_one_answers_us() {
    let with = |mut sample: Sample, url: &str, used: f64| {
        let found = BTreeMap::from([(70, used)]);
        sample.servers.insert(url.to_owned(), found);
        sample
    };
    let before = with(sample(0.0, 0.0, &[(9, 5.0)]), ANOTHER, 1.0);
    let after = Sample {
        total: before.total + 4.0,
        ..with(sample(3.0, 0.0, &[(9, 6.0)]), ANOTHER, 3.0)
    };
    check(&before, &after, &served(), Some(0.5));
    // Both answer us: all of it is ours.
    let both = Ours {
        servers: [SERVER, ANOTHER].map(str::to_owned).into(),
        ..Ours::default()
    };
    check(&before, &after, &both, Some(0.0));
    // Two addresses of one server are one server.
    let localhost = "http://localhost:2";
    let before = with(before, localhost, 1.0);
    let after = with(after, localhost, 3.0);
    let addresses = Ours {
        servers: [ANOTHER, localhost].map(str::to_owned).into(),
        ..Ours::default()
    };
    check(&before, &after, &addresses, Some(0.25));
}

#[test]
fn the_container_engine_is_ours_only_while_it_holds_containers_of_ours() {
    let before = sample(0.0, 0.0, &[]);
    let after = Sample {
        total: before.total + 4.0,
        base: 0.0,
        ..sample(2.0, 2.0, &[])
    };
    let ours = Ours {
        containers: true,
        ..Ours::default()
    };
    check(&before, &after, &ours, Some(0.0));
    check(&before, &after, &Ours::default(), Some(0.5));
}

#[test]
fn what_the_engine_begins_for_a_container_is_ours_from_its_beginning() {
    let before = sample(0.0, 0.0, &[]);
    let after = Sample {
        total: before.total + 4.0,
        engine: BTreeMap::from([(7, 0.5), (8, 1.5)]),
        ..sample(2.0, 0.0, &[])
    };
    let ours = Ours {
        containers: true,
        ..Ours::default()
    };
    check(&before, &after, &ours, Some(0.0));
    check(&before, &after, &Ours::default(), Some(0.5));
}

#[test]
fn every_engines_helpers_are_known_by_their_names() {
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    let names = ["dockerd", "containerd-shim", "podman", "conmon", "postman"];
    for (pid, name) in (20..).zip(names) {
        put_process(&roots, pid, name, 0);
    }
    let found = engine_of(&Processes::read(&roots.proc));
    let found: Vec<u32> = found.into_keys().collect();
    assert_eq!(found, [20, 21, 22, 23]);
}

#[test]
fn a_child_that_ended_does_not_hide_the_load_of_others() {
    let before = Sample {
        family: BTreeMap::from([(1, 3.0), (2, 50.0)]),
        ..sample(0.0, 0.0, &[])
    };
    let after = Sample {
        total: before.total + 4.0,
        family: BTreeMap::from([(1, 3.5), (3, 0.5)]),
        ..sample(3.0, 0.0, &[])
    };
    check(&before, &after, &Ours::default(), Some(0.5));
}

#[test]
fn a_machine_without_terminal_keyboard_and_seat_is_headless() {
    let root = tempfile::tempdir().expect("a folder");
    let roots = Roots {
        proc: root.path().join("proc"),
        sys: root.path().join("sys"),
        dev: root.path().join("dev"),
        run: root.path().join("run"),
    };
    let mut input = LastInput::default();
    let now = clock::monotonic();
    let seen = Seen::default();
    let process = |pid: u32, terminal: u32| {
        let folder = roots.proc.join(pid.to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        let stat =
            format!("{pid} (sh) S 1 {pid} {pid} {terminal} {pid} 0 0 0 0 0 1 1 0 0 20 0 1 0 9 1 1");
        std::fs::write(folder.join("stat"), stat).expect("it is written");
    };
    process(1, 0);
    let mut look = || {
        presence(
            &mut input,
            &roots,
            &seen,
            false,
            &Processes::read(&roots.proc),
            now,
        )
        .0
    };
    assert_eq!(look(), Presence::headless());

    process(12, 34816);
    std::fs::create_dir_all(roots.dev.join("pts")).expect("a folder");
    std::fs::write(roots.dev.join("pts/0"), "").expect("a node");
    let seen = look();
    assert!(
        seen.last_input.is_some() && seen.blind.is_none(),
        "{seen:?}"
    );

    std::fs::create_dir_all(roots.dev.join("input")).expect("a folder");
    std::fs::write(roots.dev.join("input/event0"), "").expect("a node");
    assert!(look().blind.is_some(), "a keyboard that is not read");
}

/// A process of this name that belongs to the terminal with this number.
fn put_process(roots: &Roots, pid: u32, name: &str, terminal: u32) {
    let folder = roots.proc.join(pid.to_string());
    std::fs::create_dir_all(&folder).expect("a folder");
    let stat =
        format!("{pid} ({name}) S 1 {pid} {pid} {terminal} {pid} 0 0 0 0 0 1 1 0 0 20 0 1 0 9 1 1");
    std::fs::write(folder.join("stat"), stat).expect("it is written");
}

#[test]
fn what_is_typed_at_a_serial_console_is_presence_and_what_a_meter_says_is_not() {
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    for (number, name) in [("4:64", "ttyS0"), ("188:0", "ttyUSB0")] {
        let about = roots.sys.join("dev/char").join(number);
        std::fs::create_dir_all(&about).expect("a folder");
        let text = format!("MAJOR=4\nMINOR=64\nDEVNAME={name}\n");
        std::fs::write(about.join("uevent"), text).expect("it is written");
        std::fs::create_dir_all(&roots.dev).expect("a folder");
        std::fs::write(roots.dev.join(name), "").expect("a node");
    }
    assert_eq!(looked(&roots), Presence::headless(), "nobody's");
    // The program that asks for a name at the first serial port.
    put_process(&roots, 70, "agetty", 0x0440);
    let typed = clock::utc() - jiff::SignedDuration::from_mins(3);
    let times = std::fs::FileTimes::new().set_accessed(typed.into());
    let node = std::fs::File::options()
        .write(true)
        .open(roots.dev.join("ttyS0"));
    node.expect("a node")
        .set_times(times)
        .expect("its time is set");
    let presence = looked(&roots);
    let ago = presence.last_input.expect("somebody typed");
    assert!(
        ago.abs_diff(Duration::from_mins(3)) < Duration::from_secs(2),
        "{ago:?}"
    );
    assert_eq!(presence.blind, None);
}

#[test]
fn a_screen_that_is_elsewhere_hides_whether_somebody_is_there() {
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    for name in ["Xvnc", "xrdp-chansrv", "x11vnc"] {
        put_process(&roots, 70, name, 0);
        let blind = looked(&roots).blind.expect("it cannot be known");
        assert!(blind.contains(name), "{blind}");
        assert_eq!(mended(&roots), Some(Mend::RemoteScreen));
    }
    put_process(&roots, 70, "Xorg", 0);
    assert_eq!(looked(&roots), Presence::headless());
    // A desktop that sees all input sees a shared screen's too, and no other's.
    for (name, hidden) in [("x11vnc", false), ("Xvnc", true)] {
        put_process(&roots, 70, name, 0);
        let all = Processes::read(&roots.proc);
        assert_eq!(inputs::elsewhere(&all, true).is_some(), hidden, "{name}");
    }
}

/// Files of a machine below `root`, with nobody's processes hidden and nothing else.
fn machine(root: &Path) -> Roots {
    let [proc, sys, dev, run] = ["proc", "sys", "dev", "run"].map(|name| root.join(name));
    std::fs::create_dir_all(proc.join("1")).expect("a folder");
    let first = "1 (init) S 0 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 1 1";
    std::fs::write(proc.join("1/stat"), first).expect("it is written");
    Roots {
        proc,
        sys,
        dev,
        run,
    }
}

fn looked(roots: &Roots) -> Presence {
    seen_at(roots).0
}

fn mended(roots: &Roots) -> Option<Mend> {
    seen_at(roots).1
}

fn seen_at(roots: &Roots) -> (Presence, Option<Mend>) {
    let processes = Processes::read(&roots.proc);
    let now = clock::monotonic();
    let seen = Seen::default();
    presence(
        &mut LastInput::default(),
        roots,
        &seen,
        false,
        &processes,
        now,
    )
}

/// Root included: the folder is a link that leads to itself.
#[track_caller]
fn check_closed(folder: &str) {
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    assert_eq!(seen_at(&roots), (Presence::headless(), None));
    let closed = root.path().join(folder);
    std::fs::create_dir_all(closed.parent().expect("a folder")).expect("a folder");
    std::os::unix::fs::symlink(&closed, &closed).expect("a link");
    let presence = looked(&roots);
    let blind = presence.blind.expect("it cannot be known");
    assert!(blind.contains(folder), "{blind}");
    assert_eq!(mended(&roots), Some(Mend::Files));
}

#[test]
fn what_may_not_be_listed_may_be_there() {
    check_closed("dev/input");
    check_closed("dev/pts");
    check_closed("run/systemd/seats");
}

#[test]
fn where_processes_are_hidden_terminals_tell_and_without_any_nothing_is_known() {
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    std::fs::remove_dir_all(roots.proc.join("1")).expect("hidden");
    let blind = looked(&roots).blind.expect("nobody can be seen");
    assert!(blind.contains("hidden"), "{blind}");
    assert_eq!(mended(&roots), Some(Mend::HiddenProcesses));
    // A shell of somebody else's: its process is hidden, its terminal is not.
    std::fs::create_dir_all(roots.dev.join("pts")).expect("a folder");
    std::fs::write(roots.dev.join("pts/3"), "").expect("a node");
    let presence = looked(&roots);
    assert_eq!(presence.blind, None);
    assert!(presence.last_input.is_some(), "{presence:?}");
}

#[test]
fn what_only_recordings_were_read_of_is_named_where_it_is_there() {
    let root = tempfile::tempdir().expect("a folder");
    let [proc, sys, dev, run] = ["proc", "sys", "dev", "run"].map(|name| root.path().join(name));
    let roots = Roots {
        proc,
        sys: sys.clone(),
        dev: dev.clone(),
        run,
    };
    let tree = Arc::new(Tree::without_groups(0));
    let senses = HostSenses::at(roots, tree, OwnWork::new());
    assert!(senses.met_recordings_only().is_empty());
    std::fs::create_dir_all(sys.join("class/power_supply/BAT0")).expect("a folder");
    std::fs::create_dir_all(dev.join("input")).expect("a folder");
    std::fs::write(dev.join("input/event0"), "").expect("a node");
    assert_eq!(senses.met_recordings_only(), ["input devices", "batteries"]);
    std::fs::create_dir_all(sys.join("class/hwmon/hwmon0")).expect("a folder");
    std::fs::write(sys.join("class/hwmon/hwmon0/temp1_input"), "41000\n").expect("a sensor");
    assert_eq!(
        senses.met_recordings_only(),
        ["input devices", "temperature sensors", "batteries"]
    );
}

#[test]
fn a_sensor_is_read_below_the_roots_and_one_that_vanishes_leaves_heat_unknown() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    let chip = roots.sys.join("class/hwmon/hwmon0");
    std::fs::create_dir_all(&chip).expect("a folder");
    std::fs::write(chip.join("temp1_input"), "61000\n").expect("a sensor");
    std::fs::write(chip.join("temp2_input"), "127000\n").expect("nothing connected");
    let tree = Arc::new(Tree::without_groups(0));
    let mut senses = HostSenses::at(roots, tree, OwnWork::new());
    let start = clock::monotonic();
    assert_eq!(senses.read(start).temperature_c, Sensed::Known(61.0));
    std::fs::remove_dir_all(&chip).expect("it vanishes");
    let Sensed::Unknown(why) = senses.read(start + TEMPERATURE_EVERY).temperature_c else {
        panic!("there is no sensor any more");
    };
    assert!(why.contains("no temperature sensor"), "{why}");
}

#[test]
fn this_machine_is_read_within_its_bounds() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let tree = Arc::new(Tree::without_groups(0));
    let mut senses = HostSenses::new(tree, OwnWork::new());
    let now = clock::monotonic();
    let first = senses.read(now);
    assert_eq!(first.load_of_others.known(), None);
    let used = first.memory_used.known().expect("memory is known");
    assert!((0.0..=1.0).contains(&used));
}

#[test]
fn what_others_use_is_known_where_one_looks_once_a_minute() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let roots = machine(root.path());
    let counters = roots.proc.join("stat");
    let tree = Arc::new(Tree::without_groups(0));
    let mut senses = HostSenses::at(roots, tree, OwnWork::new());
    let start = clock::monotonic();
    // In hundredths of a second, of the 120 s that two processors have in a minute.
    for (minute, busy, idle, expected) in [
        (0, 1000, 1000, None),
        (1, 10_000, 4000, Some(0.75)),
        (2, 10_000, 16_000, Some(0.0)),
    ] {
        std::fs::write(&counters, format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n"))
            .expect("counters");
        let reading = senses.read(start + Duration::from_mins(minute));
        assert_eq!(reading.load_of_others.known(), expected, "minute {minute}");
    }
}

#[test]
fn a_machine_that_slept_was_resumed_by_somebody() {
    let start = clock::monotonic();
    let later = |seconds| start + Duration::from_secs(seconds);
    let mut awake = Awake::default();
    assert_eq!(
        awake.resumed(Duration::from_hours(9), start),
        None,
        "long ago"
    );
    assert_eq!(awake.resumed(Duration::from_hours(9), later(1)), None);
    let slept = Duration::from_hours(17);
    assert_eq!(awake.resumed(slept, later(2)), Some(later(2)));
    assert_eq!(awake.resumed(slept, later(60)), Some(later(2)));
}
