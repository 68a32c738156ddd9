//! The one table of settings: the parser, `config generate`, `config show`, `.env.example` and the README's table are
//! all made from it. Adding a setting is a line here and a field in `config.rs`.

/// Names a setting; its number is its row in [`KEYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    Enable,
    IdleThreshold,
    NightHours,
    NightQuiet,
    MaxScenarios,
    CpuThreshold,
    MemoryThreshold,
    TemperatureLimit,
    Complexity,
    Strict,
    Opinion,
    DataDir,
    OutputDir,
    Sandbox,
    SandboxImage,
    DockerNamespace,
    Libraries,
    Priority,
    LlmUrl,
    LlmModel,
    LlmApiKey,
    LlmApiKeyFile,
    LlmRemote,
    LlmServers,
    Listen,
    ExperienceSinks,
    ExperienceLimits,
}

/// How a value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// true, false and numbers stand bare.
    Bare,
    /// Strings are quoted.
    Quoted,
}

/// One setting as people meet it.
#[derive(Debug)]
pub struct Key {
    pub id: Id,
    /// The environment's name.
    pub variable: &'static str,
    /// The TOML file's name.
    pub name: &'static str,
    /// As it would be written; empty where there is none or where it depends on the machine.
    pub default: &'static str,
    /// What `default` means where it is empty.
    pub otherwise: &'static str,
    pub form: Form,
    /// The allowed values, for errors and documents.
    pub allowed: &'static str,
    /// One or more sentences for the owner of the machine.
    pub help: &'static str,
}

impl Id {
    #[must_use]
    pub fn key(self) -> &'static Key {
        &KEYS[self as usize]
    }

    /// Never printed, whatever its origin.
    #[must_use]
    pub fn is_secret(self) -> bool {
        self == Self::LlmApiKey
    }
}

impl Key {
    /// The setting of this environment name.
    #[must_use]
    pub fn by_variable(variable: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.variable == variable)
    }

    /// The setting of this TOML name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

const fn key(
    id: Id,
    (variable, name): (&'static str, &'static str),
    form: Form,
    (default, otherwise): (&'static str, &'static str),
    allowed: &'static str,
    help: &'static str,
) -> Key {
    Key {
        id,
        variable,
        name,
        default,
        otherwise,
        form,
        allowed,
        help,
    }
}

use Form::{Bare, Quoted};

