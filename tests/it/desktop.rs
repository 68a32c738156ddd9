//! What the desktop's services say, through stand-ins on a private bus, and what buses do that misbehave: never a hang,
//! never a missed wake.

use std::os::unix::fs::symlink;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dreamer::clock::{self, Instant};
use dreamer::config::{Desktop, Settings};
use dreamer::energy::host::{Answer, HostSenses, Roots, Source, Word};
use dreamer::energy::{
    EnergyManager, Hear, Limits, Listening, Notice, Noticed, OwnWork, Power, Presence, Reading,
    Sensed, Senses,
};
use dreamer::supervisor::wake_test::Typist;
use dreamer::tree::Tree;

use crate::support::World;
use crate::support::bus::{Bus, StandIn, let_in_then, odd_bus, say_nothing, talk_nonsense};

mod wayland;

/// A bus and everybody on it answer within milliseconds; a busy machine may take its time.
const SOON: Duration = Duration::from_secs(10);

/// Senses whose words a test can read while the manager has them.
#[derive(Clone)]
struct Shared(Arc<Mutex<HostSenses>>);

impl Senses for Shared {
    fn read(&mut self, now: Instant) -> Reading {
        self.0.lock().expect("no test panicked with it").read(now)
    }

    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        self.0
            .lock()
            .expect("no test panicked with it")
            .listen(hear)
    }
}

struct Watched {
    senses: Shared,
    energy: EnergyManager,
    noticed: Receiver<Noticed>,
}

impl Watched {
    fn on(roots: Roots, system: Option<&str>, session: Option<&str>) -> Self {
        let desktop = Desktop {
            system_bus: system.map(str::to_owned),
            session_bus: session.map(str::to_owned),
            ..Desktop::default()
        };
        Self::at(roots, &desktop)
    }

    fn at(roots: Roots, desktop: &Desktop) -> Self {
        let host = HostSenses::at(roots, Arc::new(Tree::without_groups(0)), OwnWork::new());
        let senses = Shared(Arc::new(Mutex::new(host.with_desktop(desktop))));
        let limits = Limits::of(&Settings::defaults_in(std::path::Path::new("/nowhere")));
        let energy = EnergyManager::new(Box::new(senses.clone()), limits);
        let (sender, noticed) = mpsc::channel();
        energy.register_alert_callback(Arc::new(move |notice| {
            sender.send(notice.clone()).ok();
        }));
        energy.start_monitoring();
        Self {
            senses,
            energy,
            noticed,
        }
    }

    fn word(&self, source: Source) -> Option<Word> {
        let words = self
            .senses
            .0
            .lock()
            .expect("no test panicked with it")
            .desktop();
        words
            .into_iter()
            .find(|(one, _)| *one == source)
            .map(|(_, word)| word)
    }

