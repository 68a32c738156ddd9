//! Holds the house's directions, owners and sizes on every file of `src`, by parsing it: `use` trees, inline paths and
//! the insides of macros, whether they begin with `crate`, `self` or `super`.
//!
//! The rules stand in `architecture/rules.rs`, each proved below by a small source that breaks it.

mod paths;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use rules::{LONG_FILES, LONG_LINES, check_source};

/// Every Rust file below `src`, as its module path and its text.
fn sources() -> Vec<(PathBuf, Vec<String>, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("an entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let short = path.strip_prefix(&src).expect("it lies below").to_owned();
                let text = fs::read_to_string(&path).expect("source is UTF-8");
                found.push((short.clone(), module_of(&short), text));
            }
        }
    }
    assert!(found.len() > 30, "the walk found the program");
    found.sort();
    found
}

/// `sandbox/docker.rs` is `sandbox::docker`; `lib.rs` is the crate itself.
fn module_of(short: &Path) -> Vec<String> {
    let module = short.with_extension("");
    let parts = module
        .iter()
        .map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "lib").collect()
}

#[test]
fn every_path_keeps_the_directions_of_the_house() {
    let mut broken = Vec::new();
    for (file, module, text) in sources() {
        for violation in check_source(&module, &text) {
            broken.push(format!("src/{}: {violation}", file.display()));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn long_files_are_listed_and_what_is_listed_is_long() {
    let sources = sources();
    let name = |file: &Path| file.display().to_string();
    for (file, _, text) in &sources {
        assert_ne!(file.file_name().unwrap(), "mod.rs", "{}", file.display());
        let listed = LONG_FILES.contains(&name(file).as_str());
        let lines = text.lines().count();
        assert!(
            lines <= LONG_LINES || listed,
            "src/{} has {lines} lines: split it, or list it in rules.rs",
            file.display()
        );
    }
    for listed in LONG_FILES {
        let long = |text: &str| text.lines().count() > LONG_LINES;
        let is_there = |(file, _, text): &(PathBuf, _, String)| name(file) == *listed && long(text);
        assert!(
            sources.iter().any(is_there),
            "{listed} is gone, or long no more; take it off the list"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (file, _, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "src/{} opens with //!",
            file.display()
        );
    }
}

#[track_caller]
fn breaks(module: &str, source: &str, expected: &str) {
    let module: Vec<String> = module.split("::").map(str::to_owned).collect();
    let found = check_source(&module, source);
    assert!(
        found.iter().any(|violation| violation.contains(expected)),
        "{module:?} with `{source}` breaks {expected:?}, found {found:?}"
    );
}

#[track_caller]
fn keeps(module: &str, source: &str) {
    let module: Vec<String> = module.split("::").map(str::to_owned).collect();
    assert_eq!(
        check_source(&module, source),
        Vec::<String>::new(),
        "{source}"
    );
}

#[test]
fn a_lower_room_never_names_a_higher_one_however_it_spells_it() {
    for source in [
        "use crate::engine::budget;",
        "use crate::{ids::DreamId, engine};",
        "use crate::engine as motor;",
        "use super::engine::Budget;",
        "pub use super::super::guardian::engine::X;",
        "fn f() { crate::engine::go(); }",
        "fn f(x: super::engine::Budget) {}",
        "impl crate::engine::Go for X {}",
        "fn f() { tokio::select! { _ = crate::engine::go() => {} } }",
        "fn f() { assert!({ let y = [super::engine::go()]; true }); }",
        "mod inner { use super::super::engine::Budget; }",
        "#[cfg(test)] mod tests { fn f() { super::super::engine::go() } }",
    ] {
        if source.contains("guardian::engine") {
            // Inside the same room after all.
            keeps("guardian::deep", source);
        } else {
            breaks("guardian", source, "engine");
        }
    }
    breaks(
        "dream::value",
        "use crate::similarity::MinHash;",
        "similarity",
    );
    breaks("similarity", "use crate::store::Store;", "store");
    breaks("tree", "use crate::sandbox::Job;", "sandbox");
    breaks("engine", "use crate::supervisor::Supervisor;", "supervisor");
    breaks("supervisor", "use crate::http::Control;", "http");
    breaks("app", "use crate::cli::Exit;", "cli");
    breaks("http", "use crate::app::App;", "app");
    keeps(
        "app",
        "use crate::{http::Control, supervisor, engine, store::Store};",
    );
    keeps("http", "use crate::supervisor::SupervisorHandle;");
    keeps("main", "fn main() { dreamer::cli::main() }");
}

#[test]
fn parts_never_name_a_part_nor_worlds_a_world() {
    breaks("weaver", "use crate::pack::Task;", "pack");
    breaks(
        "knowledge::graph",
        "use crate::guardian::Judgement;",
        "guardian",
    );
    breaks("llm", "use crate::store::Store;", "store");
    breaks("sandbox::docker", "use crate::llm::Llm;", "llm");
    breaks("energy::host", "use crate::sandbox::Job;", "sandbox");
    keeps("energy::host", "use super::Senses; use crate::tree::Tree;");
    keeps("energy", "use crate::energy::host::HostSenses;");
    keeps("journal::page", "use crate::lessons::LessonsStore;");
    keeps("lessons", "use crate::journal::plain;");
    keeps(
        "weaver::prompt",
        "use crate::llm::Llm; use crate::similarity::MinHash;",
    );
}

#[test]
fn two_types_may_be_named_from_below_and_nothing_else_of_their_rooms() {
    for module in ["engine", "weaver", "llm", "sandbox::docker", "tree"] {
        keeps(
            module,
            "use crate::supervisor::permit::{Ended, Pace, PermitKind, WorkPermit};",
        );
        breaks(
            module,
            "use crate::supervisor::permit;",
            "supervisor::permit",
        );
        breaks(
            module,
            "use crate::supervisor::permit::PermitHolder;",
            "PermitHolder",
        );
        breaks(module, "use crate::supervisor::permit::*;", "permit::*");
        breaks(
            module,
            "use crate::supervisor::WorkPermit;",
            "supervisor::WorkPermit",
        );
    }
    breaks(
        "store",
        "use crate::supervisor::permit::WorkPermit;",
        "WorkPermit",
    );
    breaks(
        "similarity",
        "use crate::supervisor::permit::WorkPermit;",
        "WorkPermit",
    );
    keeps("journal", "use crate::guardian::VerifiedDream;");
    breaks("journal", "use crate::guardian::Guardian;", "Guardian");
    breaks(
        "pack",
        "use crate::guardian::VerifiedDream;",
        "VerifiedDream",
    );
    keeps(
        "cli::verify",
        "use crate::supervisor::permit::{operator, preflight};",
    );
}

#[test]
fn every_outside_crate_has_its_owner() {
    for (owner, source) in [
        ("store::rows", "use rusqlite::Connection;"),
        ("sandbox::docker::container", "use bollard::Docker;"),
        ("http::api", "use ::axum::Router;"),
        ("energy::host", "fn f(c: &zbus::Connection) {}"),
        ("llm::wire", "fn f() -> reqwest::Client { x() }"),
        ("cli::client", "use reqwest::Client;"),
        ("app", "use anyhow::Context;"),
        ("config::layers", "use toml::de;"),
        ("telemetry", "use tracing_subscriber::fmt;"),
        ("supervisor::jobs", "use tokio_cron_scheduler::Job;"),
    ] {
        keeps(owner, source);
        breaks("engine", source, "belongs to");
    }
    breaks("sandbox::bubblewrap", "use bollard::Docker;", "bollard");
    breaks(
        "engine",
        "fn f() { vec![rusqlite::params![1]]; }",
        "rusqlite",
    );
}

#[test]
fn proofs_are_made_in_one_place() {
    breaks(
        "journal",
        "fn f() { VerifiedDream { candidate: c } }",
        "VerifiedDream",
    );
    keeps("guardian", "fn f() { VerifiedDream { candidate: c } }");
    breaks("cli::verify", "fn f() { mint(kind) }", "mint");
    breaks("app", "use crate::supervisor::permit::mint as m;", "mint");
    breaks("app", "fn f() { x.mint() }", "mint");
    keeps("supervisor::session", "fn f() { permit::mint(kind) }");
    breaks(
        "guardian",
        "#[derive(Clone)] pub struct VerifiedDream { x: u8 }",
        "derive Clone",
    );
    breaks(
        "guardian",
        "pub struct VerifiedDream { pub x: u8 }",
        "private",
    );
    breaks(
        "supervisor::permit",
        "#[derive(serde::Serialize)] pub struct WorkPermit { x: u8 }",
        "derive Serialize",
    );
}

#[test]
fn rooms_that_the_house_does_not_know_are_refused() {
    breaks("engine", "use crate::helpers::Util;", "no room");
    breaks("manager", "use crate::ids::DreamId;", "no room");
    breaks("engine", "use crate::*;", "no room");
}
