//! Knowledge on real folders and a real database.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dreamer::dream::FragmentKind;
use dreamer::knowledge::{IngestReport, Knowledge, Refusal};
use dreamer::store::Store;

use crate::support::{World, ledger};

struct Library {
    world: World,
    store: Arc<Store>,
    knowledge: Knowledge,
}

impl Library {
    fn new() -> Self {
        let world = World::new();
        let store = Arc::new(
            Store::open(&world.path().join("data/dreamer.db")).expect("a fresh database opens"),
        );
        Self {
            knowledge: Knowledge::new(Arc::clone(&store)),
            store,
            world,
        }
    }

    fn docs(&self) -> PathBuf {
        self.world.path().join("docs")
    }

    fn ingest(&self) -> IngestReport {
        self.ingest_path(&self.docs())
    }

    fn ingest_path(&self, path: &Path) -> IngestReport {
        self.knowledge
            .ingest(&[path.to_owned()], &mut |_| {})
            .expect("ingestion never fails because of a file")
    }

    /// Paths of all known documents below the folder of documents.
    fn known(&self) -> Vec<String> {
        let docs = self.docs().canonicalize().expect("the folder is there");
        let below = docs.to_str().expect("a plain name");
        let known = self.store.known_documents(below).expect("a query");
        known
            .into_keys()
            .map(|path| path[below.len() + 1..].to_owned())
            .collect()
    }

    fn write_topics(&self) {
        for n in 0..6 {
            self.world.write(
                &format!("docs/heap{n}.md"),
                format!(
                    "# Heap number {n}\n\nThe `heapq` heap keeps a binary tree; `heappush` adds to the heap and `heappop` takes from it. {}\n",
                    "A priority queue is a heap with `heapify`. ".repeat(6)
                ),
            );
            self.world.write(
                &format!("docs/date{n}.md"),
                format!(
                    "# Calendar number {n}\n\nA `timedelta` is added to a `datetime`; the calendar month and the leap year matter. {}\n",
                    "Each time zone of `zoneinfo` shifts the `datetime`. ".repeat(6)
                ),
            );
        }
    }
}

#[test]
fn a_folder_becomes_clusters_with_text_sources_and_lines() {
    let library = Library::new();
    library.write_topics();
    let report = library.ingest();
    assert_eq!((report.files, report.added), (12, 12));
    let clusters = library.knowledge.clusters(10).unwrap();
    assert!(clusters.len() >= 2);
    for cluster in &clusters {
        let subjects: Vec<bool> = cluster
            .fragments
            .iter()
            .map(|f| f.source.path.contains("heap"))
            .collect();
        assert!(
            subjects.iter().all(|&s| s == subjects[0]),
            "mixed: {cluster:?}"
        );
        let first = &cluster.fragments[0];
        let file = fs::read_to_string(&first.source.path).unwrap();
        let (from, to) = first.source.lines;
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(
            lines[from as usize - 1..to as usize].join("\n").trim_end(),
            first.text
        );
        assert_eq!(first.source.sha256.len(), 64);
        assert!(first.heading.contains("number"));
        assert!(!cluster.label.is_empty() && cluster.degree > 0);
    }
    let stats = library.knowledge.stats().unwrap();
    assert_eq!(stats.documents, 12);
    assert!(stats.total_nodes > stats.chunks && stats.total_edges > 0);
}

#[test]
fn nothing_known_is_nothing_and_one_file_is_a_cluster() {
    let library = Library::new();
    fs::create_dir_all(library.docs()).unwrap();
    let report = library.ingest();
    assert_eq!(report.stats.total_nodes, 0);
    assert!(library.knowledge.clusters(5).unwrap().is_empty());
    let file = library
        .world
        .write("docs/one.py", "def add(a, b):\n    return a + b\n");
    library.ingest_path(&file);
    let clusters = library.knowledge.clusters(5).unwrap();
    assert_eq!(clusters.len(), 1);
    assert_eq!(clusters[0].fragments[0].kind, FragmentKind::Python);
    assert_eq!(clusters[0].fragments[0].source.lines, (1, 2));
}

