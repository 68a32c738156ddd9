//! Makes library sets: asks each backend for which interpreter, has the wheels fetched and unpacked beside the other
//! sets, and moves the whole into place under a name made of what it holds. Called by `sandbox prepare` alone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::fetch::{self, Pip, Unpacked};
use super::{
    ABOUT, About, CURRENT, Library, LibrarySet, SITE, Target, digest, hex, normal, pointers,
};
use crate::config::SandboxSettings;
use crate::dream::Ending;
use crate::sandbox::{
    Backend, Job, Limits, RunnerSpec, Sandbox, SandboxError, find_untried, order,
};
use crate::supervisor::permit::WorkPermit;

/// Says for which interpreter wheels are wanted.
const ASK: &str = r#"
import json, os, sys
libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
libc = [int(n) for n in libc.split()[1].split(".")[:2]] if libc else None
print(json.dumps({"version": sys.version_info[:2], "machine": os.uname().machine, "libc": libc}))
"#;
/// Most libraries that may be asked for by name.
const WANTED_MAX: usize = 100;

/// How a set came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Present,
    Fetched,
    /// Was there, but not as it was made; fetched again by its hashes.
    Repaired,
    /// None is wanted any more.
    Removed,
}

impl How {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Fetched => "fetched",
            Self::Repaired => "repaired",
            Self::Removed => "removed",
        }
    }
}

/// What one backend uses from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    pub backend: Backend,
    pub how: How,
    pub set: Option<LibrarySet>,
}

/// Sets of these libraries for every backend that the settings allow and this machine has; `None` keeps what was asked
/// for before.
///
/// # Errors
/// `Unavailable` where a name is none, no backend is here, or a wheel cannot be had, with the reason in words.
pub async fn prepare(
    settings: &SandboxSettings,
    wanted: Option<&[String]>,
    permit: &WorkPermit,
) -> Result<Vec<Prepared>, SandboxError> {
    let unfit = wanted
        .into_iter()
        .flatten()
        .find(|name| !is_requirement(name));
    if let Some(unfit) = unfit {
        let why = format!("`{unfit}` names no library; such as: numpy or numpy==2.1.0");
        return Err(SandboxError::Unavailable(why));
    }
    if wanted.is_some_and(|wanted| wanted.len() > WANTED_MAX) {
        let why = format!("more than {WANTED_MAX} libraries");
        return Err(SandboxError::Unavailable(why));
    }
    let mut done: Vec<Prepared> = Vec::new();
    let mut absent = Vec::new();
    for &backend in order(settings.choice) {
        match find_untried(backend, settings, false).await {
            Ok(sandbox) => {
                let one = Preparing {
                    sets: &settings.libraries_dir,
                    sandbox: sandbox.as_ref(),
                    permit,
                };
                done.push(one.prepare(wanted).await?);
                sandbox.settle().await;
            }
            Err(SandboxError::Interrupted(ended)) => return Err(ended.into()),
            Err(error) => absent.push(error.to_string()),
        }
    }
    if done.is_empty() {
        return Err(SandboxError::Unavailable(absent.join("; ")));
    }
    Ok(done)
}

/// A name as an index knows it, with a version where one is wanted. Never a path, an address or an option.
fn is_requirement(text: &str) -> bool {
    let name_ends = text
        .find(['=', '<', '>', '~', '!', '['])
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_ends);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let version = |b: u8| {
        plain(b)
            || matches!(
                b,
                b'=' | b'<' | b'>' | b'~' | b'!' | b'*' | b'+' | b'[' | b']'
            )
    };
    first && text.len() <= 100 && name.bytes().all(plain) && rest.bytes().all(version)
}

struct Preparing<'a> {
    sets: &'a Path,
    sandbox: &'a dyn Sandbox,
    permit: &'a WorkPermit,
}

