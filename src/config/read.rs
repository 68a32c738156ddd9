//! What each value means: text to typed settings, with every problem collected.
//!
//! Called by `Settings::load`. The only file that reads another (the one that holds the key of the model's server).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::experience;
use super::keys::Id;
use super::layers::Layers;
use super::night::{SETTLING, SHORTEST_WORK};
use super::origin::{ConfigError, Origin, Origins};
use super::server;
use super::sources::Sources;
use super::{
    Desktop, Dreaming, Energy, ExperienceSettings, LlmChoice, LlmSettings, NightHours,
    SandboxChoice, SandboxSettings, Settings,
};
use crate::dream::Complexity;

/// A key is a line; what is longer is the wrong file.
const KEY_FILE_BYTES: usize = 4096;
/// Docker's own limit on a reference is 255 characters.
const IMAGE_CHARS: usize = 255;
/// Room for a dash and a number within the 63 characters of a host name.
const NAMESPACE_CHARS: usize = 48;

pub(super) struct Reader<'a> {
    layers: &'a Layers,
    home: Option<&'a Path>,
    origins: Origins,
    errors: Vec<ConfigError>,
}

pub(super) fn read(
    layers: &Layers,
    sources: &Sources,
) -> Result<(Settings, Origins), Vec<ConfigError>> {
    let mut reader = Reader {
        layers,
        home: sources.home.as_deref(),
        origins: Origins::noting(&layers.notes),
        errors: layers.errors.clone(),
    };
    let settings = reader.settings(sources);
    reader.night_has_room(&settings.dreaming);
    if reader.errors.is_empty() {
        Ok((settings, reader.origins))
    } else {
        Err(reader.errors)
    }
}

