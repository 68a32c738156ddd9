//! The senses on the real machine: a pty, real nodes, real processes.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use dreamer::clock;
use dreamer::energy::host::HostSenses;
use dreamer::energy::{EnergyManager, Notice, OwnWork};
use dreamer::supervisor::wake_test::Typist;
use dreamer::tree::Tree;

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
    let looked = energy.measure(clock::monotonic());
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