#[test]
fn unchanged_files_are_left_alone_changed_ones_read_and_vanished_ones_dropped() {
    let library = Library::new();
    library.write_topics();
    library.ingest();
    let again = library.ingest();
    assert_eq!((again.unchanged, again.added, again.changed), (12, 0, 0));

    library
        .world
        .write("docs/heap0.md", "# Stack\n\nQuite another thing now.\n");
    fs::remove_file(library.docs().join("date0.md")).unwrap();
    let report = library.ingest();
    assert_eq!(
        (report.unchanged, report.changed, report.dropped),
        (10, 1, 1)
    );
    assert!(!library.known().contains(&"date0.md".to_owned()));
    assert_eq!(report.stats.documents, 11);
}

#[test]
fn a_change_of_equal_size_in_the_same_moment_is_noticed() {
    let library = Library::new();
    let file = library
        .world
        .write("docs/a.txt", "first thing in the file\n");
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    library.ingest();
    library
        .world
        .write("docs/a.txt", "other thing in the file\n");
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(before)
        .unwrap();
    assert_eq!(library.ingest().changed, 1);
}

#[test]
fn files_that_cannot_be_read_are_counted_and_named_and_never_fatal() {
    let library = Library::new();
    let docs = library.docs();
    library
        .world
        .write("docs/good.md", "# Good\n\nText that can be read.\n");
    library.world.write("docs/latin.txt", b"caf\xe9\n");
    library.world.write("docs/nul.md", b"# a\0b\n");
    library.world.write("docs/picture.png", b"\x89PNG\0\0");
    library.world.write("docs/table.csv", "a,b\n");
    let huge = fs::File::create(docs.join("huge.txt")).unwrap();
    huge.set_len(100_000_000).unwrap();
    fs::write(
        docs.join(std::ffi::OsStr::from_bytes(b"bad\xff.md")),
        "# x\n",
    )
    .unwrap();
    fs::write(docs.join("new\nline \u{1b}[31m.md"), "# Hostile name\n").unwrap();
    let report = library.ingest();
    assert_eq!(report.added, 2);
    let expected = [
        (Refusal::Binary, 2),
        (Refusal::TooLarge, 1),
        (Refusal::NotUtf8, 1),
        (Refusal::BadName, 1),
        (Refusal::UnknownKind, 1),
    ];
    assert_eq!(report.left_out, expected.into_iter().collect());
    assert_eq!(report.left_out_files.len(), 6);
    assert!(
        report
            .left_out_files
            .iter()
            .any(|f| f.path.ends_with("huge.txt"))
    );
}

#[test]
fn ignored_files_and_links_are_not_followed() {
    let library = Library::new();
    library.world.write("outside/secret.md", "# Secret\n");
    library.world.write("docs/.gitignore", "build/\n");
    library.world.write("docs/build/out.md", "# Built\n");
    library.world.write("docs/in.md", "# In\n\nInside.\n");
    let outside = library.world.path().join("outside");
    std::os::unix::fs::symlink(&outside, library.docs().join("folder")).unwrap();
    std::os::unix::fs::symlink(outside.join("secret.md"), library.docs().join("link.md")).unwrap();
    std::os::unix::fs::symlink(library.docs(), library.docs().join("loop")).unwrap();
    library.ingest();
    assert_eq!(library.known(), ["in.md"]);
}

#[test]
fn what_is_excluded_is_never_ingested() {
    let library = Library::new();
    library
        .world
        .write("docs/out/dream_1.py", "def f(): pass\n");
    library.world.write("docs/in.md", "# In\n");
    let knowledge = library
        .knowledge
        .clone()
        .excluding([library.docs().join("out")]);
    knowledge.ingest(&[library.docs()], &mut |_| {}).unwrap();
    assert_eq!(library.known(), ["in.md"]);
}

#[test]
fn a_mistyped_path_is_an_error_and_changes_nothing() {
    let library = Library::new();
    library.write_topics();
    let paths = [library.docs(), library.world.path().join("nowhere")];
    let error = library.knowledge.ingest(&paths, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("nowhere"));
    assert_eq!(library.knowledge.stats().unwrap().documents, 0);
}

