//! Servers that live and answer nobody any more, and those that only seem to.

use super::*;

/// Three questions in four seconds: long enough for a loaded machine.
const WATCHFUL: Patience = Patience {
    between: Duration::from_millis(100),
    answer: Duration::from_secs(1),
    ..Patience::USUAL
};

/// More than three questions take.
const A_WHILE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_server_that_hangs_while_a_session_holds_it_is_started_again() {
    let machine = machine_with("hangs", WATCHFUL);
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let started = machine.servers.start("own", &permit).await;
    let first = started.expect("it comes up").pid;
    machine.world.write("hang", "");
    tokio::time::sleep(A_WHILE).await;
    let status = machine.servers.status("own").await.expect("known");
    assert_eq!((status.pid, status.healthy), (first, false));
    assert_eq!(machine.pids().len(), 1, "nobody works with it");
    let found = machine
        .servers
        .for_session(&machine.settings, &permit)
        .await;
    let hold = found.expect("it is up").expect("one is meant");
    let back = async {
        loop {
            let status = machine.servers.status("own").await.expect("known");
            if status.healthy && status.pid != first {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(15), back).await;
    let status = status.expect("it comes back");
    assert_eq!(status.restarts, 1);
    assert_eq!(status.url.as_deref(), Some(hold.url()), "where it was");
    assert_eq!(machine.pids().len(), 2);
    hold.gone().await;
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_frozen_server_is_none_that_hangs() {
    let machine = machine_with("well", WATCHFUL);
    let (permit, holder) = permit::operator(Arc::clone(&machine.tree));
    let hold = held(&machine.servers, &machine.settings, &permit).await;
    // As the supervisor does it.
    if !machine.tree.freeze() {
        left_out("a frozen model server", "nothing can be frozen here");
        return;
    }
    holder.freeze(clock::monotonic());
    tokio::time::sleep(A_WHILE).await;
    machine.tree.thaw();
    holder.thaw();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let status = machine.servers.status("own").await.expect("known");
    assert!(status.healthy && status.restarts == 0, "{status:?}");
    assert_eq!(machine.pids().len(), 1);
    hold.gone().await;
    assert!(machine.is_empty());
}

/// A server that hands on to `llm`, `how` the script says, and is soon known to hang.
fn watched(
    world: &World,
    llm: &FakeLlm,
    how: &str,
) -> (dreamer::config::Settings, Arc<Tree>, Servers) {
    let arguments = format!("{{port}} {} {how}", llm.port());
    let settings = world.settings_with_server(FALLS, &arguments);
    let tree = Arc::new(Tree::open("dreamer-test-server").expect("a tree"));
    let log = open_log(&settings);
    let servers = Servers::with_patience(&settings.llm, &tree, log, WATCHFUL);
    (settings, tree, servers.expect("a keeper"))
}

#[tokio::test]
async fn a_server_that_hangs_over_a_request_is_started_again_and_asked_once_more() {
    let world = World::new();
    let text = "an answer that is long enough".to_owned();
    let llm = FakeLlm::always(Behaviour::Say(text)).await;
    let (settings, tree, servers) = watched(&world, &llm, "stuck");
    let (permit, _holder) = permit::operator(tree);
    let hold = held(&servers, &settings.llm, &permit).await;
    let limits = Limits {
        idle: Duration::from_secs(2),
        ..Limits::default()
    };
    let client = client_of(&hold, &settings.llm).await.with_limits(limits);
    let reply = client.chat(&permit, &question()).await;
    assert!(reply.expect("an answer").text.contains("long enough"));
    let status = servers.status("own").await.expect("known");
    assert!(status.healthy && status.restarts == 1, "{status:?}");
    hold.gone().await;
}

/// It does one thing at a time, and that takes longer than it would be waited for.
#[tokio::test]
async fn a_server_that_works_on_a_request_is_none_that_hangs() {
    let world = World::new();
    let pause = Duration::from_secs(1);
    let text = "an answer that is long enough to take some seconds, event by event".to_owned();
    let llm = FakeLlm::always(Behaviour::Drip(text, pause)).await;
    let (settings, tree, servers) = watched(&world, &llm, "serial");
    let (permit, _holder) = permit::operator(tree);
    let hold = held(&servers, &settings.llm, &permit).await;
    let client = client_of(&hold, &settings.llm).await;
    let began = clock::monotonic();
    let reply = client.chat(&permit, &question()).await;
    assert!(began.elapsed() > A_WHILE, "{:?}", began.elapsed());
    assert!(reply.expect("an answer").text.contains("long enough"));
    let status = servers.status("own").await.expect("known");
    assert!(status.healthy && status.restarts == 0, "{status:?}");
    hold.gone().await;
}