impl Reader<'_> {
    fn settings(&mut self, sources: &Sources) -> Settings {
        let data_dir = self.data_dir(sources);
        // Relative paths start at the checkout, else at the data folder.
        let base = self.layers.checkout.clone().unwrap_or(data_dir.clone());
        let path = |reader: &Self, text: &str| Ok(absolute(&reader.expand(text), &base));
        let minutes = |low, high| move |text: &str| whole(text, low, high).map(from_minutes);
        Settings {
            dreaming: Dreaming {
                enabled: self.get(Id::Enable, |_, text| truth(text)),
                idle_threshold: self.get(Id::IdleThreshold, |_, text| minutes(1, 1440)(text)),
                night: self.get(Id::NightHours, |_, text| {
                    NightHours::from_str(text).map_err(|error| error.to_string())
                }),
                night_quiet: self.get(Id::NightQuiet, |_, text| minutes(1, 240)(text)),
                max_scenarios: self.get(Id::MaxScenarios, |_, text| whole(text, 0, 100_000)),
                complexity: self.get(Id::Complexity, |_, text| complexity(text)),
                strict: self.get(Id::Strict, |_, text| truth(text)),
                opinion: self.get(Id::Opinion, |_, text| truth(text)),
            },
            energy: Energy {
                cpu_threshold: self.get(Id::CpuThreshold, |_, text| number(text, 0.05, 1.0)),
                memory_threshold: self.get(Id::MemoryThreshold, |_, text| number(text, 0.05, 1.0)),
                temperature_limit_c: self.get(Id::TemperatureLimit, |_, text| match text {
                    "off" => Ok(None),
                    _ => number(text, 40.0, 110.0).map(Some),
                }),
                priority: self.get(Id::Priority, |_, text| whole(text, 0, 19)),
            },
            sandbox: SandboxSettings {
                choice: self.get(Id::Sandbox, |_, text| sandbox(text)),
                image: self.get(Id::SandboxImage, |_, text| image(text)),
                namespace: self.get(Id::DockerNamespace, |_, text| namespace(text)),
                libraries: self
                    .find(Id::Libraries, |_, text| libraries(text))
                    .unwrap_or_default(),
                libraries_dir: data_dir.join("libraries"),
            },
            llm: LlmSettings {
                choice: self
                    .find(Id::LlmUrl, |_, text| llm(text))
                    .unwrap_or(LlmChoice::Find),
                model: self
                    .find(Id::LlmModel, |_, text| Ok(text.to_owned()))
                    .unwrap_or_default(),
                api_key: self.api_key(&base),
                api_key_file: self.find(Id::LlmApiKeyFile, |reader, text| {
                    Ok(absolute(&reader.expand(text), &base))
                }),
                remote: self.get(Id::LlmRemote, |_, text| truth(text)),
                servers: self
                    .find(Id::LlmServers, |reader, text| {
                        server::parse(text, reader.home)
                    })
                    .unwrap_or_default(),
            },
            experience: ExperienceSettings {
                sinks: self.get(Id::ExperienceSinks, |_, text| experience::sinks(text)),
                limits: self
                    .find(Id::ExperienceLimits, |_, text| experience::limits(text))
                    .unwrap_or_default(),
            },
            output_dir: self.get(Id::OutputDir, path),
            listen: self.find(Id::Listen, |_, text| loopback(text)),
            config_file: self.layers.config_file.clone(),
            desktop: Desktop::of(sources),
            data_dir,
        }
    }

    /// A night in which no dream could ever be dreamed is a mistake of whoever set it last.
    fn night_has_room(&mut self, dreaming: &Dreaming) {
        let quiet = dreaming.night_quiet.min(dreaming.idle_threshold);
        let needed = quiet + SETTLING + SHORTEST_WORK;
        let minutes = dreaming.night.length_minutes();
        if Duration::from_mins(u64::from(minutes)) >= needed {
            return;
        }
        let set = |id: &Id| self.origins.of(*id) != Origin::Default;
        let Some(id) = [Id::NightHours, Id::NightQuiet].into_iter().find(set) else {
            return;
        };
        let problem = format!(
            "leaves no room for a dream: the night lasts {minutes} min, and {} min without input, {} s to settle and {} \
             s of work do not fit",
            quiet.as_secs() / 60,
            SETTLING.as_secs(),
            SHORTEST_WORK.as_secs()
        );
        self.refuse(id, problem);
    }

    /// The value of a setting that has a default.
    fn get<T>(&mut self, id: Id, parse: impl Fn(&Self, &str) -> Result<T, String>) -> T {
        self.find(id, &parse).unwrap_or_else(|| {
            parse(self, id.key().default)
                .expect("the table's defaults are allowed; a test reads them")
        })
    }

    /// The strongest value that was given. Weaker ones are checked too: a bad line is an error wherever it stands.
    fn find<T>(&mut self, id: Id, parse: impl Fn(&Self, &str) -> Result<T, String>) -> Option<T> {
        let layers = self.layers;
        let mut strongest = None;
        for (text, origin) in layers.given.get(&id).into_iter().flatten() {
            match parse(self, text) {
                Ok(value) => {
                    strongest = Some(value);
                    self.origins.set(id, origin.clone(), text);
                }
                Err(problem) => {
                    let error = ConfigError::of(id.key(), text, origin.clone(), problem);
                    self.errors.push(error);
                }
            }
        }
        strongest
    }

    /// Of a value that was found: it cannot be used after all.
    fn refuse(&mut self, id: Id, problem: impl Into<String>) {
        let text = self.origins.text(id).unwrap_or_default();
        let error = ConfigError::of(id.key(), text, self.origins.of(id), problem);
        self.errors.push(error);
    }

    fn data_dir(&mut self, sources: &Sources) -> PathBuf {
        let checkout = self.layers.checkout.as_deref();
        let given = self.find(Id::DataDir, |reader, text| {
            let path = reader.expand(text);
            Ok(checkout.map_or_else(|| path.clone(), |top| absolute(&path, top)))
        });
        // Only the one that counts has to start somewhere: a service's file says in full what its settings say short.
        let given = given.filter(|path| {
            if path.is_relative() {
                let problem = "is relative, and there is no checkout for it to start at";
                self.refuse(Id::DataDir, problem);
            }
            path.is_absolute()
        });
        let was_given = self.layers.given.contains_key(&Id::DataDir);
        let usual = || match (checkout, &sources.data_home) {
            (Some(top), _) => Some(top.join("data")),
            (None, Some(home)) => Some(home.join("dreamer")),
            (None, None) => None,
        };
        given.or_else(usual).unwrap_or_else(|| {
            if !was_given {
                let problem = "is not set, and there is no home folder to take its place";
                let mut error = ConfigError::new(Id::DataDir.key().variable, problem);
                error.allowed = Some(Id::DataDir.key().allowed.to_owned());
                self.errors.push(error);
            }
            PathBuf::new()
        })
    }

    fn api_key(&mut self, base: &Path) -> Option<String> {
        let direct = self.find(Id::LlmApiKey, |_, text| api_key(text));
        let file = self.find(Id::LlmApiKeyFile, |reader, text| {
            Ok(absolute(&reader.expand(text), base))
        });
        // Only the one that counts is read: a weaker one may lie where this process does not look.
        let from_file = file.and_then(|path| {
            let key = key_file(&path);
            key.map_err(|problem| self.refuse(Id::LlmApiKeyFile, problem))
                .ok()
        });
        let both = [Id::LlmApiKey, Id::LlmApiKeyFile].map(|id| self.layers.given.get(&id));
        if let [Some(_), Some(files)] = both
            && let Some((text, origin)) = files.last()
        {
            let problem = format!("is set beside {}", Id::LlmApiKey.key().variable);
            let key = Id::LlmApiKeyFile.key();
            self.errors
                .push(ConfigError::of(key, text, origin.clone(), problem));
        }
        direct.or(from_file)
    }

    /// `~` and `~/…`, which a shell would have expanded, mean the home folder.
    fn expand(&self, text: &str) -> PathBuf {
        match (text.strip_prefix('~'), self.home) {
            (Some(""), Some(home)) => home.to_owned(),
            (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
            _ => PathBuf::from(text),
        }
    }
}

