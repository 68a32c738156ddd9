//! The host's own Python: where it is and exactly which files it needs. Called by the bubblewrap backend, which shows
//! a sandbox these files and nothing else of the host.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Where distributions put it. Only places that root owns: nothing of a user's home may enter a sandbox.
pub(super) const PLACES: [&str; 3] = [
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/run/current-system/sw/bin/python3",
];
/// `sys.version_info` that the runner needs: `os.pidfd_open` and `os.waitstatus_to_exitcode`.
const OLDEST: (u32, u32) = (3, 9);

/// Loads every extension module of the standard library and prints which files the loader has then mapped, under the
/// names by which it looks for them. Run by the host's own interpreter, with the host's own files alone.
const SCRIPT: &str = r#"
import ctypes, glob, json, os, sys, sysconfig
for path in glob.glob(os.path.join(sysconfig.get_path("platstdlib"), "lib-dynload", "*.so")):
    name = os.path.basename(path).split(".")[0]
    if "test" not in name and name not in USELESS.split():
        try:
            ctypes.CDLL(path)
        except OSError:
            pass
class Info(ctypes.Structure):
    _fields_ = [("addr", ctypes.c_void_p), ("name", ctypes.c_char_p)]
names = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
def each(info, size, data):
    names.append((info.contents.name or b"").decode())
    return 0
ctypes.CDLL(None).dl_iterate_phdr(each, None)
own, names = names, []
for name in COMMON.split():
    try:
        ctypes.CDLL(name)
    except OSError:
        pass
ctypes.CDLL(None).dl_iterate_phdr(each, None)
print(json.dumps({
    "version": list(sys.version_info[:2]), "full": sys.version, "executable": os.path.realpath(sys.executable),
    "stdlib": sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}),
    "libraries": [n for n in own if n.startswith("/")],
    "common": [n for n in names if n.startswith("/") and n not in own],
}))
"#;

/// Modules that need a display, a terminal or a network service, which no sandbox has. Each library of theirs would be a
/// mount more for every sandbox.
const USELESS: &str = "_tkinter readline _curses _curses_panel nis ossaudiodev";

/// What compiled libraries may count on where they say that they run on any Linux, beside the C library.
const COMMON: &str = "libstdc++.so.6 libgcc_s.so.1 libz.so.1 libexpat.so.1 libatomic.so.1 libnsl.so.1 libcrypt.so.1 \
    libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libresolv.so.2 libm.so.6";

#[derive(Debug, Deserialize)]
struct Report {
    version: (u32, u32),
    full: String,
    executable: PathBuf,
    stdlib: Vec<PathBuf>,
    libraries: Vec<PathBuf>,
    common: Vec<PathBuf>,
}

/// The interpreter and its files.
#[derive(Debug, Clone)]
pub(super) struct Interpreter {
    pub(super) executable: PathBuf,
    /// What a sandbox sees: the path there and the host's file or folder behind it.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
    /// The same for what only library sets need.
    pub(super) common: Vec<(PathBuf, PathBuf)>,
    /// Folders inside `files` that a sandbox sees empty: other people's packages.
    pub(super) hidden: Vec<PathBuf>,
    /// Folders of libraries that the loader does not look into by itself.
    pub(super) library_path: Vec<PathBuf>,
    pub(super) digest: String,
}

impl Interpreter {
    /// Looks in the usual places. Blocks for some tens of milliseconds.
    pub(super) fn find() -> Result<Self, String> {
        let mut tried = Vec::new();
        for place in PLACES.iter().map(Path::new).filter(|p| p.exists()) {
            match ask(place).and_then(Self::from_report) {
                Ok(found) => return Ok(found),
                Err(why) => tried.push(format!("{}: {why}", place.display())),
            }
        }
        if tried.is_empty() {
            tried.push("no python3 in /usr/bin or /usr/local/bin".to_owned());
        }
        Err(tried.join("; "))
    }

    fn from_report(report: Report) -> Result<Self, String> {
        if report.version < OLDEST {
            let (major, minor) = report.version;
            return Err(format!("Python {major}.{minor} is too old, 3.9 is needed"));
        }
        let mut files = vec![(report.executable.clone(), report.executable.clone())];
        let mut hidden = Vec::new();
        for folder in &report.stdlib {
            let real = folder.canonicalize().map_err(|e| e.to_string())?;
            files.push((folder.clone(), real.clone()));
            for packages in ["site-packages", "dist-packages"] {
                if real.join(packages).is_dir() {
                    hidden.push(folder.join(packages));
                }
            }
        }
        let mut library_path = Vec::new();
        for library in report.libraries {
            // Extension modules lie inside the standard library, which is there already.
            if report.stdlib.iter().any(|f| library.starts_with(f)) {
                continue;
            }
            let real = library.canonicalize().map_err(|e| e.to_string())?;
            let folder = library.parent().unwrap_or(Path::new("/")).to_owned();
            let usual = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
            if !usual.iter().any(|u| folder.starts_with(u)) && !library_path.contains(&folder) {
                library_path.push(folder);
            }
            files.push((library, real));
        }
        let common = report.common.into_iter().filter_map(|library| {
            let real = library.canonicalize().ok()?;
            Some((library, real))
        });
        let common = common.collect();
        let zones = PathBuf::from("/usr/share/zoneinfo");
        if zones.is_dir() {
            files.push((zones.clone(), zones));
        }
        files.sort();
        files.dedup();
        Ok(Self {
            digest: fingerprint(&report.full, &report.executable, &files),
            executable: report.executable,
            files,
            common,
            hidden,
            library_path,
        })
    }
}

fn ask(python: &Path) -> Result<Report, String> {
    let output = Command::new(python)
        .args([
            "-S",
            "-s",
            "-E",
            "-B",
            "-c",
            &SCRIPT
                .replace("COMMON", &format!("{COMMON:?}"))
                .replace("USELESS", &format!("{USELESS:?}")),
        ])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(text.lines().last().unwrap_or("it failed").to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
}

/// Names this interpreter with its libraries: a new build or a new library has another size or time.
fn fingerprint(version: &str, executable: &Path, files: &[(PathBuf, PathBuf)]) -> String {
    let mut hash = Sha256::new();
    hash.update(version);
    hash.update(executable.as_os_str().as_encoded_bytes());
    for (name, real) in files {
        hash.update(name.as_os_str().as_encoded_bytes());
        if let Ok(data) = real.metadata() {
            hash.update(data.len().to_le_bytes());
            let changed = data.modified().ok();
            let since = changed.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            hash.update(since.unwrap_or_default().as_nanos().to_le_bytes());
        }
    }
    let mut digest = "host:sha256:".to_owned();
    for byte in hash.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}
