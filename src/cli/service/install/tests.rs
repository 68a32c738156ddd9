//! What the installing shell says and the service does not hear.

use super::*;

/// A machine in a folder: `home`, `etc`, and a person's shell.
struct Machine {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, &'static str)>,
}

impl Machine {
    fn new(env: &[(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            folder,
            env: env.to_vec(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("it is made");
        std::fs::write(path, text).expect("it is written");
    }

    fn sources(&self) -> Sources {
        let env = self.env.iter();
        Sources {
            env: env
                .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
                .collect(),
            cwd: self.at("somewhere"),
            home: Some(self.at("home")),
            config_home: Some(self.at("home/.config")),
            data_home: Some(self.at("home/.local/share")),
            system_config: Some(self.at("etc")),
            config_flag: None,
        }
    }

    fn context(&self) -> Context {
        let (settings, origins) = Settings::load(&self.sources()).expect("they are allowed");
        Context {
            settings,
            origins,
            json: false,
            colour: false,
        }
    }

    fn needs_enabling(&self, kind: Kind) -> Option<bool> {
        needs_enabling(kind, &self.context(), &self.sources())
    }

    /// What is said beside the file.
    fn said(&self, kind: Kind, enable: bool) -> String {
        let (context, sources) = (self.context(), self.sources());
        let there = seen(kind, enable, &context, &sources);
        notices(kind, &context, &sources, &there).join("\n")
    }
}

const OWN: &str = "home/.config/dreamer/dreamer.toml";
const ETC: &str = "etc/dreamer/dreamer.toml";

#[test]
fn a_person_is_asked_only_where_nobody_has_said_it() {
    let machine = Machine::new(&[]);
    for kind in [Kind::User, Kind::System, Kind::Launchd] {
        assert_eq!(machine.needs_enabling(kind), None);
        assert!(machine.said(kind, false).contains("not dream by itself"));
        assert_eq!(machine.said(kind, true), "");
    }
}

#[test]
fn what_the_shell_alone_says_has_to_stand_in_the_file() {
    let machine = Machine::new(&[("ENABLE_DREAMING", "true")]);
    for kind in [Kind::User, Kind::System, Kind::Launchd] {
        assert_eq!(machine.needs_enabling(kind), Some(true), "{kind:?}");
        assert_eq!(machine.said(kind, true), "");
    }
}

#[test]
fn a_file_says_it_to_whoever_reads_that_file() {
    let machine = Machine::new(&[]);
    machine.write(OWN, "enable_dreaming = true\n");
    assert_eq!(machine.needs_enabling(Kind::User), Some(false));
    assert_eq!(machine.said(Kind::User, false), "");
    // The machine's service has a home of its own.
    assert_eq!(machine.needs_enabling(Kind::System), Some(true));

    let machine = Machine::new(&[]);
    machine.write(ETC, "enable_dreaming = true\n");
    assert_eq!(machine.needs_enabling(Kind::User), Some(false));
    assert_eq!(machine.needs_enabling(Kind::System), Some(false));
}

#[test]
fn a_service_that_dreams_where_this_shell_would_not_says_so() {
    let machine = Machine::new(&[("ENABLE_DREAMING", "false")]);
    machine.write(OWN, "enable_dreaming = true\n");
    let said = machine.said(Kind::User, false);
    assert!(said.contains("it will dream by itself: file "), "{said}");
}

#[test]
fn what_the_service_does_not_see_is_named_with_where_to_write_it() {
    let machine = Machine::new(&[
        ("DREAMING_LLM_URL", "none"),
        ("DREAMING_LLM_API_KEY", "sk-secret"),
        ("DREAMING_OUTPUT_DIR", "/srv/dreams"),
    ]);
    machine.write(OWN, "max_scenarios = 3\n");
    let lost = |said: &str| {
        let line = said.lines().find(|line| line.contains("will not see"));
        line.unwrap_or_default().to_owned()
    };
    let line = lost(&machine.said(Kind::User, true));
    let names = "only: DREAMING_LLM_URL, DREAMING_LLM_API_KEY; write";
    assert!(line.contains(names), "{line}");
    assert!(line.ends_with(OWN), "{line}");
    assert!(!line.contains("sk-secret"), "{line}");
    let line = lost(&machine.said(Kind::System, true));
    for name in ["DREAMING_MAX_SCENARIOS", "DREAMING_OUTPUT_DIR"] {
        assert!(line.contains(name), "{line}");
    }
    assert!(line.ends_with(ETC), "{line}");
}

#[test]
fn the_machines_service_is_opened_the_folder_that_its_own_settings_name() {
    let machine = Machine::new(&[("DREAMING_OUTPUT_DIR", "/home/me/dreams")]);
    machine.write(ETC, "output_dir = \"/srv/dreams\"\n");
    let context = machine.context();
    let there = seen(Kind::System, false, &context, &machine.sources());
    let unit = file(Kind::System, false, &context, &there).expect("it is made");
    assert!(
        unit.contains("\nReadWritePaths=\"-/srv/dreams\"\n"),
        "{unit}"
    );
}

#[test]
fn settings_that_the_service_would_refuse_are_told_when_it_is_installed() {
    let machine = Machine::new(&[]);
    machine.write(OWN, "max_scenarios = 3\n");
    machine.write(ETC, "max_scenarios = \"many\"\n");
    let said = machine.said(Kind::System, true);
    assert!(said.contains("would refuse its settings"), "{said}");
    assert!(said.contains("max_scenarios = \"many\""), "{said}");
}
