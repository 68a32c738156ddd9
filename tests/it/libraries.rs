//! Library sets: fetched as wheels without running anything of theirs, whole or not at all, and seen by solutions on
//! every backend. Most of it from wheels made here, through pip's own settings; one test asks the real index.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value as Json, json};

use crate::support::backends::{NAMESPACE, backends};
use crate::support::{World, ledger, left_out};

/// Makes wheels and one source archive. Everything that would run when built or imported leaves a mark.
const MAKE: &str = r##"
import io, os, sys, tarfile, zipfile
out, mark = sys.argv[1:]
leave = "try:\n    open(%r, 'a').write('ran')\nexcept OSError:\n    pass\n" % mark
def wheel(name, version, members, needs=()):
    info = "%s-%s.dist-info/" % (name, version)
    metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    metadata += "".join("Requires-Dist: %s\n" % n for n in needs)
    members = dict(members)
    members[info + "METADATA"] = metadata
    members[info + "WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members[info + "RECORD"] = ""
    with zipfile.ZipFile(os.path.join(out, "%s-%s-py3-none-any.whl" % (name, version)), "w") as z:
        for path, text in members.items():
            z.writestr(path, text)
wheel("tinylib", "1.0", {
    "tinylib/__init__.py": leave + "import tinydep\ndef double(x):\n    return tinydep.TWO * x\n",
    "tinylib-1.0.data/purelib/tinymore.py": "X = 1\n",
    "tinylib-1.0.data/scripts/tool": "#!/bin/sh\n",
    "tinylib.pth": "import os\n",
    "json.py": "def dumps(x):\n    return 'not the real one'\n",
}, ["tinydep"])
wheel("tinydep", "2.0", {"tinydep.py": "TWO = 2\n"})
wheel("escaping", "1.0", {"../../../escaped.py": "x = 1\n"})
with zipfile.ZipFile(os.path.join(out, "linking-1.0-py3-none-any.whl"), "w") as z:
    link = zipfile.ZipInfo("linking/passwd")
    link.external_attr = 0o120777 << 16
    z.writestr(link, "/etc/passwd")
    z.writestr("linking-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: linking\nVersion: 1.0\n")
    z.writestr("linking-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
with tarfile.open(os.path.join(out, "unbuilt-1.0.tar.gz"), "w:gz") as t:
    for path, text in (("setup.py", leave + "from setuptools import setup\nsetup(name='unbuilt', version='1.0')\n"),
                       ("PKG-INFO", "Metadata-Version: 2.1\nName: unbuilt\nVersion: 1.0\n")):
        info = tarfile.TarInfo("unbuilt-1.0/" + path)
        info.size = len(text)
        t.addfile(info, io.BytesIO(text.encode()))
"##;

pub(crate) struct Shop {
    world: World,
    wheels: PathBuf,
    mark: PathBuf,
}

impl Shop {
    pub(crate) fn open() -> Self {
        let world = World::new();
        // Bubblewrap may run as nobody, who must be able to pass.
        fs::set_permissions(world.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let (wheels, mark) = (world.path().join("wheels"), world.path().join("mark"));
        fs::create_dir(&wheels).expect("a folder");
        let made = Command::new("python3")
            .args(["-c", MAKE])
            .args([&wheels, &mark])
            .status();
        assert!(made.expect("python3 runs").success());
        Self {
            world,
            wheels,
            mark,
        }
    }

    fn dreamer(&self, backend: &str, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_dreamer"))
            .args(words)
            .arg("--json")
            .env("DREAMING_DATA_DIR", self.world.path().join("data"))
            .env("DREAMING_OUTPUT_DIR", self.world.path().join("out"))
            .env("DREAMING_SANDBOX", backend)
            .env("DREAMING_DOCKER_NAMESPACE", NAMESPACE)
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", &self.wheels)
            .current_dir(self.world.path())
            .output()
            .expect("the program runs")
    }

    pub(crate) fn path(&self) -> &Path {
        self.world.path()
    }

    /// Its answer; nothing where this machine has no pip.
    pub(crate) fn prepare(&self, backend: &str, libraries: &str) -> Option<Result<Json, String>> {
        let output = self.dreamer(
            backend,
            &["sandbox", "prepare", &format!("--libraries={libraries}")],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("no pip beside") {
            left_out("library sets", "the package python3-pip is not installed");
            return None;
        }
        ledger("library-sets");
        Some(match output.status.code() {
            Some(0) => {
                let answer: Json = serde_json::from_slice(&output.stdout).expect("JSON");
                Ok(answer["libraries"][0].clone())
            }
            _ => Err(said),
        })
    }

    fn run(&self, backend: &str, code: &str) -> Json {
        let file = self.world.write("program.py", code);
        let file = file.to_str().expect("a path");
        let output = self.dreamer(backend, &["sandbox", "run", file]);
        let line = String::from_utf8_lossy(&output.stdout);
        let first = line.lines().next().unwrap_or_default();
        serde_json::from_str(first)
            .unwrap_or_else(|_| panic!("no line: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn site(&self, set: &Json) -> PathBuf {
        let id = set["set"].as_str().expect("a set");
        self.world
            .path()
            .join("data/libraries")
            .join(id)
            .join("site")
    }
}

fn candidate(call: &str) -> Json {
    json!({
        "scenario": {"title": "doubles", "task_prompt": "Write a function twice(xs) that doubles each number with tinylib.",
                     "entry_point": "twice", "libraries": ["tinylib"]},
        "code": format!("import {call} as lib\n\ndef twice(xs):\n    out = []\n    for x in xs:\n        out.append(lib.double(x))\n    return out\n"),
        "checks": [
            {"kind": "example", "call": "twice([1, 2])", "expect": "[2, 4]"},
            {"kind": "example", "call": "twice([])", "expect": "[]"},
            {"kind": "example", "call": "twice([5])", "expect": "[10]"}],
        "hidden_checks": [
            {"kind": "example", "call": "twice([-1, 0])", "expect": "[-2, 0]"},
            {"kind": "example", "call": "twice([7, 8, 9])", "expect": "[14, 16, 18]"}],
    })
}

const PROGRAM: &str = r#"
import json, sys, tinylib, tinymore, os
print(tinylib.double(21), json.dumps([1]))
print(sorted(n for n in os.listdir("/libraries") if not n.endswith((".dist-info", "__pycache__"))))
for path in (tinylib.__file__, "/libraries/new.py"):
    try:
        open(path, "w")
        print("written")
    except OSError:
        print("read only")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_fetched_used_repaired_and_given_up() {
    for backend in backends("library sets").await {
        let (shop, name) = (Shop::open(), backend.name());
        let Some(set) = shop.prepare(name, "tinylib") else {
            return;
        };
        let set = set.expect("a set");
        assert_eq!(set["result"], "fetched", "{set}");
        let names: Vec<_> = ["tinydep", "tinylib"]
            .iter()
            .map(|n| {
                set["libraries"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|l| l["name"] == *n && l["sha256"].as_str().unwrap().len() == 64)
            })
            .collect();
        assert_eq!(names, [true, true], "{set}");

        let seen = shop.run(name, PROGRAM);
        let lines: Vec<_> = seen["stdout"].as_str().expect("text").lines().collect();
        assert_eq!(
            lines,
            [
                "42 [1]",
                "['json.py', 'tinydep.py', 'tinylib', 'tinymore.py']",
                "read only",
                "read only"
            ],
            "{seen}"
        );
        assert!(!shop.mark.exists(), "nothing of a package ran on the host");

        let again = shop.prepare(name, "tinylib").unwrap().expect("a set");
        assert_eq!(
            (&again["result"], &again["set"]),
            (&json!("present"), &set["set"])
        );

        let file = shop.site(&set).join("tinydep.py");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
        fs::write(&file, "TWO = 3\n").expect("written");
        let mended = shop.prepare(name, "tinylib").unwrap().expect("a set");
        assert_eq!(
            (&mended["result"], &mended["set"]),
            (&json!("repaired"), &set["set"])
        );
        assert!(
            shop.run(name, PROGRAM)["stdout"]
                .as_str()
                .unwrap()
                .starts_with("42")
        );

        let removed = shop.prepare(name, "").unwrap().expect("an answer");
        assert_eq!(removed["result"], "removed");
        let seen = shop.run(name, "import tinylib\n");
        assert!(
            seen["stderr"]
                .as_str()
                .unwrap()
                .contains("ModuleNotFoundError"),
            "{seen}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solution_with_a_library_is_gold_where_it_is_there_and_missing_where_not() {
    for backend in backends("library sets").await {
        let (shop, name) = (Shop::open(), backend.name());
        let file = shop
            .world
            .write("candidate.json", candidate("tinylib").to_string());
        let verify = || {
            let output = shop.dreamer(name, &["verify", file.to_str().expect("a path")]);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let answer: Json = serde_json::from_str(text.lines().next().unwrap_or_default())
                .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
            answer
        };
        assert_eq!(verify()["reasons"], json!(["missing_library"]), "{name}");
        let Some(set) = shop.prepare(name, "tinylib") else {
            return;
        };
        set.expect("a set");
        let answer = verify();
        assert_eq!(answer["verdict"], "gold", "{name}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plain_wheel_is_refused_and_leaves_nothing() {
    // All this is the same whatever the backend.
    if let Some(backend) = backends("library sets").await.first() {
        let (shop, name) = (Shop::open(), backend.name());
        for (library, why) in [
            ("unbuilt", "unbuilt"),
            ("escaping", "it holds a file named"),
            ("linking", "neither a file nor a folder"),
            ("nosuchthing", "nosuchthing"),
            ("./wheels", "names no library"),
            ("--index-url=http://127.0.0.1:1", "names no library"),
        ] {
            let Some(answer) = shop.prepare(name, library) else {
                return;
            };
            let said = answer.expect_err(library);
            assert!(said.contains(why), "{library}: {said}");
        }
        assert!(!shop.mark.exists(), "nothing was built");
        assert!(!shop.world.path().join("escaped.py").exists());
        let sets = shop.world.path().join("data/libraries");
        let left = fs::read_dir(sets).map_or(0, Iterator::count);
        assert_eq!(left, 0, "no set and no half of one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_libraries_come_from_the_index() {
    for backend in backends("libraries from the package index").await {
        let (shop, name) = (Shop::open(), backend.name());
        let data = shop.world.path().join("data");
        let output = Command::new(env!("CARGO_BIN_EXE_dreamer"))
            .args([
                "sandbox",
                "prepare",
                "--libraries",
                "pyyaml,markupsafe",
                "--json",
            ])
            .env("DREAMING_DATA_DIR", &data)
            .env("DREAMING_SANDBOX", name)
            .env("DREAMING_DOCKER_NAMESPACE", NAMESPACE)
            .env("PIP_RETRIES", "1")
            .env("PIP_TIMEOUT", "10")
            .current_dir(shop.world.path())
            .output()
            .expect("the program runs");
        if output.status.code() != Some(0) {
            let said = String::from_utf8_lossy(&output.stderr);
            left_out("libraries from the package index", said.trim());
            return;
        }
        ledger("package-index");
        let seen = shop.run(
            name,
            "import yaml, markupsafe\nprint(yaml.safe_load('a: [1, 2]'), yaml.__with_libyaml__, markupsafe.escape('<'))\n",
        );
        assert_eq!(seen["stdout"], "{'a': [1, 2]} True &lt;\n", "{seen}");
    }
}

#[test]
fn a_set_that_nobody_can_reach_is_said() {
    if !nix_is_root() || !Path::new("/usr/bin/bwrap").exists() {
        left_out(
            "a shut folder",
            "only root gives its rights up for bubblewrap",
        );
        return;
    }
    let shop = Shop::open();
    let Some(set) = shop.prepare("bubblewrap", "tinydep") else {
        return;
    };
    set.expect("a set");
    fs::set_permissions(shop.world.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
    let file = shop.world.write("program.py", "print(1)\n");
    let output = shop.dreamer(
        "bubblewrap",
        &["sandbox", "run", file.to_str().expect("a path")],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("shut to the user nobody"), "{said}");
    assert_eq!(output.status.code(), Some(0), "all else goes on");
}

fn nix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0)
}