    #[track_caller]
    fn until(&self, source: Source, what: &str, holds: impl Fn(&Word) -> bool) {
        let began = clock::monotonic();
        loop {
            let word = self.word(source);
            if word.as_ref().is_some_and(&holds) {
                return;
            }
            assert!(began.elapsed() < SOON, "{source:?} is not {what}: {word:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn until_live(&self, source: Source) {
        self.until(source, "live", |word| word.answer == Answer::Live);
        // What came before is over.
        while self.noticed.try_recv().is_ok() {}
    }

    /// What is told next, and how long after `order`.
    #[track_caller]
    fn told_after(&self, order: impl FnOnce()) -> (Notice, Duration) {
        while self.noticed.try_recv().is_ok() {}
        let began = clock::monotonic();
        order();
        let noticed = self.noticed.recv_timeout(SOON).expect("it is told");
        (noticed.what, noticed.at.saturating_duration_since(began))
    }

    fn presence(&self) -> Presence {
        self.energy.get_metrics(clock::monotonic()).presence
    }
}

/// Files of a machine that a test makes up: nobody sits there.
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

/// A keyboard that nobody may watch, root included: its node leads to itself.
fn closed_keyboard(world: &World) {
    world.write("dev/input/mice", "");
    let node = world.path().join("dev/input/event3");
    symlink(&node, &node).expect("a link");
}

#[test]
fn the_login_manager_tells_at_once_of_sleep_unlock_login_and_film() {
    let world = World::new();
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["logind"]) else {
        return;
    };
    desktop.order("lock");
    let watched = Watched::on(roots(&world), Some(&bus.address), None);
    watched.until_live(Source::Logind);
    for (order, expected) in [
        ("sleep", Notice::Sleep),
        ("resume", Notice::Login),
        ("unlock", Notice::Login),
        ("login", Notice::Login),
        ("film", Notice::Login),
    ] {
        let (what, after) = watched.told_after(|| desktop.order(order));
        assert_eq!(what, expected, "{order}");
        println!("{order} was noticed after {after:?}");
        // About a millisecond on a quiet machine.
        assert!(after < Duration::from_millis(500), "{order}: {after:?}");
        watched.until_live(Source::Logind);
    }
    watched.until(Source::Logind, "seeing the film", |word| {
        word.doing.is_some()
    });
    let presence = watched.presence();
    assert_eq!(presence.doing.as_deref(), Some("player: a film"));
    assert_eq!(presence.last_input, Some(Duration::ZERO));
    desktop.order("film over");
    watched.until(Source::Logind, "over the film", |word| word.doing.is_none());
    let presence = watched.presence();
    assert_eq!(presence.doing, None);
    let ago = presence.last_input.expect("somebody watched until now");
    assert!(ago < SOON, "{ago:?}");
    // A lock is a timer's as often as a hand's, and wakes nobody.
    while watched.noticed.try_recv().is_ok() {}
    desktop.order("lock");
    let quiet = || watched.noticed.recv_timeout(Duration::from_millis(400));
    assert_eq!(quiet().ok(), None);
    // So does a job that a timer starts, and a screen that goes dark because nobody is there.
    desktop.order("job");
    assert_eq!(quiet().ok(), None);
    let before = watched.presence().last_input;
    desktop.order("screens idle");
    watched.until(Source::Logind, "idle", |word| word.still_since.is_some());
    assert_eq!(quiet().ok(), None);
    let presence = watched.presence();
    assert!(presence.still_for.is_some_and(|still| still < SOON));
    assert!(presence.last_input > before, "{presence:?}");
}

#[test]
fn somebody_elses_session_holds_a_dream_back_for_as_long_as_it_is_in_use() {
    let world = World::new();
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["logind"]) else {
        return;
    };
    let watched = Watched::on(roots(&world), Some(&bus.address), None);
    watched.until_live(Source::Logind);
    let presence = watched.presence();
    assert_eq!((presence.still_for, presence.doing), (None, None));
    desktop.order("somebody else");
    watched.until(Source::Logind, "occupied", |word| {
        word.foreign && word.occupied
    });
    let presence = watched.presence();
    assert_eq!(presence.still_for, Some(Duration::ZERO));
    let doing = presence.doing.expect("a film, for all that is known");
    assert!(doing.contains("somebody else's session"), "{doing}");
    desktop.order("somebody else idles");
    watched.until(Source::Logind, "left", |word| !word.occupied);
    let presence = watched.presence();
    assert_eq!((presence.still_for, presence.doing), (None, None));
}

#[test]
fn a_desktop_sees_what_a_closed_keyboard_hides_and_tells_of_the_return() {
    let world = World::new();
    closed_keyboard(&world);
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["mutter"]) else {
        return;
    };
    desktop.order("idle 90000");
    let watched = Watched::on(roots(&world), None, Some(&bus.address));
    watched.until(Source::Mutter, "idle", |word| word.idle.is_some());
    let presence = watched.presence();
    assert_eq!(presence.blind, None, "Mutter sees the keyboard");
    let (what, after) = watched.told_after(|| desktop.order("touch"));
    assert_eq!(what, Notice::Key, "nobody else tells which device it was");
    println!("a touch was noticed after {after:?}");
    assert!(after < Duration::from_millis(500), "{after:?}");
    // The next pause sets the watch anew, and the next touch is told again.
    for _ in 0..3 {
        desktop.order("pause");
        desktop.order("wait for the watch");
        let (what, _) = watched.told_after(|| desktop.order("touch"));
        assert_eq!(what, Notice::Key);
    }
    // Mutter goes: its word goes with it, and the keyboard is hidden again.
    desktop.order("mutter goes");
    watched.until(Source::Mutter, "gone", |word| {
        matches!(word.answer, Answer::Absent(_))
    });
    let blind = watched.presence().blind.expect("nobody sees the keyboard");
    assert!(blind.contains("event3"), "{blind}");
}

