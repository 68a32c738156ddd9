//! Library sets: what solutions may import beside the standard library. A set is a folder of unpacked wheels, named by
//! what it holds, written once by `sandbox prepare` and shown to both backends for reading only.
//!
//! This file reads sets. Only `libraries::prepare` makes them; nothing here runs anything.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Backend;

mod fetch;
mod prepare;

pub use prepare::{How, Prepared, prepare};

/// Where a sandbox sees its set; `inside/prelude.py` looks there last, so that nothing in it stands in for the standard
/// library.
pub(super) const INSIDE: &str = "/libraries";
/// Which set each backend uses.
const CURRENT: &str = "current.json";
/// What a set's folder holds: its description and the modules.
const ABOUT: &str = "set.json";
const SITE: &str = "site";

/// One distribution of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// As the index spells it, lower-case with dashes.
    pub name: String,
    pub version: String,
    pub wheel: String,
    /// Of the wheel, in hex.
    pub sha256: String,
    /// What it is imported as.
    pub modules: Vec<String>,
    /// Asked for by name, not only needed by another.
    pub wanted: bool,
}

impl Library {
    /// What a program imports: the module that is named like the distribution, else its first public one.
    #[must_use]
    pub fn module(&self) -> &str {
        let plain = self.name.replace('-', "_");
        let named = self.modules.iter().find(|m| m.to_lowercase() == plain);
        let public = || self.modules.iter().find(|m| !m.starts_with('_'));
        named
            .or_else(public)
            .map_or(self.name.as_str(), String::as_str)
    }
}

/// What the modules that solutions may name are called, those that were asked for.
#[must_use]
pub fn modules(libraries: &[Library]) -> Vec<String> {
    let wanted = libraries.iter().filter(|library| library.wanted);
    wanted.map(|library| library.module().to_owned()).collect()
}

/// The first of `wanted` that is not there, by the name of a distribution or of a module.
#[must_use]
pub fn absent<'a>(libraries: &[Library], wanted: &'a [String]) -> Option<&'a str> {
    let is_there = |name: &str| {
        let plain = normal(name);
        libraries.iter().any(|library| {
            let module = |m: &String| normal(m) == plain;
            library.name == plain || library.modules.iter().any(module)
        })
    };
    wanted
        .iter()
        .map(String::as_str)
        .find(|name| !is_there(name))
}

/// A distribution's name without extras and versions, in the one spelling that names compare by.
fn normal(name: &str) -> String {
    let bare = name
        .trim()
        .split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let mut plain = bare
        .into_iter()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    plain = plain.replace(['_', '.'], "-");
    while plain.contains("--") {
        plain = plain.replace("--", "-");
    }
    plain
}

/// For which interpreter a set was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Target {
    version: (u32, u32),
    machine: String,
    /// Of glibc; nothing where the system has another C library.
    libc: Option<(u32, u32)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    target: Target,
    /// As they were asked for.
    wanted: Vec<String>,
    libraries: Vec<Library>,
    /// Over every file's path and content.
    tree: String,
}

/// A set in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibrarySet {
    /// SHA-256 over the interpreter and the wheels, in hex.
    pub id: String,
    pub libraries: Vec<Library>,
    folder: PathBuf,
    about: About,
}

impl LibrarySet {
    /// The folder that a sandbox sees.
    pub(super) fn site(&self) -> PathBuf {
        self.folder.join(SITE)
    }

    fn read(sets: &Path, id: &str) -> Result<Self, String> {
        let folder = sets.join(id);
        let path = folder.join(ABOUT);
        let told = |error: String| format!("the library set {}: {error}", path.display());
        let bytes = fs::read(&path).map_err(|error| told(error.to_string()))?;
        let about: About =
            serde_json::from_slice(&bytes).map_err(|error| told(error.to_string()))?;
        // A mount of it names the folder in full.
        let folder = folder
            .canonicalize()
            .map_err(|error| told(error.to_string()))?;
        Ok(Self {
            id: id.to_owned(),
            libraries: about.libraries.clone(),
            folder,
            about,
        })
    }

