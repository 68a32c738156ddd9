//! The rules of the house over what a file names. Change them together with ARCHITECTURE.md.

use super::paths::{self, Named};

/// Above this a file is looked at again.
pub(super) const LONG_LINES: usize = 450;

/// Looked at and left whole, or waiting for their split.
pub(super) const LONG_FILES: &[&str] = &[];

/// A room may name every layer below its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Vocabulary,
    Pure,
    Tree,
    World,
    Part,
    Engine,
    Supervisor,
    Http,
    App,
    Cli,
    Main,
}

/// Each room with its layer. A nested name is a room of its own inside another.
const ROOMS: &[(&str, Layer)] = &[
    ("dream", Layer::Vocabulary),
    ("ids", Layer::Vocabulary),
    ("clock", Layer::Vocabulary),
    ("config", Layer::Vocabulary),
    ("here", Layer::Vocabulary),
    ("memory", Layer::Vocabulary),
    ("chance", Layer::Pure),
    ("preface", Layer::Pure),
    ("similarity", Layer::Pure),
    ("tree", Layer::Tree),
    ("energy::host", Layer::World),
    ("llm", Layer::World),
    ("sandbox", Layer::World),
    ("store", Layer::World),
    ("coder", Layer::Part),
    ("energy", Layer::Part),
    ("experience", Layer::Part),
    ("guardian", Layer::Part),
    ("journal", Layer::Part),
    ("knowledge", Layer::Part),
    ("learning", Layer::Part),
    ("models", Layer::Part),
    ("pack", Layer::Part),
    ("weaver", Layer::Part),
    ("engine", Layer::Engine),
    ("supervisor", Layer::Supervisor),
    ("http", Layer::Http),
    ("telemetry", Layer::Http),
    ("app", Layer::App),
    ("cli", Layer::Cli),
    ("main", Layer::Main),
];

/// Files that belong to a room of another name.
const SAME_ROOM: &[(&str, &str)] = &[("lessons", "journal"), ("curator", "journal")];

/// What may be named from below, and by whom.
const NAMED_FROM_BELOW: &[(&str, &[&str])] = &[
    ("supervisor::permit::WorkPermit", PERMIT_HOLDERS),
    ("supervisor::permit::Ended", PERMIT_HOLDERS),
    ("supervisor::permit::PermitKind", PERMIT_HOLDERS),
    ("supervisor::permit::Pace", PERMIT_HOLDERS),
    ("guardian::VerifiedDream", &["journal"]),
    // The machine's senses implement the trait of the room around them.
    ("energy", &["energy::host"]),
];

const PERMIT_HOLDERS: &[&str] = &[
    "engine",
    "coder",
    "experience",
    "guardian",
    "journal",
    "knowledge",
    "learning",
    "models",
    "pack",
    "weaver",
    "llm",
    "sandbox",
    "tree",
];

/// Outside crates and the modules that may name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("anyhow", &["main", "cli", "app"]),
    ("axum", &["http"]),
    ("bollard", &["sandbox::docker"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("dotenvy", &["config"]),
    ("libloading", &["energy::host"]),
    ("reqwest", &["llm", "experience::sink::http", "cli"]),
    ("rusqlite", &["store"]),
    ("rusqlite_migration", &["store"]),
    ("tokio_cron_scheduler", &["supervisor"]),
    ("toml", &["config", "pack"]),
    ("tracing_subscriber", &["telemetry"]),
    ("zbus", &["energy::host"]),
];

/// Structs that prove something: which derives would let anybody make one.
const PROOFS: &[(&str, &[&str])] = &[
    (
        "VerifiedDream",
        &["Clone", "Copy", "Default", "Deserialize"],
    ),
    ("WorkPermit", &["Default", "Serialize", "Deserialize"]),
];

/// Everything in this source that breaks a rule, one sentence each.
pub(super) fn check_source(module: &[String], source: &str) -> Vec<String> {
    let named = paths::read(module, source);
    let mut broken = Vec::new();
    match room_of(module) {
        Some(from) => broken.extend(named.ours.iter().filter_map(|path| direction(from, path))),
        // The crate's root holds modules and nothing else.
        None if module.is_empty() => {
            let paths = named.ours.iter();
            broken.extend(paths.map(|path| format!("lib.rs names {}", path.join("::"))));
        }
        None => broken.push(format!("there is no room {}", module.join("::"))),
    }
    broken.extend(
        named
            .others
            .iter()
            .filter_map(|path| ownership(module, path)),
    );
    broken.extend(proofs(module, &named));
    broken.dedup();
    broken
}

fn room_of(path: &[String]) -> Option<(&'static str, Layer)> {
    let first = path.first()?.as_str();
    let renamed = SAME_ROOM.iter().find(|(file, _)| *file == first);
    let first = renamed.map_or(first, |(_, room)| room);
    let nested = path.get(1).map(|second| format!("{first}::{second}"));
    let is = |name: &str| nested.as_deref() == Some(name) || first == name;
    // Nested rooms stand before the rooms around them.
    ROOMS.iter().find(|(name, _)| is(name)).copied()
}

fn direction((from, layer): (&str, Layer), path: &[String]) -> Option<String> {
    if path.is_empty() {
        // `pub(crate)` and the like.
        return None;
    }
    let to = path.join("::");
    let Some((room, below)) = room_of(path) else {
        return Some(format!(
            "{from} names {to}, and there is no room of that name"
        ));
    };
    let lower = below < layer || (below == layer && layer == Layer::Vocabulary);
    let excepted = NAMED_FROM_BELOW
        .iter()
        .any(|(name, rooms)| within(&to, name) && rooms.contains(&from));
    if from == room || lower || excepted {
        return None;
    }
    Some(format!("{from} ({layer:?}) names {to} ({below:?})"))
}

fn ownership(module: &[String], path: &[String]) -> Option<String> {
    let (name, owners) = OWNERS.iter().find(|(name, _)| path[0] == *name)?;
    let module = module.join("::");
    if owners.iter().any(|owner| within(&module, owner)) {
        return None;
    }
    Some(format!(
        "{module} names {name}, which belongs to {}",
        owners.join(", ")
    ))
}

fn proofs(module: &[String], named: &Named) -> Vec<String> {
    let mut broken = Vec::new();
    let first = module.first().map_or("", String::as_str);
    if first != "guardian" && named.literals.iter().any(|name| name == "VerifiedDream") {
        broken.push("a VerifiedDream is made outside the guardian".to_owned());
    }
    let mut paths = named.ours.iter().chain(&named.others);
    let mints = paths.any(|path| path.last().is_some_and(|name| name == "mint"))
        || named.methods.iter().any(|name| name == "mint");
    if first != "supervisor" && mints {
        broken.push("mint is named outside the supervisor".to_owned());
    }
    for item in &named.structs {
        let Some((name, banned)) = PROOFS.iter().find(|(name, _)| item.name == *name) else {
            continue;
        };
        if !item.all_private {
            broken.push(format!("the fields of {name} are private"));
        }
        let derived = item.derives.iter().filter(|d| banned.contains(&d.as_str()));
        broken.extend(derived.map(|derive| format!("{name} must not derive {derive}")));
    }
    broken
}

/// Whether `path` is `name` or lies inside it.
fn within(path: &str, name: &str) -> bool {
    path.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
