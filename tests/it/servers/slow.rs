//! Servers that come up late, not at all, or cannot be started: who is waited for, and for how long.

use super::*;

/// Less than the script that loads takes, but more than its interpreter.
const BRIEF: Patience = Patience {
    coming_up: Duration::from_secs(3),
    ..Patience::USUAL
};

#[tokio::test]
async fn a_server_that_says_that_it_loads_is_waited_for_longer_than_a_silent_one() {
    let machine = machine_with("loads", BRIEF);
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let began = clock::monotonic();
    let status = machine.servers.start("own", &permit).await;
    let status = status.expect("it comes up");
    assert!(began.elapsed() > BRIEF.coming_up, "it took its time");
    assert!(status.healthy && status.restarts == 0, "{status:?}");
    assert_eq!(machine.pids().len(), 1);
    machine.servers.stop("own").await.expect("it goes");
}

async fn never_up(mode: &str, patience: Patience) -> String {
    let machine = machine_with(mode, patience);
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let why = match machine.servers.start("own", &permit).await {
        Err(ServerError::Failed { why, .. }) => why,
        other => panic!("it never comes up: {other:?}"),
    };
    assert_eq!(machine.pids().len(), 1, "and is not tried again");
    assert!(machine.is_empty());
    why
}

#[tokio::test]
async fn a_server_that_loads_for_ever_or_says_nothing_is_given_up() {
    let hasty = Patience {
        loading: Duration::from_secs(1),
        ..Patience::USUAL
    };
    let why = never_up("loads", hasty).await;
    assert!(why.contains("still loaded"), "{why}");
    let why = never_up("mute", BRIEF).await;
    assert!(why.contains("did not answer"), "{why}");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_not_tried_again_and_again() {
    let machine = machine("well");
    let plain = machine.world.write("plain", "no program");
    for program in ["/nowhere/at-all", plain.to_str().expect("a name")] {
        let mut settings = machine.settings.clone();
        program.clone_into(&mut settings.servers[0].command[0]);
        machine.servers.reload(&settings);
        let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
        let began = clock::monotonic();
        let error = machine.servers.start("own", &permit).await;
        let error = error.expect_err("it is no program").to_string();
        assert!(error.contains("cannot be started"), "{error}");
        assert!(began.elapsed() < Duration::from_millis(900), "no back-off");
        let status = machine.servers.status("own").await.expect("known");
        assert_eq!(status.state, "failed");
    }
    assert!(machine.pids().is_empty());
}

/// The keeper hears of its end and of its last words in one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_last_words_of_a_server_are_in_its_log() {
    let machine = machine("speaks");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let status = machine.servers.start("own", &permit).await;
    let pid = status.expect("it comes up").pid.expect("a process");
    let mut busy = tokio::task::JoinSet::new();
    busy.spawn(async { std::thread::sleep(Duration::from_secs(1)) });
    std::thread::sleep(Duration::from_millis(200));
    let raw = nix::unistd::Pid::from_raw(pid.cast_signed());
    nix::sys::signal::kill(raw, nix::sys::signal::Signal::SIGTERM).expect("it is ours");
    busy.join_all().await;
    let fell = async {
        while machine.servers.status("own").await.expect("known").state == "ready" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let fell = tokio::time::timeout(Duration::from_secs(5), fell).await;
    fell.expect("it is seen that it fell");
    let log = machine.world.path().join("logs/server-own.log");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("its last words"), "{log}");
    machine.servers.stop("own").await.expect("it goes");
    assert!(machine.is_empty());
}
