//! What the integration tests share: the World (a folder of its own for each test) and the ledger of real parts.
//! Called by every module beside it. It never starts a real part by itself.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dreamer::config::{Id, Settings, Sources};
use tempfile::TempDir;

pub(crate) mod backends;
pub(crate) mod bus;
pub(crate) mod facts;
pub(crate) mod fake_llm;
pub(crate) mod senses;

/// Notes that a test really used `part` ("docker", "bubblewrap", "llm", …), so that `scripts/test` can compare what ran
/// with what it installed. Does nothing unless DREAMER_TEST_LEDGER names a file.
#[expect(
    clippy::disallowed_methods,
    reason = "the ledger is the test run's own business, no setting of the program"
)]
pub(crate) fn ledger(part: &str) {
    let Some(path) = std::env::var_os("DREAMER_TEST_LEDGER").filter(|path| !path.is_empty()) else {
        return;
    };
    // Appending one short line is atomic enough for test processes that run side by side.
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|error| panic!("the ledger {} opens: {error}", path.display()));
    file.write_all(format!("{part}\n").as_bytes())
        .expect("the ledger takes a line");
}

/// True in `scripts/soak-nights`, `scripts/soak-wake` and `scripts/soak-learning`, which run the long tests with their full
/// counts.
#[expect(
    clippy::disallowed_methods,
    reason = "how long tests run is the test run's own business, no setting of the program"
)]
pub(crate) fn full() -> bool {
    std::env::var_os("DREAMER_TEST_FULL").is_some_and(|value| !value.is_empty())
}

/// Says on standard error what a test leaves out here, and why.
pub(crate) fn left_out(what: &str, why: &str) {
    // A test that cannot speak must not fail for it.
    _ = writeln!(std::io::stderr(), "left out: {what}: {why}");
}

/// A test's own world: a folder that goes when the test ends.
#[derive(Debug)]
pub(crate) struct World {
    root: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::Builder::new()
                .prefix("dreamer-it-")
                .tempdir()
                .expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file below the world's folder, making its folders, and returns its full path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the folder is made");
        }
        fs::write(&path, content).expect("the file is written");
        path
    }

    /// Settings that name a model server of our own: this script, called with `arguments` ("{port}" among them).
    pub(crate) fn settings_with_server(&self, script: &str, arguments: &str) -> Settings {
        let script = self.write("server.py", script);
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a program");
        let sources = Sources {
            env: [
                (Id::DataDir, self.path().display().to_string()),
                (
                    Id::LlmServers,
                    format!("own={} {arguments}", script.display()),
                ),
            ]
            .map(|(id, value)| (id.key().variable.to_owned(), value.into()))
            .into(),
            ..Sources::default()
        };
        Settings::load(&sources).expect("they are allowed").0
    }
}
