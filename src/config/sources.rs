//! Everything that settings are made from, read from the process once.
//!
//! `main` calls [`Sources::from_process`], at the start and again on SIGHUP; tests fill in their own. Nothing else in
//! the program reads the environment, the working folder or the home folder for a setting.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a process knows before it has read any file.
#[derive(Clone, Default)]
pub struct Sources {
    /// The whole environment; only names that concern this program are ever looked at.
    pub env: BTreeMap<String, OsString>,
    pub cwd: PathBuf,
    pub home: Option<PathBuf>,
    /// The user's configuration folder, without `dreamer`.
    pub config_home: Option<PathBuf>,
    /// The user's data folder, without `dreamer`.
    pub data_home: Option<PathBuf>,
    /// The machine's configuration folder, `/etc`, without `dreamer`.
    pub system_config: Option<PathBuf>,
    /// `--config FILE`.
    pub config_flag: Option<PathBuf>,
}

impl std::fmt::Debug for Sources {
    /// The environment may hold keys, so it is left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("cwd", &self.cwd)
            .field("home", &self.home)
            .field("config_home", &self.config_home)
            .field("data_home", &self.data_home)
            .field("config_flag", &self.config_flag)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// The one reader of the process.
    #[must_use]
    pub fn from_process(config_flag: Option<PathBuf>) -> Self {
        let env: BTreeMap<String, OsString> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        // A working folder that was removed is no reason not to start: nothing relative is found from the root.
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Self::from_parts(env, cwd, config_flag)
    }

    /// The folders that this environment means, by the XDG base directory rules or macOS's own.
    #[must_use]
    pub fn from_parts(
        env: BTreeMap<String, OsString>,
        cwd: PathBuf,
        config_flag: Option<PathBuf>,
    ) -> Self {
        // A relative folder in an XDG variable is to be ignored, by the same rules.
        let folder = |name: &str| {
            let path = PathBuf::from(env.get(name)?);
            path.is_absolute().then_some(path)
        };
        let home = folder("HOME");
        let below = |path: &str| home.as_ref().map(|home| home.join(path));
        let (config_home, data_home) = if cfg!(target_os = "macos") {
            let support = below("Library/Application Support");
            (support.clone(), support)
        } else {
            (
                folder("XDG_CONFIG_HOME").or_else(|| below(".config")),
                folder("XDG_DATA_HOME").or_else(|| below(".local/share")),
            )
        };
        Self {
            env,
            cwd,
            home,
            config_home,
            data_home,
            system_config: Some(PathBuf::from("/etc")),
            config_flag,
        }
    }

    /// A variable's text; `None` where it is unset, empty or not UTF-8.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// The top of the checkout that the process was started in: the nearest folder above whose Cargo.toml names this
    /// package and that holds `config/dreamer.toml`. Anything less must not hand us settings.
    #[must_use]
    pub fn checkout(&self) -> Option<PathBuf> {
        if !self.cwd.is_absolute() {
            // Sources without a working folder, as `Settings::defaults_in` makes them, are in no checkout.
            return None;
        }
        let mut above = self.cwd.ancestors();
        above.find(|folder| is_checkout(folder)).map(Path::to_owned)
    }
}

pub(super) fn is_checkout(folder: &Path) -> bool {
    folder.join("config/dreamer.toml").is_file()
        && std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| names_us(&text))
}

fn names_us(manifest: &str) -> bool {
    let Ok(table) = manifest.parse::<toml::Table>() else {
        return false;
    };
    let name = table
        .get("package")
        .and_then(|package| package.get("name")?.as_str());
    name == Some(env!("CARGO_PKG_NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_manifest_makes_a_checkout() {
        assert!(names_us("[package]\nname = \"dreamer\"\n"));
        assert!(!names_us("[package]\nname = \"dreamers\"\n"));
        assert!(!names_us("name = \"dreamer\""));
        assert!(!names_us("not toml"));
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn xdg_variables_win_over_home_and_relative_ones_are_ignored() {
        let env = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(k, v)| ((*k).to_owned(), OsString::from(v)))
                .collect()
        };
        let sources = Sources::from_parts(
            env(&[
                ("HOME", "/h"),
                ("XDG_CONFIG_HOME", "/c"),
                ("XDG_DATA_HOME", "d"),
            ]),
            "/".into(),
            None,
        );
        assert_eq!(sources.config_home, Some("/c".into()));
        assert_eq!(sources.data_home, Some("/h/.local/share".into()));
        let bare = Sources::from_parts(env(&[]), "/".into(), None);
        assert_eq!((bare.config_home, bare.data_home), (None, None));
    }
}
