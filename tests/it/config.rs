//! Settings as a process reads them: the order of the sources, where each value came from, and every refusal.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dreamer::config::keys::KEYS;
use dreamer::config::{
    ConfigErrors, ExperienceSink, Id, LlmChoice, Origin, Settings, Sources, render,
};

use crate::support::{World, ledger, left_out};

#[test]
fn a_world_has_a_folder_of_its_own_and_the_ledger_is_silent_without_a_file() {
    let (one, other) = (World::new(), World::new());
    assert_ne!(one.path(), other.path());
    assert!(one.write("deep/er/file", "x").is_file());
    ledger("nothing");
}

/// A machine in a folder: `home`, `etc` and, where a test lays it out, `checkout`.
struct Machine {
    world: World,
    sources: Sources,
}

impl Machine {
    fn new() -> Self {
        let world = World::new();
        let at = |name: &str| Some(world.path().join(name));
        let sources = Sources {
            cwd: world.path().join("elsewhere"),
            home: at("home"),
            config_home: at("home/.config"),
            data_home: at("home/.local/share"),
            system_config: at("etc"),
            ..Sources::default()
        };
        Self { world, sources }
    }

    fn in_checkout() -> Self {
        let mut machine = Self::new();
        machine.write("checkout/Cargo.toml", "[package]\nname = \"dreamer\"\n");
        machine.write("checkout/config/dreamer.toml", "");
        machine.write("checkout/src/deep/file", "");
        machine.sources.cwd = machine.at("checkout/src/deep");
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.world.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        self.world.write(name, text)
    }

    fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.sources.env.insert(name.to_owned(), value.into());
        self
    }

    #[track_caller]
    fn load(&self) -> (Settings, dreamer::config::Origins) {
        Settings::load(&self.sources).unwrap_or_else(|errors| panic!("{errors}"))
    }

    #[track_caller]
    fn refused(&self) -> String {
        let errors: ConfigErrors = Settings::load(&self.sources).expect_err("is refused");
        errors.to_string()
    }
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let machine = Machine::new();
    let (settings, origins) = machine.load();
    assert!(!settings.dreaming.enabled);
    assert_eq!(settings.dreaming.idle_threshold, Duration::from_mins(30));
    assert_eq!(settings.dreaming.night.to_string(), "2-6");
    assert_eq!(settings.dreaming.night_quiet, Duration::from_mins(5));
    assert_eq!(settings.dreaming.max_scenarios, 10);
    assert!(settings.dreaming.strict);
    assert!((settings.energy.cpu_threshold - 0.7).abs() < 1e-12);
    assert!((settings.energy.memory_threshold - 0.8).abs() < 1e-12);
    assert_eq!(settings.energy.temperature_limit_c, Some(85.0));
    assert_eq!(settings.energy.priority, 19);
    assert_eq!(settings.sandbox.namespace, "venom-dream-worker");
    assert_eq!(settings.sandbox.image, "dreamer-sandbox:1");
    assert_eq!(settings.llm.choice, LlmChoice::Find);
    assert_eq!(settings.data_dir, machine.at("home/.local/share/dreamer"));
    let output = "home/.local/share/dreamer/data/synthetic_training";
    assert_eq!(settings.output_dir, machine.at(output));
    assert!(KEYS.iter().all(|key| origins.of(key.id) == Origin::Default));
}

#[test]
fn every_single_default_is_an_allowed_value_when_written_out() {
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        Machine::new().env(key.variable, key.default).load();
    }
    let settings = Settings::defaults_in(Path::new("/nowhere"));
    assert_eq!(settings.data_dir, Path::new("/nowhere"));
}