#[test]
fn beside_watched_devices_a_desktop_tells_of_a_hand_or_a_bump_and_no_more() {
    let world = World::new();
    world.write("dev/input/event0", "");
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["mutter"]) else {
        return;
    };
    desktop.order("idle 5000");
    let watched = Watched::on(roots(&world), None, Some(&bus.address));
    watched.until(Source::Mutter, "idle", |word| word.idle.is_some());
    let (what, _) = watched.told_after(|| desktop.order("touch"));
    assert_eq!(what, Notice::Pointer);
}

/// Mutter keeps every watch for as long as our connection lives: one too many would tell of a hand with each pause.
#[test]
fn a_pause_is_no_touch_though_another_service_came_and_went_and_mutter_was_slow() {
    let world = World::new();
    world.write("dev/input/event0", "");
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["mutter", "kde"]) else {
        return;
    };
    let watched = Watched::on(roots(&world), None, Some(&bus.address));
    watched.until(Source::Mutter, "idle", |word| word.idle.is_some());
    watched.until_live(Source::KdePower);
    let pauses = |desktop: &mut StandIn, what: &str| {
        while watched.noticed.try_recv().is_ok() {}
        desktop.order("pause");
        desktop.order("wait for the watch");
        let told = watched.noticed.recv_timeout(Duration::from_millis(400));
        assert_eq!(told.ok(), None, "{what}");
        // The hand itself is told, once.
        let (touch, _) = watched.told_after(|| desktop.order("touch"));
        assert_eq!(touch, Notice::Pointer, "{what}");
        let again = watched.noticed.recv_timeout(Duration::from_millis(400));
        assert_eq!(again.ok(), None, "{what}");
    };
    pauses(&mut desktop, "nothing has happened yet");
    for _ in 0..2 {
        desktop.order("kde goes");
        watched.until(Source::KdePower, "gone", |word| {
            matches!(word.answer, Answer::Absent(_))
        });
        desktop.order("kde comes");
        watched.until_live(Source::KdePower);
    }
    pauses(&mut desktop, "another service came and went");
    desktop.order("mutter is slow");
    desktop.order("kde goes");
    watched.until(Source::Mutter, "silent", |word| {
        matches!(word.answer, Answer::Unknown(_))
    });
    desktop.order("mutter is quick");
    desktop.order("kde comes");
    watched.until_live(Source::Mutter);
    pauses(&mut desktop, "Mutter was slow");
}

#[test]
fn applications_that_keep_the_session_from_idling_are_somebody() {
    let world = World::new();
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["gnome", "kde", "games"]) else {
        return;
    };
    let watched = Watched::on(roots(&world), None, Some(&bus.address));
    watched.until_live(Source::GameMode);
    assert_eq!(watched.presence().doing, None);
    for (service, source) in [
        ("gnome", Source::GnomeSession),
        ("kde", Source::KdePower),
        ("games", Source::GameMode),
    ] {
        let (what, _) = watched.told_after(|| desktop.order(&format!("{service} inhibits")));
        assert_eq!(what, Notice::Login, "{service}");
        assert!(watched.presence().doing.is_some(), "{service}");
        desktop.order(&format!("{service} inhibits no more"));
        watched.until(source, "released", |word| word.doing.is_none());
    }
    // A download forbids sleep and is nobody: the look that finds the film has asked KDE again.
    desktop.order("kde forbids sleep");
    let (what, _) = watched.told_after(|| desktop.order("gnome inhibits"));
    assert_eq!(what, Notice::Login);
    watched.until(Source::KdePower, "idle", |word| word.doing.is_none());
}