impl Preparing<'_> {
    async fn prepare(&self, wanted: Option<&[String]>) -> Result<Prepared, SandboxError> {
        let backend = self.sandbox.backend();
        let before = pointers(self.sets)
            .unwrap_or_default()
            .remove(backend.as_str())
            .and_then(|id| LibrarySet::read(self.sets, &id).ok());
        let wanted = match (wanted, &before) {
            (Some(wanted), _) => wanted.to_vec(),
            (None, Some(before)) => before.about.wanted.clone(),
            (None, None) => Vec::new(),
        };
        if wanted.is_empty() {
            point(self.sets, backend, None).map_err(|e| infra(&e))?;
            let how = match before {
                Some(_) => How::Removed,
                None => How::Present,
            };
            return Ok(Prepared {
                backend,
                how,
                set: None,
            });
        }
        let target = self.target().await?;
        let same = before.filter(|set| set.about.wanted == wanted && set.about.target == target);
        let (how, set) = match same {
            Some(set) if set.is_whole() => (How::Present, set),
            Some(set) => (
                How::Repaired,
                self.make(&wanted, &target, Some(&set)).await?,
            ),
            None => (How::Fetched, self.make(&wanted, &target, None).await?),
        };
        point(self.sets, backend, Some(&set.id)).map_err(|e| infra(&e))?;
        Ok(Prepared {
            backend,
            how,
            set: Some(set),
        })
    }

    /// The interpreter that will import the set, asked in its sandbox.
    async fn target(&self) -> Result<Target, SandboxError> {
        let spec = RunnerSpec {
            hash_seed: 0,
            limits: Limits::default(),
        };
        let mut runner = self.sandbox.open(self.permit, &spec).await?;
        let code = ASK.to_owned();
        let seen = runner.run(self.permit, &Job::Program { code }).await;
        runner.close().await;
        let seen = seen?;
        match seen.ending {
            Ending::Exited(0) => serde_json::from_str(&seen.stdout).map_err(|error| {
                SandboxError::Infra(format!("the interpreter's version: {error}"))
            }),
            other => Err(SandboxError::Infra(format!(
                "the interpreter did not tell its version: {other:?} {}",
                seen.stderr
            ))),
        }
    }

    /// Fetches, unpacks and names a set. `again`: exactly its wheels.
    async fn make(
        &self,
        wanted: &[String],
        target: &Target,
        again: Option<&LibrarySet>,
    ) -> Result<LibrarySet, SandboxError> {
        let unavailable = |why: String| SandboxError::Unavailable(format!("libraries: {why}"));
        let pip = Pip::find().await.map_err(unavailable)?;
        let staging = Staging::new(self.sets).map_err(|e| infra(&e))?;
        let (wheels, made) = (staging.0.join("wheels"), staging.0.join("set"));
        let site = made.join(SITE);
        for folder in [&wheels, &site] {
            fs::create_dir_all(folder).map_err(|e| infra(&e))?;
        }
        let fetching = async {
            match again {
                Some(set) => {
                    let libraries = &set.libraries;
                    pip.download_pinned(libraries, target, &wheels).await
                }
                None => pip.download(wanted, target, &wheels).await,
            }
        };
        let fetched = self.permit.race(fetching).await?;
        fetched.map_err(unavailable)?;
        let unpacking = fetch::unpack(&pip, &wheels, &site, target);
        let unpacked = self.permit.race(unpacking).await?.map_err(unavailable)?;
        let named: Vec<String> = wanted.iter().map(|name| normal(name)).collect();
        let libraries: Vec<Library> = unpacked
            .into_iter()
            .map(|one| library(one, &named))
            .collect();
        let id = id_of(target, &libraries);
        let about = About {
            target: target.clone(),
            wanted: wanted.to_vec(),
            libraries,
            tree: digest(&site).map_err(|e| infra(&e))?,
        };
        let text = serde_json::to_vec_pretty(&about)
            .map_err(|error| SandboxError::Infra(error.to_string()))?;
        fs::write(made.join(ABOUT), text).map_err(|e| infra(&e))?;
        settle(&made, &self.sets.join(&id)).map_err(|e| infra(&e))?;
        LibrarySet::read(self.sets, &id).map_err(SandboxError::Infra)
    }
}