#[test]
fn clusters_are_ranked_by_dreams_then_degree_and_the_count_survives_new_clusters() {
    let library = Library::new();
    library.write_topics();
    library.ingest();
    let first = library.knowledge.clusters(10).unwrap();
    assert_eq!(first, library.knowledge.clusters(10).unwrap());
    assert!(
        first
            .windows(2)
            .all(|pair| pair[0].degree >= pair[1].degree)
    );

    assert!(library.knowledge.mark_dreamed(first[0].id).unwrap());
    let then = library.knowledge.clusters(10).unwrap();
    assert_ne!(then[0].id, first[0].id);
    assert_eq!(then.last().unwrap().id, first[0].id);
    assert_eq!(then.last().unwrap().dreamed, 1);

    library.world.write(
        "docs/tail.md",
        "# Tailor\n\nNeedle and thread sew a button on.\n",
    );
    library.ingest();
    let after = library.knowledge.clusters(10).unwrap();
    assert!(after.iter().all(|c| first.iter().all(|old| old.id != c.id)));
    let dreamed: Vec<_> = after.iter().filter(|c| c.dreamed == 1).collect();
    assert_eq!(dreamed.len(), 1);
    assert_eq!(dreamed[0].label, first[0].label);
    assert!(!library.knowledge.mark_dreamed(first[0].id).unwrap());
}

#[test]
fn two_databases_with_other_histories_hold_the_same_clusters() {
    let (one, two) = (Library::new(), Library::new());
    for library in [&one, &two] {
        library.write_topics();
    }
    one.ingest();
    two.world.write("docs/extra.md", "# Extra\n\nGone soon.\n");
    two.ingest_path(&two.docs().join("heap3.md"));
    two.ingest();
    fs::remove_file(two.docs().join("extra.md")).unwrap();
    two.ingest();
    let shape = |library: &Library| -> Vec<(String, Vec<String>)> {
        let clusters = library.knowledge.clusters(100).unwrap();
        let texts =
            |c: &dreamer::dream::Cluster| c.fragments.iter().map(|f| f.text.clone()).collect();
        clusters
            .iter()
            .map(|c| (c.label.clone(), texts(c)))
            .collect()
    };
    let (mut a, mut b) = (shape(&one), shape(&two));
    for shape in [&mut a, &mut b] {
        for (_, texts) in shape.iter_mut() {
            texts.sort();
        }
    }
    assert_eq!(a, b);
}