#[test]
fn the_power_service_knows_of_batteries_that_the_kernel_does_not_show() {
    let world = World::new();
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["upower"]) else {
        return;
    };
    let watched = Watched::on(roots(&world), Some(&bus.address), None);
    watched.until_live(Source::UPower);
    let power = || watched.energy.get_metrics(clock::monotonic()).power;
    assert_eq!(power(), Sensed::Known(Power::Mains));
    desktop.order("battery 41");
    let on_battery = Power::Battery { percent: Some(41) };
    watched.until(Source::UPower, "on battery", |word| {
        word.power == Some(on_battery)
    });
    assert_eq!(power(), Sensed::Known(on_battery));
    desktop.order("mains");
    watched.until(Source::UPower, "on mains", |word| {
        word.power == Some(Power::Mains)
    });
}

#[test]
fn a_bus_that_goes_away_is_named_and_followed_again_when_it_is_back() {
    let world = World::new();
    let Some(mut bus) = Bus::start(&world) else {
        return;
    };
    let Some(desktop) = StandIn::start(&bus, &["logind"]) else {
        return;
    };
    let watched = Watched::on(roots(&world), Some(&bus.address), None);
    watched.until_live(Source::Logind);
    assert_eq!(watched.presence().blind, None);
    bus.stop();
    drop(desktop);
    watched.until(Source::Logind, "gone", |word| word.answer != Answer::Live);
    let bus = Bus::start(&world).expect("it started before");
    let Some(_desktop) = StandIn::start(&bus, &["logind"]) else {
        return;
    };
    watched.until_live(Source::Logind);
    assert_eq!(watched.presence().blind, None);
}

#[test]
fn a_service_that_hangs_is_named_while_the_others_are_heard() {
    let world = World::new();
    let Some(bus) = Bus::start(&world) else {
        return;
    };
    let Some(mut desktop) = StandIn::start(&bus, &["logind", "upower"]) else {
        return;
    };
    desktop.order("logind talks nonsense");
    let watched = Watched::on(roots(&world), Some(&bus.address), None);
    watched.until_live(Source::UPower);
    let blind = watched.presence().blind.expect("logind is not understood");
    assert!(blind.starts_with("logind talks nonsense"), "{blind}");
}

/// The buses that only a stand-in can be: none of them may cost more than the desktop's own word.
#[test]
fn a_bus_that_never_answers_or_talks_nonsense_is_named_and_hides_no_key() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let world = World::new();
    let at = |name: &str| world.path().join(name);
    let buses = [
        (odd_bus(&at("silent"), say_nothing), "has not answered"),
        (odd_bus(&at("mad"), talk_nonsense), ""),
        (
            odd_bus(&at("numb"), |guest| let_in_then(guest, false)),
            "has not answered",
        ),
        (odd_bus(&at("sick"), |guest| let_in_then(guest, true)), ""),
    ];
    for (address, expected) in buses {
        // The real terminals, beside a bus that is none.
        let watched = Watched::on(Roots::default(), Some(&address), Some(&address));
        let mut typist = Typist::sit_down().expect("a terminal");
        std::thread::sleep(Duration::from_millis(100));
        for source in [Source::Logind, Source::Mutter] {
            watched.until(
                source,
                "named",
                |word| matches!(&word.answer, Answer::Unknown(why) if why.contains(expected)),
            );
        }
        let blind = watched.presence().blind.expect("a reason");
        println!("{address}: {blind}");
        while watched.noticed.try_recv().is_ok() {}
        let began = clock::monotonic();
        typist.press().expect("the key is read");
        let noticed = watched.noticed.recv_timeout(SOON).expect("it is noticed");
        let after = noticed.at.saturating_duration_since(began);
        assert_eq!(noticed.what, Notice::Key);
        assert!(after < Duration::from_millis(250), "{after:?}");
        let began = clock::monotonic();
        watched.energy.stop_monitoring();
        assert!(began.elapsed() < Duration::from_secs(2), "it stops at once");
    }
}

#[test]
fn where_no_bus_is_nobody_is_asked_and_nothing_is_unknown() {
    let world = World::new();
    let nowhere = format!("unix:path={}", world.path().join("nowhere").display());
    let watched = Watched::on(roots(&world), Some(&nowhere), Some(&nowhere));
    assert_eq!(
        watched
            .senses
            .0
            .lock()
            .expect("no test panicked with it")
            .desktop(),
        []
    );
    assert_eq!(watched.presence(), Presence::headless());
}