fn absolute(path: &Path, base: &Path) -> PathBuf {
    // Collecting the components drops the `./` in the middle.
    base.join(path).components().collect()
}

fn from_minutes(minutes: u32) -> Duration {
    Duration::from_mins(u64::from(minutes))
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn whole<T: TryFrom<u32>>(text: &str, low: u32, high: u32) -> Result<T, String> {
    let number: i128 = text
        .parse()
        .map_err(|_| "is not a whole number".to_owned())?;
    let within = u32::try_from(number)
        .ok()
        .filter(|n| (low..=high).contains(n));
    within
        .and_then(|n| T::try_from(n).ok())
        .ok_or_else(|| "is out of range".to_owned())
}

fn number(text: &str, low: f64, high: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    // Not a number is in no range.
    if (low..=high).contains(&number) {
        Ok(number)
    } else {
        Err("is out of range".to_owned())
    }
}

fn complexity(text: &str) -> Result<Complexity, String> {
    match text {
        "simple" => Ok(Complexity::Simple),
        "medium" => Ok(Complexity::Medium),
        "complex" => Ok(Complexity::Complex),
        "auto" => Ok(Complexity::Auto),
        _ => Err("is none of the four".to_owned()),
    }
}

fn sandbox(text: &str) -> Result<SandboxChoice, String> {
    match text {
        "auto" => Ok(SandboxChoice::Auto),
        "docker" => Ok(SandboxChoice::Docker),
        "bubblewrap" => Ok(SandboxChoice::Bubblewrap),
        _ => Err("is none of the three".to_owned()),
    }
}

fn image(text: &str) -> Result<String, String> {
    let fits = text.len() <= IMAGE_CHARS && !text.starts_with('-');
    if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("is no image's name".to_owned())
    }
}

fn namespace(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let first = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    if first && (2..=NAMESPACE_CHARS).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("cannot begin a container's name".to_owned())
    }
}

fn libraries(text: &str) -> Result<Vec<String>, String> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.=<>~!*+[]".contains(&b);
    let mut all = Vec::new();
    for name in names {
        let first = name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if !first || !name.bytes().all(plain) {
            return Err(format!("`{name}` names no library"));
        }
        all.push(name.to_owned());
    }
    Ok(all)
}

fn llm(text: &str) -> Result<LlmChoice, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(LlmChoice::Forbidden);
    }
    for address in text.split(',') {
        address_of_llm(address.trim())?;
    }
    Ok(LlmChoice::Url(text.to_owned()))
}

fn address_of_llm(text: &str) -> Result<(), String> {
    if text.starts_with("https://") {
        return Err("is not spoken: put a local proxy before it that speaks http://".to_owned());
    }
    let rest = text
        .strip_prefix("http://")
        .ok_or_else(|| "does not begin with http://".to_owned())?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return Err("holds a name or password, which would be shown and logged".to_owned());
    }
    if host.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("is no address of a server".to_owned());
    }
    Ok(())
}

fn api_key(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else if text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("holds what no HTTP header may".to_owned())
    }
}

fn key_file(path: &Path) -> Result<String, String> {
    use std::io::Read;

    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > KEY_FILE_BYTES {
        return Err("is too long for a key".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
    api_key(text.trim()).map_err(|problem| format!("has a key that {problem}"))
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let spelled = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    let address: SocketAddr = spelled
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| "is not ADDRESS:PORT".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("would be open to other machines".to_owned())
    }
}
