//! The hostile programs: files in `tests/fixtures/hostile/`, each with a header that says what it does, how it has to end
//! on each backend, and what else must be seen.
//!
//! The header: the first line says what the program does; then `# key: value` lines. `docker` and `bubblewrap` name the
//! ending (`exited 0`, `signaled 6`, `cpu`; more than one with `or` between them only where the kernel decides), `limits`
//! changes limits, `stdout` is the exact output as JSON, `left` how many processes it leaves, `within_ms` how long it may
//! take, `before` a program that runs before it in the same sandbox, `runner` whether the sandbox can be used again
//! (`clean`, `spent` or `any`; with a backend's name and `_` before it for that one alone), `arch` the only processor
//! that has what it tries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dreamer::dream::Ending;
use dreamer::sandbox::{Backend, Job, Limits};

/// What every program is held to unless its header says otherwise.
const LIMITS: Limits = Limits {
    cpu_ms: 1_000,
    wall_ms: 6_000,
    memory_bytes: 512 << 20,
    output_bytes: 1 << 20,
    file_bytes: 16 << 20,
    processes: 64,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Clean,
    Spent,
    Any,
}

#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) limits: Limits,
    pub(super) stdout: Option<String>,
    pub(super) left: Option<String>,
    pub(super) within_ms: Option<f64>,
    pub(super) before: Option<String>,
    code: String,
    header: BTreeMap<String, String>,
}

impl Program {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a program");
        let lines = text.lines().skip(1).map_while(|l| l.strip_prefix("# "));
        let header: BTreeMap<_, _> = lines
            .filter_map(|l| l.split_once(": "))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let mut limits = LIMITS;
        for word in header.get("limits").map_or("", String::as_str).split(' ') {
            let Some((name, number)) = word.split_once('=') else {
                continue;
            };
            let number = number.parse().expect("a limit is a number");
            match name {
                "cpu_ms" => limits.cpu_ms = number,
                "wall_ms" => limits.wall_ms = number,
                "memory_bytes" => limits.memory_bytes = number,
                "processes" => limits.processes = number,
                other => panic!("{}: no limit {other}", path.display()),
            }
        }
        // The header is not for the program: it names what some of them look for.
        let body = text.lines().skip_while(|l| l.starts_with("# "));
        let code = body.collect::<Vec<_>>().join("\n") + "\n";
        let json = |text: &String| serde_json::from_str(text).expect("a JSON string");
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            limits,
            stdout: header.get("stdout").map(json),
            left: header.get("left").cloned(),
            within_ms: header.get("within_ms").map(|n| n.parse().unwrap()),
            before: header.get("before").cloned(),
            code,
            header,
        }
    }

    /// The endings that are right on this backend: one, but where the kernel decides.
    pub(super) fn endings(&self, backend: Backend) -> Vec<Ending> {
        let text = self.header.get(backend.as_str());
        let text =
            text.unwrap_or_else(|| panic!("{}: no ending on {}", self.name, backend.as_str()));
        text.split(" or ").map(ending).collect()
    }

    pub(super) fn after(&self, backend: Backend) -> After {
        let own = self.header.get(&format!("{}_runner", backend.as_str()));
        let text = own.or(self.header.get("runner"));
        match text.map(String::as_str) {
            None | Some("clean") => After::Clean,
            Some("spent") => After::Spent,
            Some("any") => After::Any,
            Some(other) => panic!("{}: no runner is {other}", self.name),
        }
    }

    pub(super) fn runs_here(&self) -> bool {
        let arch = self.header.get("arch");
        arch.is_none_or(|arch| arch == std::env::consts::ARCH)
    }

    /// The program with what it is to look for on this host.
    pub(super) fn job(&self, facts: &[(&str, String)]) -> Job {
        let mut code = self.code.clone();
        for (name, literal) in facts {
            code = code.replace(&format!("@{name}@"), literal);
        }
        Job::Program { code }
    }
}

/// `exited 0`, `signaled 9`, or one word.
fn ending(text: &str) -> Ending {
    let (word, number) = text.split_once(' ').unwrap_or((text, ""));
    match (word, number.parse()) {
        ("exited", Ok(code)) => Ending::Exited(code),
        ("signaled", Ok(signal)) => Ending::Signaled(signal),
        ("wall", _) => Ending::Wall,
        ("cpu", _) => Ending::Cpu,
        ("oom", _) => Ending::Oom,
        ("pids", _) => Ending::Pids,
        ("output", _) => Ending::Output,
        ("disk", _) => Ending::Disk,
        ("infra", _) => Ending::Infra(String::new()),
        _ => panic!("no ending is {text:?}"),
    }
}

/// True where the sandbox's own words do not matter.
pub(super) fn same(expected: &Ending, seen: &Ending) -> bool {
    match (expected, seen) {
        (Ending::Infra(_), Ending::Infra(_)) => true,
        _ => expected == seen,
    }
}

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hostile")
}

/// All programs that this processor can run, by name.
pub(super) fn programs() -> Vec<Program> {
    let entries = std::fs::read_dir(folder()).expect("the corpus");
    let paths = entries.map(|e| e.expect("an entry").path());
    let mut paths: Vec<_> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "py"))
        .collect();
    paths.sort();
    let all = paths.iter().map(|p| Program::read(p));
    all.filter(Program::runs_here).collect()
}