#[test]
fn a_stronger_source_wins_and_show_names_it() {
    let mut machine = Machine::new();
    let file = machine.write(
        "home/.config/dreamer/dreamer.toml",
        "# mine\nmax_scenarios = 1\nidle_threshold_minutes = 11\nnight_hours = \"22-6\"\n",
    );
    let dot_env = machine.write(
        "home/.config/dreamer/.env",
        "DREAMING_IDLE_THRESHOLD_MINUTES=12\nDREAMING_NIGHT_HOURS='23-5'\nPGHOST=elsewhere\n",
    );
    machine = machine.env("DREAMING_NIGHT_HOURS", "21:30-4");
    let (settings, origins) = machine.load();
    assert_eq!(settings.config_file.as_ref(), Some(&file));
    assert_eq!(settings.dreaming.max_scenarios, 1);
    assert_eq!(settings.dreaming.idle_threshold, Duration::from_mins(12));
    assert_eq!(settings.dreaming.night.to_string(), "21:30-4");
    let origin = |id| origins.of(id).to_string();
    assert_eq!(
        origin(Id::MaxScenarios),
        format!("file {}:2", file.display())
    );
    assert_eq!(
        origin(Id::IdleThreshold),
        format!(".env {}", dot_env.display())
    );
    assert_eq!(origin(Id::NightHours), "environment DREAMING_NIGHT_HOURS");
    assert_eq!(origin(Id::Enable), "default");
}

#[test]
fn only_the_first_file_is_read() {
    let mut machine = Machine::in_checkout();
    let scenarios = |machine: &Machine| machine.load().0.dreaming.max_scenarios;
    machine.write("checkout/config/dreamer.toml", "max_scenarios = 5");
    assert_eq!(scenarios(&machine), 5);
    machine.write("etc/dreamer/dreamer.toml", "max_scenarios = 4");
    assert_eq!(scenarios(&machine), 4);
    machine.write("home/.config/dreamer/dreamer.toml", "max_scenarios = 3");
    assert_eq!(scenarios(&machine), 3);
    let file = machine.write("by-variable.toml", "max_scenarios = 2");
    machine = machine.env("DREAMING_CONFIG", file);
    assert_eq!(scenarios(&machine), 2);
    let file = machine.write("by-flag.toml", "max_scenarios = 1");
    machine.sources.config_flag = Some(file);
    assert_eq!(scenarios(&machine), 1);
}

#[test]
fn a_file_that_a_person_names_has_to_be_there() {
    let mut machine = Machine::new();
    machine.sources.config_flag = Some("absent.toml".into());
    assert_has(
        &machine.refused(),
        &["elsewhere/absent.toml", "cannot be read"],
    );
    let machine = Machine::new().env("DREAMING_CONFIG", "/absent/of/all.toml");
    assert_has(&machine.refused(), &["/absent/of/all.toml"]);
}

#[test]
fn a_checkout_keeps_its_data_and_its_dot_env_at_its_top() {
    let machine = Machine::in_checkout();
    machine.write("checkout/.env", "ENABLE_DREAMING=true\n");
    machine.write("checkout/config/.env", "not read at all");
    let (settings, _) = machine.load();
    assert!(settings.dreaming.enabled);
    assert_eq!(settings.data_dir, machine.at("checkout/data"));
    assert_eq!(
        settings.output_dir,
        machine.at("checkout/data/synthetic_training")
    );
}

#[test]
fn a_service_finds_the_dot_env_of_the_checkout_that_it_was_installed_from() {
    let mut machine = Machine::in_checkout();
    machine.write("checkout/.env", "ENABLE_DREAMING=true\n");
    let file = machine.at("checkout/config/dreamer.toml");
    machine.sources.cwd = machine.at("home");
    let machine = machine.env("DREAMING_CONFIG", file);
    assert!(machine.load().0.dreaming.enabled);
}

#[test]
fn a_service_takes_the_relative_paths_of_its_checkout_as_the_checkout_does() {
    let mut machine = Machine::in_checkout();
    machine.write("checkout/secrets/key", "sk-of-the-clone\n");
    machine.write("checkout/config/dreamer.toml", "data_dir = \"state\"\n");
    machine.write(
        "checkout/.env",
        "DREAMING_LLM_API_KEY_FILE=secrets/key\nDREAMING_OUTPUT_DIR=out\n",
    );
    let (here, _) = machine.load();
    assert_eq!(here.data_dir, machine.at("checkout/state"));
    assert_eq!(here.output_dir, machine.at("checkout/out"));
    assert_eq!(here.llm.api_key.as_deref(), Some("sk-of-the-clone"));
    // As its unit starts it: in the home folder, with the file by its name and some paths in full.
    machine.sources.cwd = machine.at("home");
    let file = machine.at("checkout/config/dreamer.toml");
    let machine = machine.env("DREAMING_CONFIG", file);
    let (there, _) = machine.load();
    assert_eq!(there.data_dir, here.data_dir);
    assert_eq!(there.output_dir, here.output_dir);
    assert_eq!(there.llm.api_key, here.llm.api_key);
    let machine = machine.env("DREAMING_DATA_DIR", &here.data_dir);
    assert_eq!(machine.load().0.llm.api_key_file, here.llm.api_key_file);
}

