//! For whom a server runs: a session keeps its own until it is over, and nobody's server is started for somebody who went away.

use dreamer::cli::client::{Client, ServerAsk};
use dreamer::http::Control;
use dreamer::supervisor::{Purpose, Supervisor, SupervisorParts};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::support::senses::Script;

/// The machine's settings with another line for its server.
fn changed(machine: &Machine) -> LlmSettings {
    let mut settings = machine.settings.clone();
    settings.servers[0].command.push("anew".to_owned());
    settings
}

fn command_line(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs")
}

#[tokio::test]
async fn a_line_that_was_changed_takes_effect_once_the_session_is_over() {
    let machine = machine("well");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let hold = held(&machine.servers, &machine.settings, &permit).await;
    let settings = changed(&machine);
    machine.servers.reload(&settings);
    // Longer than a server is asked to end before it is ended.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(is_well(hold.url()).await, "the session goes on with it");
    let status = machine.servers.status("own").await.expect("known");
    assert_eq!(status.pid, machine.pids().first().copied());
    // The next session waits for its place.
    let (next, _next_holder) = permit::operator(Arc::clone(&machine.tree));
    let (found, ()) = tokio::join!(machine.servers.for_session(&settings, &next), hold.gone());
    let hold = found.expect("it comes up").expect("one is meant");
    let pids = machine.pids();
    assert_eq!(pids.len(), 2);
    assert!(command_line(pids[1]).contains("anew"));
    hold.gone().await;
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_line_that_was_changed_ends_what_no_session_works_with() {
    let machine = machine("well");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let started = machine.servers.start("own", &permit).await;
    started.expect("it comes up");
    machine.servers.reload(&changed(&machine));
    let started = machine.servers.start("own", &permit).await;
    let pid = started.expect("it comes up").pid.expect("a process");
    assert_eq!(machine.pids().len(), 2);
    assert!(command_line(pid).contains("anew"));
    machine.servers.stop("own").await.expect("it goes");
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_any_more_ends_unless_somebody_else_asked_too() {
    let machine = machine("loads");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let ask = || machine.servers.start("own", &permit);
    let brief = Duration::from_secs(1);
    let gone = tokio::time::timeout(brief, ask()).await;
    assert!(gone.is_err(), "it still loads");
    machine.emptied(Duration::from_secs(2)).await;
    let (gone, status) = tokio::join!(tokio::time::timeout(brief, ask()), ask());
    assert!(gone.is_err(), "one goes away again");
    assert!(status.expect("the other one has it").healthy);
    // Whoever asks now and goes away does not take it from him who has it.
    drop(tokio::time::timeout(Duration::ZERO, ask()).await);
    tokio::time::sleep(brief).await;
    let status = machine.servers.status("own").await.expect("known");
    assert!(status.healthy, "{status:?}");
    machine.servers.stop("own").await.expect("it goes");
    assert!(machine.is_empty());
}

/// Ctrl-C of `dreamer models server start` closes its connection, and no more.
#[tokio::test]
async fn a_request_that_is_dropped_ends_the_start_that_it_asked_for() {
    let machine = machine("loads");
    let folder = machine.world.path();
    let control = Control::bind(folder).await.expect("the socket is free");
    let mut settings = dreamer::config::Settings::defaults_in(folder);
    settings.llm = machine.settings.clone();
    let supervisor = Supervisor::start(SupervisorParts::new(
        Purpose::Service,
        settings,
        Script::calm().senses(),
        Arc::clone(&machine.tree),
        Arc::new(|_, _, _| Box::pin(std::future::pending())),
    ));
    let (mut serving, stop) = (JoinSet::new(), CancellationToken::new());
    let control = control.with_servers(machine.servers.clone());
    serving.spawn(control.serve(supervisor.clone(), stop.clone()));
    let client = Client::connect(folder).await.expect("it answers");
    let client = client.expect("it is there");
    let asking = client.server("own", ServerAsk::Start);
    let gone = tokio::time::timeout(Duration::from_secs(1), asking).await;
    assert!(gone.is_err(), "it still loads");
    assert_eq!(machine.pids().len(), 1, "it was begun");
    machine.emptied(Duration::from_secs(2)).await;
    supervisor.shutdown().await;
    stop.cancel();
    serving.join_all().await;
}