fn infra(error: &io::Error) -> SandboxError {
    SandboxError::Infra(format!("library sets: {error}"))
}

/// `numpy-2.2.6-cp311-….whl` names its distribution and version.
fn library(unpacked: Unpacked, wanted: &[String]) -> Library {
    let mut words = unpacked.wheel.split('-');
    let name = normal(words.next().unwrap_or_default());
    let version = words.next().unwrap_or_default().to_owned();
    Library {
        wanted: wanted.contains(&name),
        name,
        version,
        wheel: unpacked.wheel,
        sha256: unpacked.sha256,
        modules: unpacked.modules,
    }
}

fn id_of(target: &Target, libraries: &[Library]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{target:?}\n"));
    for library in libraries {
        // Which were asked for by name is part of what is offered.
        hash.update(format!("{} {}\n", library.sha256, library.wanted));
    }
    hex(&hash.finalize())
}

/// Moves a finished set to its place and takes the right to write away. A set of that name that is there already is
/// replaced: it holds the same, or it was damaged.
fn settle(made: &Path, place: &Path) -> io::Result<()> {
    if place.exists() {
        remove(place)?;
    }
    fs::rename(made, place)?;
    each(place, &mut |path, is_folder| {
        let bits = if is_folder { 0o555 } else { 0o444 };
        fs::set_permissions(path, fs::Permissions::from_mode(bits))
    })
}

fn remove(folder: &Path) -> io::Result<()> {
    each(folder, &mut |path, is_folder| {
        if is_folder {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    })?;
    fs::remove_dir_all(folder)
}

/// Calls for a folder and all in it; links are neither followed nor told.
fn each(folder: &Path, call: &mut dyn FnMut(&Path, bool) -> io::Result<()>) -> io::Result<()> {
    // A folder that may not be written to may be read all the same.
    call(folder, true)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            each(&entry.path(), call)?;
        } else if kind.is_file() {
            call(&entry.path(), false)?;
        }
    }
    Ok(())
}

/// Says which set a backend uses, at once or not at all.
fn point(sets: &Path, backend: Backend, id: Option<&str>) -> io::Result<()> {
    let mut all = pointers(sets).unwrap_or_default();
    let changed = match id {
        Some(id) => {
            all.insert(backend.as_str().to_owned(), id.to_owned())
                .as_deref()
                != Some(id)
        }
        None => all.remove(backend.as_str()).is_some(),
    };
    if !changed {
        return Ok(());
    }
    fs::create_dir_all(sets)?;
    let new = sets.join(format!(".current-{}", std::process::id()));
    fs::write(&new, serde_json::to_vec(&all)?)?;
    fs::rename(&new, sets.join(CURRENT))
}

/// A folder beside the sets, gone when dropped.
struct Staging(PathBuf);

impl Staging {
    fn new(sets: &Path) -> io::Result<Self> {
        let path = sets.join(format!(".staging-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_libraries_reach_pip() {
        for good in [
            "numpy",
            "ruamel.yaml",
            "numpy==2.1.0",
            "a-b>=1",
            "requests[socks]",
            "x~=1.4",
            "y!=2.*",
        ] {
            assert!(is_requirement(good), "{good}");
        }
        for bad in [
            "",
            "-r/etc/passwd",
            "--index-url=http://x",
            "./here",
            "/there",
            "a @ file:///x",
            "git+https://x",
            "https://x/y.whl",
            "a b",
            "a;b",
            "a\nb",
        ] {
            assert!(!is_requirement(bad), "{bad}");
        }
    }

    #[test]
    fn a_wheel_names_its_library() {
        let unpacked = Unpacked {
            wheel: "PyYAML-6.0.2-cp311-cp311-linux_x86_64.whl".to_owned(),
            sha256: "ab".to_owned(),
            modules: vec!["yaml".to_owned()],
        };
        let library = library(unpacked, &["pyyaml".to_owned()]);
        assert_eq!(
            (library.name.as_str(), library.version.as_str()),
            ("pyyaml", "6.0.2")
        );
        assert!(library.wanted);
        assert_eq!(library.module(), "yaml");
    }
}