    /// Whether every file is what it was when the set was made.
    fn is_whole(&self) -> bool {
        digest(&self.site()).is_ok_and(|tree| tree == self.about.tree)
    }
}

/// What a program runs on, by name: the interpreter's digest and the set's.
pub(super) fn with_set(digest: &str, set: Option<&LibrarySet>) -> String {
    set.map_or_else(
        || digest.to_owned(),
        |set| format!("{digest}+libraries:{}", set.id),
    )
}

/// The set that a backend uses; nothing where none was prepared.
///
/// # Errors
/// In words, where a set was prepared and cannot be used.
pub(super) fn current(sets: &Path, backend: Backend) -> Result<Option<LibrarySet>, String> {
    let Some(id) = pointers(sets)?.remove(backend.as_str()) else {
        return Ok(None);
    };
    let set = LibrarySet::read(sets, &id)?;
    if backend == Backend::Bubblewrap
        && nix::unistd::geteuid().is_root()
        && let Some(shut) = shut_to_others(&set.site())
    {
        return Err(format!(
            "{} is shut to the user nobody, as which bubblewrap runs here: set DREAMING_DATA_DIR to an open place such \
             as /var/lib/dreamer",
            shut.display()
        ));
    }
    Ok(Some(set))
}

/// Backend to set.
fn pointers(sets: &Path) -> Result<BTreeMap<String, String>, String> {
    let path = sets.join(CURRENT);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// The first folder on the way that nobody else may pass.
fn shut_to_others(path: &Path) -> Option<&Path> {
    let passable = |folder: &&Path| {
        fs::metadata(folder).is_ok_and(|about| about.permissions().mode() & 0o001 != 0)
    };
    path.ancestors().find(|folder| !passable(folder))
}

/// SHA-256 over every file below a folder, by path and content, in hex. Anything but files and folders is an error.
fn digest(folder: &Path) -> io::Result<String> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        for entry in fs::read_dir(&here)? {
            let (path, kind) = {
                let entry = entry?;
                (entry.path(), entry.file_type()?)
            };
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let content = Sha256::digest(fs::read(&path)?);
                let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                files.insert(name.into_os_string().into_encoded_bytes(), content);
            } else {
                return Err(io::Error::other(format!("{} is no file", path.display())));
            }
        }
    }
    let mut all = Sha256::new();
    for (name, content) in files {
        all.update((name.len() as u64).to_le_bytes());
        all.update(name);
        all.update(content);
    }
    Ok(hex(&all.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, modules: &[&str], wanted: bool) -> Library {
        Library {
            name: name.to_owned(),
            version: "1".to_owned(),
            wheel: String::new(),
            sha256: String::new(),
            modules: modules.iter().map(|&m| m.to_owned()).collect(),
            wanted,
        }
    }

    #[test]
    fn a_library_is_found_by_either_of_its_names() {
        let there = [
            library("pyyaml", &["_yaml", "yaml"], true),
            library("markupsafe", &["markupsafe"], false),
            library("typing-extensions", &["typing_extensions"], true),
        ];
        for (wanted, missing) in [
            (&["PyYAML", "yaml"][..], None),
            (&["MarkupSafe>=2.0", "Typing_Extensions"], None),
            (&["yaml", "numpy", "pandas"], Some("numpy")),
            (&[""], Some("")),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|&w| w.to_owned()).collect();
            assert_eq!(absent(&there, &wanted), missing);
        }
        assert_eq!(modules(&there), ["yaml", "typing_extensions"]);
    }

    #[test]
    fn a_changed_file_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b.py"), "x = 1").unwrap();
        let before = digest(folder.path()).unwrap();
        fs::write(folder.path().join("a/b.py"), "x = 2").unwrap();
        assert_ne!(digest(folder.path()).unwrap(), before);
        fs::write(folder.path().join("a/b.py"), "x = 1").unwrap();
        assert_eq!(digest(folder.path()).unwrap(), before);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("c")).unwrap();
        assert!(digest(folder.path()).is_err());
    }
}