#[test]
fn a_weaker_path_that_could_start_nowhere_does_not_stop_a_service() {
    let machine = Machine::new();
    let key = machine.write("keys/key", "sk-of-mine\n");
    machine.write(
        "home/.config/dreamer/dreamer.toml",
        "data_dir = \"data\"\nllm_api_key_file = \"secrets/key\"\n",
    );
    assert_has(&machine.refused(), &["data_dir = \"data\": is relative"]);
    let state = machine.at("state");
    let machine = machine
        .env("DREAMING_DATA_DIR", &state)
        .env("DREAMING_LLM_API_KEY_FILE", key);
    let (settings, _) = machine.load();
    assert_eq!(settings.data_dir, state);
    assert_eq!(settings.llm.api_key.as_deref(), Some("sk-of-mine"));
}

#[test]
fn a_value_that_wants_quotes_is_named_and_never_shown() {
    let machine = Machine::in_checkout();
    machine.write("checkout/.env", "# mine\nDREAMING_LLM_API_KEY=top secret\n");
    let told = machine.refused();
    assert_has(&told, &["DREAMING_LLM_API_KEY is not NAME=VALUE", "quotes"]);
    let text = format!("{told:?}");
    assert!(!text.contains("top") && !text.contains("secret"), "{text}");
}

#[test]
fn a_strangers_folder_hands_us_no_settings() {
    let machine = Machine::in_checkout();
    machine.write("checkout/.env", "DREAMING_LLM_URL=http://evil.example\n");
    machine.write("checkout/config/dreamer.toml", "max_scenarios = 99");
    machine.write("checkout/Cargo.toml", "[package]\nname = \"stranger\"\n");
    let (settings, _) = machine.load();
    assert_eq!(settings.llm.choice, LlmChoice::Find);
    assert_eq!(settings.dreaming.max_scenarios, 10);
    assert!(settings.config_file.is_none());
}

#[test]
fn paths_start_at_the_checkout_or_at_the_data_folder_and_home_is_known() {
    let machine = Machine::in_checkout().env("DREAMING_OUTPUT_DIR", "out/./here");
    assert_eq!(machine.load().0.output_dir, machine.at("checkout/out/here"));
    let machine = Machine::new()
        .env("DREAMING_DATA_DIR", "~/state")
        .env("DREAMING_OUTPUT_DIR", "./out");
    let (settings, _) = machine.load();
    assert_eq!(settings.data_dir, machine.at("home/state"));
    assert_eq!(settings.output_dir, machine.at("home/state/out"));
    assert_has(
        &Machine::new().env("DREAMING_DATA_DIR", "state").refused(),
        &["DREAMING_DATA_DIR = \"state\"", "is relative"],
    );
    let mut homeless = Machine::new();
    homeless.sources.data_home = None;
    assert_has(
        &homeless.refused(),
        &["DREAMING_DATA_DIR", "no home folder"],
    );
}

