//! Typed settings, one struct an area; read once, validated together, passed in everywhere.
//!
//! Order: defaults, the configuration file, `.env`, the environment. Every problem is told at once, with its key, value,
//! allowed range and origin. `main` loads them; nothing below reads the process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dream::Complexity;

mod desktop;
pub mod experience;
pub mod keys;
mod layers;
pub mod night;
mod origin;
mod original;
mod read;
pub mod render;
mod server;
mod sources;

pub use desktop::Desktop;
pub use experience::{ExperienceLimits, ExperienceSettings, ExperienceSink, SampleBy};
pub use keys::Id;
pub use night::NightHours;
pub use origin::{ConfigError, ConfigErrors, Origin, Origins};
pub use server::{ModelServer, PORT};
pub use sources::Sources;

/// Everything that a person can set.
#[derive(Debug, Clone)]
pub struct Settings {
    pub dreaming: Dreaming,
    pub energy: Energy,
    pub sandbox: SandboxSettings,
    pub llm: LlmSettings,
    pub experience: ExperienceSettings,
    /// DREAMING_DATA_DIR.
    pub data_dir: PathBuf,
    /// DREAMING_OUTPUT_DIR.
    pub output_dir: PathBuf,
    /// DREAMING_LISTEN.
    pub listen: Option<SocketAddr>,
    /// Configuration file that was read, where one was.
    pub config_file: Option<PathBuf>,
    /// Where the desktop can be asked; no setting.
    pub desktop: Desktop,
}

impl Settings {
    /// Reads files and environment in their order, and where each value came from.
    ///
    /// # Errors
    /// All that is wrong, at once: unknown keys, bad values, unreadable files, settings that exclude each other.
    pub fn load(sources: &Sources) -> Result<(Self, Origins), ConfigErrors> {
        let layers = layers::collect(sources);
        read::read(&layers, sources).map_err(ConfigErrors)
    }

    /// The database of the data folder.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("dreamer.db")
    }

    /// The defaults with this data folder and nothing read from anywhere, for tests and tools.
    #[must_use]
    pub fn defaults_in(data_dir: &Path) -> Self {
        let key = Id::DataDir.key().variable.to_owned();
        let sources = Sources {
            env: [(key, data_dir.as_os_str().to_owned())].into(),
            ..Sources::default()
        };
        let (settings, _) =
            Self::load(&sources).expect("the defaults are allowed; a test reads them");
        settings
    }
}

#[derive(Debug, Clone)]
pub struct Dreaming {
    /// ENABLE_DREAMING.
    pub enabled: bool,
    /// DREAMING_IDLE_THRESHOLD_MINUTES.
    pub idle_threshold: Duration,
    /// DREAMING_NIGHT_HOURS.
    pub night: NightHours,
    /// DREAMING_NIGHT_QUIET_MINUTES.
    pub night_quiet: Duration,
    /// DREAMING_MAX_SCENARIOS; 0 = until the window closes.
    pub max_scenarios: u32,
    /// DREAMING_SCENARIO_COMPLEXITY.
    pub complexity: Complexity,
    /// DREAMING_VALIDATION_STRICT.
    pub strict: bool,
    /// DREAMING_OPINION.
    pub opinion: bool,
}

#[derive(Debug, Clone)]
pub struct Energy {
    /// DREAMING_CPU_THRESHOLD, 0 to 1.
    pub cpu_threshold: f64,
    /// DREAMING_MEMORY_THRESHOLD, 0 to 1.
    pub memory_threshold: f64,
    /// DREAMING_TEMPERATURE_LIMIT_C; `None` = off.
    pub temperature_limit_c: Option<f64>,
    /// DREAMING_PROCESS_PRIORITY, niceness 0 to 19.
    pub priority: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxChoice {
    Auto,
    Docker,
    Bubblewrap,
}

#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// DREAMING_SANDBOX.
    pub choice: SandboxChoice,
    /// DREAMING_SANDBOX_IMAGE.
    pub image: String,
    /// DREAMING_DOCKER_NAMESPACE.
    pub namespace: String,
    /// DREAMING_LIBRARIES; empty = what was prepared before.
    pub libraries: Vec<String>,
    /// Where the library sets lie, in the data folder.
    pub libraries_dir: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LlmChoice {
    /// Look on the usual ports of this machine.
    Find,
    /// `none`: do not look for one.
    Forbidden,
    Url(String),
}

#[derive(Clone)]
pub struct LlmSettings {
    /// DREAMING_LLM_URL.
    pub choice: LlmChoice,
    /// DREAMING_LLM_MODEL; empty = the first that the server names.
    pub model: String,
    /// DREAMING_LLM_API_KEY or the content of DREAMING_LLM_API_KEY_FILE.
    pub api_key: Option<String>,
    /// DREAMING_LLM_API_KEY_FILE, absolute.
    pub api_key_file: Option<PathBuf>,
    /// DREAMING_LLM_REMOTE.
    pub remote: bool,
    /// DREAMING_LLM_SERVERS: those that we may start and stop.
    pub servers: Vec<ModelServer>,
}

impl std::fmt::Debug for LlmSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LlmSettings")
            .field("choice", &self.choice)
            .field("model", &self.model)
            .field("api_key", &self.api_key.as_ref().map(|_| "set"))
            .field("api_key_file", &self.api_key_file)
            .field("remote", &self.remote)
            .field("servers", &self.servers)
            .finish()
    }
}
