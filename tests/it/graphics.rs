//! What others do on a graphics card, by a stand-in for the driver's library that `cc` makes here.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::config::Settings;
use dreamer::energy::gate::GateKind;
use dreamer::energy::host::{HostSenses, Roots};
use dreamer::energy::{OwnWork, Reading, Sensed, Senses};
use dreamer::supervisor::Judged;
use dreamer::supervisor::memory::Remembered;
use dreamer::tree::Tree;

use crate::support::{World, left_out};

const STUB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nvml/stub.c");

/// A machine with a card and little else, whose card does what the file `card` says.
struct Machine {
    world: World,
    senses: HostSenses,
    own: OwnWork,
    ticks: u64,
}

impl Machine {
    fn with_card() -> Option<Self> {
        let world = World::new();
        let state = world.write("card", "");
        let library: PathBuf = world.path().join("libnvidia-ml.so.1");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(format!("-DSTATE=\"{}\"", state.display()))
            .arg(STUB)
            .status();
        match made {
            Ok(status) => assert!(status.success(), "the stand-in is compiled"),
            Err(error) => {
                left_out("a graphics card's library", &format!("cc: {error}"));
                return None;
            }
        }
        for (file, text) in [("vendor", "0x10de"), ("class", "0x030000")] {
            world.write(&format!("sys/bus/pci/devices/0000:01:00.0/{file}"), text);
        }
        let at = |name: &str| world.path().join(name);
        let roots = Roots {
            proc: at("proc"),
            sys: at("sys"),
            dev: at("dev"),
            run: at("run"),
        };
        let tree = Arc::new(Tree::without_groups(0));
        let own = OwnWork::new();
        let senses = HostSenses::at(roots, tree, own.clone()).with_graphics(&library);
        Some(Self {
            world,
            senses,
            own,
            ticks: 0,
        })
    }

    /// A look half a second after the one before, with idle processors and this card.
    fn look(&mut self, card: &str) -> Reading {
        self.world.write("card", card);
        self.ticks += 100;
        let idle = format!(
            "cpu  10 0 10 {} 0 0 0 0 0 0\ncpu0 10 0 10 {} 0 0 0 0 0 0\n",
            self.ticks, self.ticks
        );
        self.world.write("proc/stat", idle);
        std::thread::sleep(Duration::from_millis(220));
        self.senses.read(clock::monotonic())
    }
}

#[test]
fn what_others_compute_on_a_card_is_their_load_and_what_we_do_is_not() {
    let Some(mut machine) = Machine::with_card() else {
        return;
    };
    let us = std::process::id();
    machine.world.write(
        &format!("proc/{us}/stat"),
        format!("{us} (dreamer) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 1 1"),
    );
    machine.look("");
    for (card, expected) in [
        ("process 4711 80\n", 0.8),
        ("process 4711 30\nprocess 4712 20\n", 0.5),
        (&format!("process {us} 90\nprocess 4712 20\n"), 0.2),
        ("", 0.0),
        // An older card does not tell who used how much.
        ("old\nbusy 60\nprocess 4711 0\n", 0.6),
        (&format!("old\nbusy 60\nprocess {us} 0\n"), 0.0),
    ] {
        let reading = machine.look(card);
        let load = reading.load().expect("the share is known");
        assert!((load - expected).abs() < 1e-6, "{card}: {load}");
    }
    assert_eq!(machine.senses.graphics(), Some(Ok(0.0)));
}

#[test]
fn a_model_in_a_container_is_not_taken_for_another_programs_graphics() {
    let Some(mut machine) = Machine::with_card() else {
        return;
    };
    // Port 8080, held by what only passes on to a container.
    let line = "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 4711 1 0";
    machine
        .world
        .write("proc/net/tcp", format!("head\n{line}\n"));
    let proxy = "77 (docker-proxy) S 1 77 77 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 1 1";
    machine.world.write("proc/77/stat", proxy);
    machine.world.write("proc/77/fd/0", "");
    let held = machine.world.path().join("proc/77/fd/3");
    std::os::unix::fs::symlink("socket:[4711]", held).expect("a link");
    machine.look("");
    let model = "process 4711 95\ntemperature 60\n";
    let request = machine.own.begin_llm("http://127.0.0.1:8080");
    for _ in 0..2 {
        let reading = machine.look(model);
        let Some(Sensed::Unknown(why)) = &reading.graphics else {
            panic!("whose it is cannot be known: {reading:?}");
        };
        assert!(why.contains("8080"), "{why}");
        assert_eq!(reading.load(), None, "nothing freezes us for it");
    }
    let idle = machine.look("");
    assert_eq!(idle.graphics, Some(Sensed::Known(0.0)), "nobody computes");
    drop(request);
    // The look after its end still covers a part of it.
    machine.look(model);
    let reading = machine.look(model);
    assert_eq!(reading.graphics, Some(Sensed::Known(0.95)));
}

#[test]
fn a_hot_card_is_heat_and_a_broken_library_is_named_and_hides_no_processor() {
    let Some(mut machine) = Machine::with_card() else {
        return;
    };
    machine.look("");
    // Sensors are read every two seconds.
    std::thread::sleep(Duration::from_secs(2));
    let reading = machine.look("temperature 120\n");
    assert_eq!(reading.temperature_c, Sensed::Known(120.0));
    let reading = machine.look("broken\n");
    assert_eq!(
        reading.load_of_others,
        Sensed::Known(0.0),
        "the processors are idle"
    );
    let Some(Sensed::Unknown(why)) = &reading.graphics else {
        panic!("it is broken: {reading:?}");
    };
    assert!(why.contains("999"), "{why}");
    // `why` says it where a person looks.
    let settings = Settings::defaults_in(machine.world.path());
    let noon = "2026-11-21T12:00[UTC]".parse().expect("a time");
    let judged = Judged::new(&reading, &settings, &noon, Remembered::default());
    let gate = judged.gates.iter().find(|gate| gate.gate == GateKind::Load);
    let gate = gate.expect("there is one");
    assert!(gate.open && gate.reason.contains("999"), "{gate:?}");
}
