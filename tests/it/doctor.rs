//! The doctor: a backend that does not hold is found out and refused, one that holds is not. The leaks are real ones, made
//! by a bubblewrap that is told less than we tell it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dreamer::dream::{Finding, Health};
use dreamer::sandbox::{self, Bubblewrap, SandboxError, doctor};
use dreamer::supervisor::permit;
use dreamer::tree::Tree;

use crate::support::backends::{NAMESPACE, backends};
use crate::support::{World, ledger, left_out};

const BWRAP: &str = "/usr/bin/bwrap";

/// Bubblewrap behind a script that changes what it is told; nothing where it is not installed.
async fn leaky(world: &World, change: &str) -> Option<Bubblewrap> {
    let found = match Bubblewrap::find().await {
        Ok(found) if Path::new(BWRAP).exists() => found,
        Ok(_) => return None,
        Err(error) => {
            left_out("a sandbox that leaks", &error.to_string());
            return None;
        }
    };
    ledger("bubblewrap");
    let text = format!(
        "#!/bin/bash\nall=()\nfor word in \"$@\"; do\n{change}\nall+=(\"$word\")\ndone\nexec {BWRAP} \"${{all[@]}}\"\n"
    );
    let script = world.write("bwrap", text);
    for path in [world.path(), &script] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode is set");
    }
    Some(found.with_program(script))
}

/// Why the backend is refused; empty where it is not.
async fn refusal(change: &str) -> Option<String> {
    let world = World::new();
    let sandbox = leaky(&world, change).await?;
    let (permit, _holder) = permit::preflight(Arc::new(Tree::open(NAMESPACE).expect("a tree")));
    match sandbox::try_out(&sandbox, &permit).await {
        Ok(()) => Some(String::new()),
        Err(SandboxError::Unavailable(why)) => Some(why),
        Err(other) => panic!("{other}"),
    }
}

const SHARED_NETWORK: &str = "if [ \"$word\" = --unshare-net ]; then continue; fi";

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_holds_is_not_refused() {
    assert_eq!(refusal("").await.unwrap_or_default(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_shows_the_hosts_files_is_refused() {
    let shown = format!(
        "if [ \"$word\" = --proc ]; then all+=(--ro-bind {} /seen); fi",
        std::env::temp_dir().display()
    );
    if let Some(why) = refusal(&shown).await {
        assert!(why.contains("a planted secret: was read"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_shares_the_hosts_network_is_refused() {
    if let Some(why) = refusal(SHARED_NETWORK).await {
        assert!(
            why.contains("the network: a port of this machine was reached"),
            "{why}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canary_that_failed_is_named_with_what_to_do() {
    let world = World::new();
    let Some(leaky) = leaky(&world, SHARED_NETWORK).await else {
        return;
    };
    let (permit, _holder) = permit::preflight(Arc::new(Tree::open(NAMESPACE).expect("a tree")));
    let data = World::new();
    let found = doctor::of_one(&leaky, data.path(), &permit).await;
    let failed: Vec<_> = found.iter().filter(|f| !f.fix.is_empty()).collect();
    assert_eq!(failed.len(), 1, "{found:?}");
    assert_eq!(failed[0].check, "sandbox_bubblewrap_network");
    assert!(failed[0].fix.contains("DREAMING_SANDBOX"));
    let left = fs::read_dir(data.path()).expect("the folder").count();
    assert_eq!(left, 0, "the secret is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_canary_holds_on_every_backend_that_is_here() {
    for backend in backends("the canaries").await {
        let data = World::new();
        let found = doctor::of_one(backend.sandbox.as_ref(), data.path(), &backend.permit).await;
        let bad: Vec<&Finding> = found.iter().filter(|f| f.status != Health::Ok).collect();
        assert!(bad.is_empty(), "{bad:?}");
        assert_eq!(found.len(), 4, "{found:?}");
        backend.sandbox.settle().await;
    }
}

/// What follows from a finding mends nothing.
fn says_what_to_do(fix: &str) -> bool {
    const ORDERS: [&str; 21] = [
        "allow", "check", "end", "free", "give", "install", "let", "log", "look", "mend", "mount",
        "name", "raise", "run", "see", "set", "show", "start", "stop", "try", "wait",
    ];
    let mut sentences = fix.split([':', ';', ',']).map(str::trim_start);
    sentences.any(|one| ORDERS.contains(&one.split(' ').next().unwrap_or_default()))
}

#[test]
fn a_fix_is_an_order_and_not_only_what_follows() {
    assert!(says_what_to_do("for this sandbox: start Docker"));
    let consequence = "without it a dream goes on when the machine is unplugged";
    assert!(!says_what_to_do(consequence));
}

#[test]
fn the_command_prints_a_list_with_four_keys_each() {
    let world = World::new();
    let output = Command::new(env!("CARGO_BIN_EXE_dreamer"))
        .args(["doctor", "--json"])
        .env("DREAMING_DATA_DIR", world.path().join("data"))
        .env("DREAMING_OUTPUT_DIR", world.path().join("out"))
        .env("DREAMING_LLM_URL", "none")
        .env("DREAMING_DOCKER_NAMESPACE", NAMESPACE)
        .current_dir(world.path())
        .output()
        .expect("the program runs");
    let list: Vec<serde_json::Value> =
        serde_json::from_slice(&output.stdout).expect("a list of findings");
    for finding in &list {
        let keys: Vec<_> = finding.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["check", "status", "detail", "fix"]);
        let status = finding["status"].as_str().expect("a word");
        assert!(["ok", "warn", "fail"].contains(&status), "{finding}");
        let fix = finding["fix"].as_str().expect("a text");
        assert_eq!(status == "ok", fix.is_empty(), "{finding}");
        assert!(status == "ok" || says_what_to_do(fix), "{finding}");
    }
    let failed = list.iter().any(|finding| finding["status"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(failed)));
    for check in ["llm", "disk_data", "disk_output", "clock"] {
        assert!(
            list.iter().any(|finding| finding["check"] == check),
            "{check}"
        );
    }
}