#[test]
fn forgetting_removes_documents_everything_derived_and_their_bytes() {
    let library = Library::new();
    library.write_topics();
    let file = library.world.write(
        "docs/private/diary.md",
        "# Diary\n\nThe passphrase is xyzzy_plugh_secret.\n",
    );
    library.ingest();
    let all = library.knowledge.clusters(100).unwrap();
    for cluster in &all {
        library.knowledge.mark_dreamed(cluster.id).unwrap();
    }
    // It may be gone from the disk already.
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    let removed = library
        .knowledge
        .forget(&library.docs().join("private"))
        .unwrap();
    assert_eq!(removed.len(), 1);
    assert!(removed[0].path.ends_with("private/diary.md"));
    assert_eq!(removed[0].sha256.len(), 64);
    assert_eq!(library.knowledge.stats().unwrap().documents, 12);
    let clusters = library.knowledge.clusters(100).unwrap();
    assert!(!format!("{clusters:?}").contains("xyzzy"));
    for name in ["data/dreamer.db", "data/dreamer.db-wal"] {
        let bytes = fs::read(library.world.path().join(name)).unwrap_or_default();
        let found = bytes.windows(5).any(|window| window == b"xyzzy");
        assert!(!found, "{name} still holds the text");
    }
    assert!(
        library
            .knowledge
            .forget(&library.docs().join("private"))
            .unwrap()
            .is_empty()
    );
    // A neighbour whose name only begins alike is another path.
    assert!(
        library
            .knowledge
            .forget(&library.docs().join("heap"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn documents_with_examples_come_whole_and_once() {
    let library = Library::new();
    let source =
        "def f(x):\n    \"\"\"Adds.\n\n    >>> f(1)\n    2\n    \"\"\"\n    return x + 1\n";
    library.world.write("docs/a.py", source);
    library
        .world
        .write("docs/b.py", "def test():\n    assert 1 + 1 == 2\n");
    library
        .world
        .write("docs/c.md", "# None\n\nNothing to try here.\n");
    library.world.write(
        "docs/d.html",
        "<h1>Page</h1><pre>&gt;&gt;&gt; 1 + 1\n2\n</pre>",
    );
    library.ingest();
    let found: Vec<_> = library
        .knowledge
        .documents_with_examples()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].text, source);
    assert_eq!(found[0].kind, FragmentKind::Python);
    assert!(found[2].text.contains(">>> 1 + 1\n2\n"));
}

#[test]
fn the_licence_is_the_files_own_or_the_nearest_above() {
    let library = Library::new();
    library.world.write(
        "docs/LICENSE",
        "Permission is hereby granted, free of charge, to any person\n",
    );
    library.world.write("docs/a.md", "# A\n\nAlpha.\n");
    library.world.write(
        "docs/deep/er/b.py",
        "# SPDX-License-Identifier: Apache-2.0\ndef b(): pass\n",
    );
    library.world.write("docs/other/COPYING", "Ask first.\n");
    library.world.write("docs/other/c.md", "# C\n\nGamma.\n");
    library.ingest();
    let licences = |library: &Library| -> HashMap<String, String> {
        let clusters = library.knowledge.clusters(100).unwrap();
        let fragments = clusters.into_iter().flat_map(|c| c.fragments);
        let named = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        fragments
            .map(|f| (named(&f.source.path), f.source.licence))
            .collect()
    };
    let got = licences(&library);
    assert_eq!(got["a.md"], "MIT");
    assert_eq!(got["b.py"], "Apache-2.0");
    assert_eq!(got["c.md"], "COPYING");
    // A new licence reaches unchanged files too.
    library
        .world
        .write("docs/LICENSE", "Apache License\nVersion 2.0\n");
    assert_eq!(library.ingest().unchanged, 3);
    assert_eq!(licences(&library)["a.md"], "Apache-2.0");
}

/// The figures that are promised for the Python documentation, where it is installed.
#[test]
fn the_python_documentation_falls_into_topics() {
    let docs = Path::new("/usr/share/doc/python3.11/html/_sources");
    if !docs.is_dir() {
        eprintln!("skipped: the Python documentation (python3.11-doc) is not installed");
        return;
    }
    ledger("python-docs");
    let library = Library::new();
    let report = library.ingest_path(docs);
    assert!(report.added > 400, "{report:?}");
    assert_eq!(report.left_out_files, vec![]);
    let again = library.ingest_path(docs);
    assert_eq!(again.unchanged, report.added);

    let graph = library.store.chunk_places().unwrap();
    let chunks = graph.len();
    let mut sizes: HashMap<i64, usize> = HashMap::new();
    let mut pages: HashMap<i64, Vec<i64>> = HashMap::new();
    for &(document, cluster) in &graph {
        let cluster = cluster.expect("every chunk has a cluster");
        *sizes.entry(cluster).or_default() += 1;
        pages.entry(document).or_default().push(cluster);
    }
    let largest = sizes.values().max().copied().unwrap();
    assert!(largest * 10 <= chunks, "{largest} of {chunks}");

    let mut random = Random(7);
    let pages: Vec<Vec<i64>> = pages.into_values().filter(|p| p.len() > 1).collect();
    let all: Vec<i64> = graph.iter().filter_map(|&(_, cluster)| cluster).collect();
    let mut shared = |of: &mut dyn FnMut(&mut Random) -> (i64, i64)| {
        (0..100)
            .filter(|_| {
                let (a, b) = of(&mut random);
                a == b
            })
            .count()
    };
    let same_page = shared(&mut |random| {
        let page = &pages[random.below(pages.len())];
        random.two(page)
    });
    let anywhere = shared(&mut |random| random.two(&all));
    eprintln!(
        "{chunks} chunks in {} clusters, the largest {largest}; of 100 pairs {same_page} share a cluster within a page, {anywhere} at random",
        sizes.len()
    );
    assert!(
        same_page >= 3 * anywhere.max(1),
        "{same_page} against {anywhere}"
    );
}

/// xorshift: the same pairs every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("below a usize")
    }

    /// Two different places.
    fn two(&mut self, of: &[i64]) -> (i64, i64) {
        let a = self.below(of.len());
        let b = (a + 1 + self.below(of.len() - 1)) % of.len();
        (of[a], of[b])
    }
}