#[test]
fn empty_counts_as_not_set() {
    let machine = Machine::new()
        .env("DREAMING_MAX_SCENARIOS", "")
        .env("DREAMING_UNHEARD_OF", "")
        .env("DREAMING_CONFIG", "");
    machine.write(
        "home/.config/dreamer/dreamer.toml",
        "max_scenarios = 7\nllm_url = \"\"",
    );
    machine.write(
        "home/.config/dreamer/.env",
        "DREAMING_MAX_SCENARIOS=\nDREAMING_LISTEN=''\n",
    );
    let (settings, origins) = machine.load();
    assert_eq!(settings.dreaming.max_scenarios, 7);
    assert_eq!(settings.llm.choice, LlmChoice::Find);
    assert_eq!(origins.of(Id::LlmUrl), Origin::Default);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_key_value_range_and_origin() {
    let machine = Machine::new()
        .env("DREAMING_NIGHT_HUORS", "2-6")
        .env("DREAMING_MAX_SCENARIOS", "-1");
    machine.write(
        "home/.config/dreamer/dreamer.toml",
        "cpu_threshold = 7\ncolour = \"blue\"\nnight_hours = [2, 6]\n\n[llm]\nurl = \"none\"\n",
    );
    machine.write(
        "home/.config/dreamer/.env",
        "ENABLE_DREAMNG=true\nDREAMING_NIGHT_HOURS=2-2\n",
    );
    let told = machine.refused();
    assert_has(
        &told,
        &[
            "8 settings cannot be used",
            "cpu_threshold = \"7\": is out of range; allowed: a share from 0.05 to 1 (file",
            "dreamer.toml:1)",
            "colour: no such setting; `dreamer config generate` prints them all (file",
            "night_hours: is a TOML array, not a single value; allowed: START-END",
            "dreamer.toml:3)",
            "llm: no such setting",
            "dreamer.toml:5)",
            "ENABLE_DREAMNG: no such setting; did you mean ENABLE_DREAMING? (.env",
            "DREAMING_NIGHT_HOURS = \"2-2\": start and end are the same",
            "DREAMING_NIGHT_HUORS: no such setting; did you mean DREAMING_NIGHT_HOURS? (environment",
            "DREAMING_MAX_SCENARIOS = \"-1\": is out of range",
        ],
    );
}

#[test]
fn a_night_in_which_no_dream_fits_is_refused_and_says_what_does_not_fit() {
    // Five minutes of quiet, half a minute to settle, a minute of work.
    let told = Machine::new()
        .env("DREAMING_NIGHT_HOURS", "2:00-2:06")
        .refused();
    assert_has(
        &told,
        &[
            "DREAMING_NIGHT_HOURS = \"2:00-2:06\"",
            "the night lasts 6 min",
            "5 min without input",
        ],
    );
    let (settings, _) = Machine::new()
        .env("DREAMING_NIGHT_HOURS", "2:00-2:07")
        .load();
    assert_eq!(settings.dreaming.night.length_minutes(), 7);
    // The night is the usual one; the quiet that was asked for fills it.
    let told = Machine::new()
        .env("DREAMING_NIGHT_QUIET_MINUTES", "239")
        .env("DREAMING_IDLE_THRESHOLD_MINUTES", "600")
        .refused();
    assert_has(
        &told,
        &["DREAMING_NIGHT_QUIET_MINUTES = \"239\"", "leaves no room"],
    );
}

#[test]
fn toml_that_does_not_parse_is_named_by_its_line_and_never_quoted() {
    let machine = Machine::new();
    machine.write(
        "home/.config/dreamer/dreamer.toml",
        "max_scenarios = 1\nllm_api_key = \"sk-secret\nstrict = x\n",
    );
    let told = machine.refused();
    assert_has(&told, &["TOML", "dreamer.toml:2)"]);
    assert!(!told.contains("sk-secret"), "{told}");
}

#[track_caller]
fn refuses(id: Id, values: &[&str]) {
    let key = id.key();
    for value in values {
        let told = Machine::new().env(key.variable, *value).refused();
        assert_has(
            &told,
            &[
                "one setting cannot be used",
                key.variable,
                &format!("allowed: {}", key.allowed),
                &format!("(environment {})", key.variable),
            ],
        );
    }
}

#[track_caller]
fn takes(id: Id, values: &[&str]) {
    for value in values {
        Machine::new().env(id.key().variable, *value).load();
    }
}

#[test]
fn each_setting_takes_its_range_and_nothing_else() {
    refuses(Id::Enable, &["yes", "1", " true"]);
    takes(Id::Enable, &["true", "True", "FALSE"]);
    refuses(
        Id::IdleThreshold,
        &["0", "1441", "1.5", "ten", "99999999999999999999"],
    );
    refuses(Id::NightQuiet, &["0", "241", "-1"]);
    takes(Id::NightQuiet, &["1", "240"]);
    refuses(Id::MaxScenarios, &["100001", "all"]);
    takes(Id::MaxScenarios, &["0", "100000"]);
    refuses(Id::CpuThreshold, &["0", "1.01", "NaN", "inf", "70%"]);
    takes(Id::CpuThreshold, &["0.05", "1", "1.0"]);
    refuses(Id::MemoryThreshold, &["0", "2"]);
    refuses(Id::TemperatureLimit, &["20", "111", "hot"]);
    takes(Id::TemperatureLimit, &["off", "72.5"]);
    refuses(Id::Complexity, &["hard", "Medium"]);
    refuses(Id::Strict, &["strict"]);
    refuses(Id::Sandbox, &["none", "podman"]);
    refuses(Id::SandboxImage, &["-v", "a b"]);
    refuses(Id::DockerNamespace, &["-x", "a", "a/b", "ü2"]);
    refuses(Id::Priority, &["20", "-5"]);
    refuses(
        Id::LlmUrl,
        &[
            "localhost:8080",
            "ftp://x",
            "http://",
            "http://u:p@host/",
            "http://a b",
            "https://llm.lan",
        ],
    );
    takes(
        Id::LlmUrl,
        &["none", "http://127.0.0.1:8089/v1", "http://llm.lan"],
    );
    refuses(
        Id::ExperienceSinks,
        &["redis", "http://8.8.8.8/", "jsonl,file"],
    );
    takes(
        Id::ExperienceSinks,
        &["sqlite,jsonl,console,http://127.0.0.1:9/events"],
    );
    refuses(Id::ExperienceLimits, &["alpha=2", "batch_size", "colour=3"]);
    takes(
        Id::ExperienceLimits,
        &["stream.batch_size=64,flush_interval=0.5,sample=diverse"],
    );
    refuses(Id::LlmRemote, &["sure"]);
    refuses(Id::Listen, &["0.0.0.0:80", "8787", "192.168.1.2:80"]);
    takes(Id::Listen, &["127.0.0.1:8787", "[::1]:0", "localhost:8787"]);
    refuses(Id::LlmApiKeyFile, &["/absent/key"]);
    refuses(Id::LlmApiKey, &["two words", "line\nbreak"]);
}

#[test]
fn the_originals_experience_tables_are_understood_and_one_place_is_enough() {
    let machine = Machine::new();
    let file = "home/.config/dreamer/dreamer.toml";
    let theirs = "[experience.stream]\nbatch_size = 32\nbackend = \"file\"\n[experience.sampling]\nprioritized_alpha = 0.9\n";
    machine.write(file, theirs);
    let (settings, origins) = machine.load();
    assert_eq!(settings.experience.limits.batch_events, 32);
    assert!((settings.experience.limits.alpha - 0.9).abs() < 1e-12);
    assert_eq!(
        settings.experience.sinks,
        [ExperienceSink::Sqlite, ExperienceSink::Jsonl]
    );
    assert!(
        origins
            .of(Id::ExperienceLimits)
            .to_string()
            .ends_with("dreamer.toml:2")
    );

    assert!(origins.notes.is_empty(), "all of it means something here");

    let passed = "[experience.causality_tracking]\nmax_chain_depth = 11\n";
    machine.write(file, passed);
    let (_, origins) = machine.load();
    let [note] = origins.notes.as_slice() else {
        panic!("{:?}", origins.notes)
    };
    let said = ["max_chain_depth = \"11\"", "passed over", "dreamer.toml:2"];
    assert_has(note, &said);

    machine.write(
        file,
        &format!("experience_limits = \"alpha=0.5\"\n{theirs}"),
    );
    assert_has(
        &machine.refused(),
        &["[experience]", "keep one of the two", "dreamer.toml:3"],
    );
    machine.write(file, "[experience.storage]\ncircular_buffer_size = 0\n");
    assert_has(
        &machine.refused(),
        &[
            "experience.storage.circular_buffer_size = \"0\"",
            "out of range",
            "a whole number from 1 to 10000000",
            "dreamer.toml:2",
        ],
    );
    // A stronger layer wins as a whole.
    machine.write(file, theirs);
    let machine = machine.env("DREAMING_EXPERIENCE_LIMITS", "batch_events=16");
    assert_eq!(machine.load().0.experience.limits.batch_events, 16);
}

#[test]
fn a_key_may_come_from_a_file_and_is_never_shown() {
    let machine = Machine::new();
    let file = machine.write("key", "sk-very-secret\n");
    let machine = machine.env("DREAMING_LLM_API_KEY_FILE", &file);
    let (settings, origins) = machine.load();
    assert_eq!(settings.llm.api_key.as_deref(), Some("sk-very-secret"));
    let shown = serde_json::to_string(&render::show(&settings, &origins)).unwrap();
    assert!(!shown.contains("sk-very"), "{shown}");
    assert!(!format!("{settings:?}{origins:?}").contains("sk-very"));

    let machine = machine.env("DREAMING_LLM_API_KEY", "sk-very-secret");
    let told = machine.refused();
    assert_has(
        &told,
        &[
            "DREAMING_LLM_API_KEY_FILE",
            "is set beside DREAMING_LLM_API_KEY",
        ],
    );
    let told = Machine::new()
        .env("DREAMING_LLM_API_KEY", "sk secret")
        .refused();
    assert!(!told.contains("sk secret"), "{told}");
    let (settings, origins) = Machine::new().env("DREAMING_LLM_API_KEY", "sk-very").load();
    assert!(!format!("{settings:?}{origins:?}{:?}", machine.sources).contains("sk-very"));

    std::fs::write(&file, "\n").unwrap();
    assert_has(&machine.refused(), &["has a key that is empty"]);
    std::fs::write(&file, "x".repeat(5000)).unwrap();
    assert_has(&machine.refused(), &["is too long for a key"]);
}

#[test]
fn a_value_that_is_not_utf8_is_an_error_and_control_characters_are_not_printed() {
    use std::os::unix::ffi::OsStringExt;
    let machine = Machine::new().env("DREAMING_LLM_MODEL", OsString::from_vec(vec![0xff]));
    assert_has(&machine.refused(), &["DREAMING_LLM_MODEL: is not UTF-8"]);
    let told = Machine::new()
        .env("DREAMING_NIGHT_HOURS", "\u{1b}[2J")
        .refused();
    assert!(!told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn a_file_that_may_not_be_read_is_an_error_and_not_passed_over() {
    let machine = Machine::new();
    let file = machine.write("home/.config/dreamer/dreamer.toml", "");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&file).is_ok() {
        left_out("a file that may not be read", "root reads every file");
    } else {
        assert_has(&machine.refused(), &["dreamer.toml: cannot be read"]);
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_has(&machine.refused(), &["dreamer.toml: cannot be read"]);
}

#[track_caller]
fn assert_generated(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, made, "{name} is not what the table of settings makes");
}

#[test]
fn the_files_of_the_repository_are_what_the_table_makes() {
    assert_generated("config/dreamer.toml", &render::toml_file());
    assert_generated(".env.example", &render::env_file());
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(
        readme.contains(&render::markdown_table()),
        "README.md holds the table of settings as it is now:\n{}",
        render::markdown_table()
    );
}

#[test]
fn the_generated_file_changes_nothing_and_each_of_its_lines_can_be_switched_on() {
    let machine = Machine::new();
    let path = machine.write("home/.config/dreamer/dreamer.toml", &render::toml_file());
    let (plain, _) = Machine::new().load();
    let (read, _) = machine.load();
    assert_eq!(read.dreaming.night, plain.dreaming.night);
    let file = render::toml_file();
    let lines = file.lines().filter_map(|line| line.strip_prefix('#'));
    let on: Vec<&str> = lines.filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(on.len(), KEYS.len());
    std::fs::write(path, on.join("\n")).unwrap();
    let (settings, origins) = machine.load();
    assert_eq!(settings.dreaming.max_scenarios, 10);
    assert!(matches!(origins.of(Id::Enable), Origin::File { .. }));
}