/// In the order in which `config generate` prints them.
pub static KEYS: [Key; 27] = [
    key(
        Id::Enable,
        ("ENABLE_DREAMING", "enable_dreaming"),
        Bare,
        ("false", ""),
        "true or false",
        "The service may dream by itself. A session that you start yourself does not need it.",
    ),
    key(
        Id::IdleThreshold,
        ("DREAMING_IDLE_THRESHOLD_MINUTES", "idle_threshold_minutes"),
        Bare,
        ("30", ""),
        "whole minutes from 1 to 1440",
        "Minutes without input after which the machine counts as idle, at any hour.",
    ),
    key(
        Id::NightHours,
        ("DREAMING_NIGHT_HOURS", "night_hours"),
        Quoted,
        ("2-6", ""),
        "START-END in local time, such as 2-6, 22-6 or 23:30-05:15; start and end differ",
        "The night. A session that begins in it ends with it.",
    ),
    key(
        Id::NightQuiet,
        ("DREAMING_NIGHT_QUIET_MINUTES", "night_quiet_minutes"),
        Bare,
        ("5", ""),
        "whole minutes from 1 to 240",
        "Minutes without input that suffice inside the night hours.",
    ),
    key(
        Id::MaxScenarios,
        ("DREAMING_MAX_SCENARIOS", "max_scenarios"),
        Bare,
        ("10", ""),
        "a whole number from 0 to 100000",
        "Scenarios per session; 0 = until the window closes.",
    ),
    key(
        Id::CpuThreshold,
        ("DREAMING_CPU_THRESHOLD", "cpu_threshold"),
        Bare,
        ("0.7", ""),
        "a share from 0.05 to 1",
        "Share of the machine's processors that other programs may use or wait for while it dreams; it begins below four sevenths of that.",
    ),
    key(
        Id::MemoryThreshold,
        ("DREAMING_MEMORY_THRESHOLD", "memory_threshold"),
        Bare,
        ("0.8", ""),
        "a share from 0.05 to 1",
        "Share of the machine's memory that may be in use while it dreams.",
    ),
    key(
        Id::TemperatureLimit,
        ("DREAMING_TEMPERATURE_LIMIT_C", "temperature_limit_c"),
        Bare,
        ("85", ""),
        "degrees Celsius from 40 to 110, or \"off\"",
        "Hottest sensor at which it still dreams; it begins 8 degrees below. Where the machine shows no sensor this gate stays out of the way.",
    ),
    key(
        Id::Complexity,
        ("DREAMING_SCENARIO_COMPLEXITY", "scenario_complexity"),
        Quoted,
        ("medium", ""),
        "simple, medium, complex or auto",
        "How many concepts a task joins: simple 1, medium 2 or 3, complex 4 and more; auto lets the program choose.",
    ),
    key(
        Id::Strict,
        ("DREAMING_VALIDATION_STRICT", "validation_strict"),
        Bare,
        ("true", ""),
        "true or false",
        "Save gold dreams only, and dream only where the sandbox can enforce every limit; false saves silver ones too and does without.",
    ),
    key(
        Id::Opinion,
        ("DREAMING_OPINION", "opinion"),
        Bare,
        ("false", ""),
        "true or false",
        "Ask a model what it thinks of each proved dream: a doubt makes silver of gold. It costs a question a dream.",
    ),
    key(
        Id::DataDir,
        ("DREAMING_DATA_DIR", "data_dir"),
        Quoted,
        (
            "",
            "your data folder (`dreamer` in it); in a checkout `./data`",
        ),
        "a folder; outside a checkout an absolute path",
        "Where the database, the journal and the control socket live.",
    ),
    key(
        Id::OutputDir,
        ("DREAMING_OUTPUT_DIR", "output_dir"),
        Quoted,
        ("./data/synthetic_training", ""),
        "a folder; a relative path starts at the checkout, else at the data folder",
        "Where saved dreams are written.",
    ),
    key(
        Id::Sandbox,
        ("DREAMING_SANDBOX", "sandbox"),
        Quoted,
        ("auto", ""),
        "auto, docker or bubblewrap",
        "What locks generated code in; auto takes Docker where its image is ready, else bubblewrap.",
    ),
    key(
        Id::SandboxImage,
        ("DREAMING_SANDBOX_IMAGE", "sandbox_image"),
        Quoted,
        ("dreamer-sandbox:1", ""),
        "an image's name of up to 255 characters without spaces",
        "The image that `dreamer sandbox prepare` makes and the Docker sandbox uses.",
    ),
    key(
        Id::DockerNamespace,
        ("DREAMING_DOCKER_NAMESPACE", "docker_namespace"),
        Quoted,
        ("venom-dream-worker", ""),
        "2 to 48 letters, digits, `_`, `.` or `-`, a letter or digit first",
        "Containers are named after it with a dash and a number behind, and labelled with it.",
    ),
    key(
        Id::Libraries,
        ("DREAMING_LIBRARIES", "libraries"),
        Quoted,
        ("", "those that were prepared last; at first none"),
        "names of Python libraries with commas between, such as numpy,pyyaml==6.0.2",
        "Libraries that solutions may import, fetched by `dreamer sandbox prepare` and by nothing else.",
    ),
    key(
        Id::Priority,
        ("DREAMING_PROCESS_PRIORITY", "process_priority"),
        Bare,
        ("19", ""),
        "a whole number from 0 to 19",
        "Niceness of the dream work; at 19 it also takes the idle CPU class. What must wake you is never niced.",
    ),
    key(
        Id::LlmUrl,
        ("DREAMING_LLM_URL", "llm_url"),
        Quoted,
        ("", "looked for on the usual ports of this machine"),
        "an http:// address without a name or password in it, or none",
        "The language model's server; `none` forbids looking for one. Several stand with commas between: each night weighs them by what they prove.",
    ),
    key(
        Id::LlmModel,
        ("DREAMING_LLM_MODEL", "llm_model"),
        Quoted,
        ("", "the first that the server names"),
        "a model's name",
        "The model to ask; with several servers one for each, commas between.",
    ),
    key(
        Id::LlmApiKey,
        ("DREAMING_LLM_API_KEY", "llm_api_key"),
        Quoted,
        ("", "none is sent"),
        "printable ASCII without spaces",
        "The key that the server wants. Better kept in a file: see the next setting.",
    ),
    key(
        Id::LlmApiKeyFile,
        ("DREAMING_LLM_API_KEY_FILE", "llm_api_key_file"),
        Quoted,
        ("", "none is read"),
        "a readable file that holds a key of up to 4096 bytes and nothing else",
        "File that holds the key. Only one of the two may be set.",
    ),
    key(
        Id::LlmRemote,
        ("DREAMING_LLM_REMOTE", "llm_remote"),
        Bare,
        ("false", ""),
        "true or false",
        "Allow a server that is neither on this machine nor at a private address. Your documents and the key travel to it unencrypted.",
    ),
    key(
        Id::LlmServers,
        ("DREAMING_LLM_SERVERS", "llm_servers"),
        Quoted,
        ("", "no server is started"),
        "NAME=COMMAND, one a line; the command says `--port NUMBER` or `{port}`, and no shell reads it",
        "Model servers that are started when a dream begins (the first, or the one that DREAMING_LLM_URL means) and \
         stopped with it, such as small=llama-server -m ~/models/small.gguf --port 8089.",
    ),
    key(
        Id::Listen,
        ("DREAMING_LISTEN", "listen"),
        Quoted,
        ("", "no port is opened"),
        "ADDRESS:PORT on this machine, such as 127.0.0.1:8787",
        "Address of the web page and API. Until they are built this is checked but opens nothing.",
    ),
    key(
        Id::ExperienceSinks,
        ("DREAMING_EXPERIENCE_SINKS", "experience_sinks"),
        Quoted,
        ("sqlite", ""),
        "a list with commas of sqlite, jsonl, console and an http:// address on this machine or at home",
        "Where experiences go. `dreamer experience` reads those of sqlite. jsonl is a file in the data folder; the newest 14 full \
         ones stay beside it, packed, and older ones are removed. What learning needs is in the database whatever stands here.",
    ),
    key(
        Id::ExperienceLimits,
        ("DREAMING_EXPERIENCE_LIMITS", "experience_limits"),
        Quoted,
        (
            "",
            "100000 hot events, a window of 1000000 events, 24 hours or 256 MB, whichever is met first, batches of 256 or 1 \
             second, 10000 waiting for a sink, uniform draws, 10000 recent events, alpha 0.6, beta 0.4, archives after 90 days \
             or 256 MB, files of 64 MB",
        ),
        "NAME=VALUE with commas between: hot_events, window_events, window_hours, window_mb, batch_events, flush_seconds, \
         buffered_events, sample (uniform, prioritized, recent or diverse), recent_events, alpha, beta, archive_days, \
         archive_mb, file_mb, or the original's names such as batch_size and flush_interval; a file may hold the original's \
         own tables instead, such as [experience.stream]",
        "How many experiences are held, handed on and drawn, and how.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_number_is_its_row_and_its_names_are_its_own() {
        for (row, key) in KEYS.iter().enumerate() {
            assert_eq!(key.id as usize, row, "{}", key.variable);
            assert!(std::ptr::eq(key.id.key(), key));
            assert!(std::ptr::eq(Key::by_variable(key.variable).unwrap(), key));
            assert!(std::ptr::eq(Key::by_name(key.name).unwrap(), key));
            assert_eq!(
                key.default.is_empty(),
                !key.otherwise.is_empty(),
                "{}: an empty default says what happens then",
                key.variable
            );
        }
    }

    #[test]
    fn a_toml_name_is_the_variable_in_lower_case_without_its_prefix() {
        for key in &KEYS {
            let bare = key.variable.trim_start_matches("DREAMING_");
            assert_eq!(key.name, bare.to_lowercase());
        }
    }
}
