//! The table of settings as people read it: the commented file, `.env.example`, the README's table, `config show`.
//!
//! Called by `cli/config.rs` and by the tests that hold the files of the repository to it. Pure.

use std::fmt::Write;

use serde_json::{Value, json};

use super::keys::{Form, Id, KEYS, Key};
use super::origin::Origins;
use super::{LlmChoice, SandboxChoice, Settings};

/// Width of a comment line.
const WIDTH: usize = 110;

/// One row of `config show`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shown {
    pub key: &'static str,
    pub variable: &'static str,
    /// Null where it is not set; a secret is never here.
    pub value: Value,
    pub origin: String,
}

/// `config/dreamer.toml`: every setting with its default, all commented out.
#[must_use]
pub fn toml_file() -> String {
    let mut text = String::from(
        "# Settings of dreamer. Every line shows its default; remove the `#` to change it.\n\
         # A variable of the environment (its name stands above each line) wins over this file, and so does\n\
         # the file `.env`. `dreamer config show` tells each value and where it came from.\n",
    );
    for key in &KEYS {
        let default = match key.form {
            Form::Bare => key.default.to_owned(),
            Form::Quoted => format!("{:?}", key.default),
        };
        let note = about(key);
        let (variable, name) = (key.variable, key.name);
        _ = write!(text, "\n# {variable}\n{note}#{name} = {default}\n");
    }
    text
}

/// `.env.example`: the same for the environment.
#[must_use]
pub fn env_file() -> String {
    let mut text = String::from(
        "# Copy to `.env` beside your dreamer.toml (in a checkout: to its top) and remove the `#` of what you change.\n\
         # A variable that is set but empty counts as not set. Put a value with a blank or a `$` in single quotes.\n",
    );
    for key in &KEYS {
        _ = write!(text, "\n{}#{}={}\n", about(key), key.variable, key.default);
    }
    text
}

/// The README's table of settings.
#[must_use]
pub fn markdown_table() -> String {
    let mut text = String::from("| variable | default | meaning |\n|---|---|---|\n");
    for key in &KEYS {
        let default = match key.default {
            "" => key.otherwise.to_owned(),
            default => format!("`{default}`"),
        };
        _ = writeln!(text, "| `{}` | {default} | {} |", key.variable, key.help);
    }
    text
}

/// Each setting with its effective value and its origin.
#[must_use]
pub fn show(settings: &Settings, origins: &Origins) -> Vec<Shown> {
    let row = |key: &'static Key| Shown {
        key: key.name,
        variable: key.variable,
        value: value_of(key.id, settings, origins),
        origin: origins.of(key.id).to_string(),
    };
    KEYS.iter().map(row).collect()
}

impl Shown {
    /// The value in a line for people.
    #[must_use]
    pub fn text(&self) -> String {
        let otherwise = || Key::by_name(self.key).map_or("", |key| key.otherwise);
        match &self.value {
            Value::Null => format!("({})", otherwise()),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

fn about(key: &Key) -> String {
    let mut text = String::new();
    let otherwise = match key.otherwise {
        "" => String::new(),
        otherwise => format!(" Not set: {otherwise}."),
    };
    wrap(
        &mut text,
        &format!("{} Allowed: {}.{otherwise}", key.help, key.allowed),
    );
    text
}

fn wrap(text: &mut String, sentence: &str) {
    let mut line = String::from("#");
    for word in sentence.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

fn value_of(id: Id, settings: &Settings, origins: &Origins) -> Value {
    let minutes = |duration: std::time::Duration| json!(duration.as_secs() / 60);
    let Settings {
        dreaming,
        energy,
        sandbox,
        llm,
        ..
    } = settings;
    match id {
        Id::Enable => json!(dreaming.enabled),
        Id::IdleThreshold => minutes(dreaming.idle_threshold),
        Id::NightHours => json!(dreaming.night.to_string()),
        Id::NightQuiet => minutes(dreaming.night_quiet),
        Id::MaxScenarios => json!(dreaming.max_scenarios),
        Id::Complexity => json!(dreaming.complexity),
        Id::Strict => json!(dreaming.strict),
        Id::Opinion => json!(dreaming.opinion),
        Id::CpuThreshold => json!(energy.cpu_threshold),
        Id::MemoryThreshold => json!(energy.memory_threshold),
        Id::TemperatureLimit => energy
            .temperature_limit_c
            .map_or(json!("off"), |c| json!(c)),
        Id::Priority => json!(energy.priority),
        // As they were written; without a text the value is the default.
        Id::ExperienceSinks => {
            json!(origins.text(id).unwrap_or(id.key().default))
        }
        Id::ExperienceLimits => origins.text(id).map_or(Value::Null, |text| json!(text)),
        Id::DataDir => json!(settings.data_dir),
        Id::OutputDir => json!(settings.output_dir),
        Id::Sandbox => json!(match sandbox.choice {
            SandboxChoice::Auto => "auto",
            SandboxChoice::Docker => "docker",
            SandboxChoice::Bubblewrap => "bubblewrap",
        }),
        Id::SandboxImage => json!(sandbox.image),
        Id::DockerNamespace => json!(sandbox.namespace),
        Id::Libraries => match sandbox.libraries.as_slice() {
            [] => Value::Null,
            names => json!(names.join(",")),
        },
        Id::LlmUrl => match &llm.choice {
            LlmChoice::Find => Value::Null,
            LlmChoice::Forbidden => json!("none"),
            LlmChoice::Url(url) => json!(url),
        },
        Id::LlmModel => match llm.model.as_str() {
            "" => Value::Null,
            model => json!(model),
        },
        Id::LlmApiKey => llm
            .api_key
            .as_ref()
            .map_or(Value::Null, |_| json!("(set, not shown)")),
        Id::LlmApiKeyFile => origins.text(id).map_or(Value::Null, |text| json!(text)),
        Id::LlmRemote => json!(llm.remote),
        Id::LlmServers => origins.text(id).map_or(Value::Null, |text| json!(text)),
        Id::Listen => settings
            .listen
            .map_or(Value::Null, |listen| json!(listen.to_string())),
    }
}
