//! One ingestion: walk, read what changed, store it in batches. Called by `Knowledge::ingest`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::read::{Refusal, Stamp};
use super::{KnowledgeError, KnowledgeStats, chunk, entities, licence, read, walk};
use crate::clock;
use crate::store::{Change, KnownDocument, NewChunk, NewDocument, Store};

/// Raised whenever parsing, chunking or entities change: documents of older parsers are read anew.
const PARSER: i64 = 2;
/// Text gathered before it is written. Bounds both the memory and how long other writers wait.
const BATCH_BYTES: usize = 2_000_000;
/// Documents in one transaction, for folders of many tiny files.
const BATCH_DOCUMENTS: usize = 200;
/// A file changed this shortly before it was read may have changed again within one tick of its clock.
const RACY_NS: i64 = 2_000_000_000;
/// Files named in a report; all are counted.
const MAX_NAMED: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Files looked at, of all.
    File {
        done: usize,
        of: usize,
    },
    Clustering,
}

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub path: String,
    pub reason: Refusal,
}

/// What an ingestion did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct IngestReport {
    pub files: usize,
    pub added: usize,
    pub changed: usize,
    pub unchanged: usize,
    /// Known before, gone now.
    pub dropped: usize,
    /// Reason to count.
    pub left_out: BTreeMap<Refusal, usize>,
    /// The first thousand of them by name.
    pub left_out_files: Vec<LeftOut>,
    pub stats: KnowledgeStats,
}

impl IngestReport {
    fn leave_out(&mut self, path: &Path, reason: Refusal) {
        *self.left_out.entry(reason).or_default() += 1;
        if self.left_out_files.len() < MAX_NAMED {
            self.left_out_files.push(LeftOut {
                path: path.to_string_lossy().into_owned(),
                reason,
            });
        }
    }
}

pub(crate) fn run(
    store: &Store,
    excluded: &[PathBuf],
    paths: &[PathBuf],
    progress: &mut dyn FnMut(Progress),
) -> Result<IngestReport, KnowledgeError> {
    // All paths are looked at before anything is written: a mistyped second path changes nothing.
    let places = paths
        .iter()
        .map(|path| walk::walk(path, excluded))
        .collect::<Result<Vec<_>, _>>()?;
    let mut run = Run {
        store,
        report: IngestReport::default(),
        licences: Licences::default(),
        batch: Vec::new(),
        seen: BTreeSet::new(),
        now_ns: i64::try_from(clock::utc().as_nanosecond()).unwrap_or(i64::MAX),
    };
    let of = places.iter().map(|place| place.files.len()).sum();
    let mut done = 0;
    for place in &places {
        run.place(place, &mut || {
            done += 1;
            progress(Progress::File { done, of });
        })?;
    }
    Ok(run.report)
}

struct Run<'a> {
    store: &'a Store,
    report: IngestReport,
    licences: Licences,
    batch: Vec<Change>,
    /// Files already dealt with, where given paths overlap.
    seen: BTreeSet<PathBuf>,
    now_ns: i64,
}

impl Run<'_> {
    fn place(&mut self, place: &walk::Found, tick: &mut dyn FnMut()) -> Result<(), KnowledgeError> {
        let root = place.root.to_string_lossy();
        let mut known = self.store.known_documents(&root)?;
        for path in &place.unseen {
            self.report.leave_out(path, Refusal::Unreadable);
            known.retain(|name, _| !Path::new(name).starts_with(path));
        }
        for path in &place.files {
            tick();
            let before = path.to_str().and_then(|name| known.remove(name));
            if !self.seen.insert(path.clone()) {
                continue;
            }
            self.report.files += 1;
            match self.file(&place.root, path, before.as_ref()) {
                Ok(()) => {}
                Err(reason) => {
                    self.report.leave_out(path, reason);
                    self.drop_known(before);
                }
            }
            self.flush(false)?;
        }
        for (name, gone) in known {
            if !self.seen.contains(Path::new(&name)) {
                self.drop_known(Some(gone));
            }
        }
        self.flush(true)
    }

    fn drop_known(&mut self, known: Option<KnownDocument>) {
        if let Some(known) = known {
            self.report.dropped += 1;
            self.batch.push(Change::Drop { id: known.id });
        }
    }

    fn file(
        &mut self,
        root: &Path,
        path: &Path,
        before: Option<&KnownDocument>,
    ) -> Result<(), Refusal> {
        let name = path.to_str().ok_or(Refusal::BadName)?;
        let Some(format) = read::format(path) else {
            return Err(read::refusal_of_unknown(path));
        };
        let inherited = self.licences.of(root, path);
        let licence_for = |spdx: &str| {
            if spdx.is_empty() {
                inherited.clone()
            } else {
                spdx.to_owned()
            }
        };
        let current = before.filter(|known| known.parser == PARSER);
        if let Some(known) = current {
            let metadata = std::fs::symlink_metadata(path).map_err(|_| Refusal::Unreadable)?;
            let stamp = Stamp::of(&metadata);
            let settled = known.mtime_ns < known.read_ns.saturating_sub(RACY_NS);
            let same = known.mtime_ns == stamp.mtime_ns && known.size == size_i64(stamp);
            if same && settled {
                self.report.unchanged += 1;
                let licence = licence_for(&known.spdx);
                if licence != known.licence {
                    self.refresh(known, stamp, known.read_ns, licence);
                }
                return Ok(());
            }
        }
        let (text, stamp) = read::text(path)?;
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        if let Some(known) = current.filter(|known| known.sha256 == sha256) {
            self.report.unchanged += 1;
            let licence = licence_for(&known.spdx);
            self.refresh(known, stamp, self.now_ns, licence);
            return Ok(());
        }
        if before.is_some() {
            self.report.changed += 1;
        } else {
            self.report.added += 1;
        }
        let spdx = licence::spdx_header(&text).unwrap_or_default();
        let parsed = read::parse(format, text);
        let chunks = chunk::chunks(&parsed)
            .into_iter()
            .map(|piece| new_chunk(&parsed, piece))
            .collect();
        self.batch.push(Change::Replace(Box::new(NewDocument {
            path: name.to_owned(),
            kind: parsed.kind,
            size: size_i64(stamp),
            mtime_ns: stamp.mtime_ns,
            read_ns: self.now_ns,
            parser: PARSER,
            sha256,
            licence: licence_for(&spdx),
            spdx,
            has_examples: read::may_hold_examples(&parsed.text),
            text: parsed.text,
            chunks,
        })));
        Ok(())
    }

    fn refresh(&mut self, known: &KnownDocument, stamp: Stamp, read_ns: i64, licence: String) {
        self.batch.push(Change::Refresh {
            id: known.id,
            size: size_i64(stamp),
            mtime_ns: stamp.mtime_ns,
            read_ns,
            licence,
        });
    }

    /// Writes the batch where it is large enough, or `last`.
    fn flush(&mut self, last: bool) -> Result<(), KnowledgeError> {
        let bytes: usize = self
            .batch
            .iter()
            .map(|change| match change {
                Change::Replace(document) => document.text.len(),
                Change::Refresh { .. } | Change::Drop { .. } => 0,
            })
            .sum();
        let full = bytes >= BATCH_BYTES || self.batch.len() >= BATCH_DOCUMENTS;
        if full || last && !self.batch.is_empty() {
            self.store
                .change_documents(&std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }
}

fn new_chunk(parsed: &chunk::Parsed, piece: chunk::Chunk) -> NewChunk {
    let text = &parsed.text[piece.start..piece.end];
    let mut hash = [0; 16];
    // Half a SHA-256 tells chunks apart as well as a whole one does.
    for (to, from) in hash.iter_mut().zip(Sha256::digest(text.as_bytes())) {
        *to = from;
    }
    let mentions = entities::mentions(parsed.kind, &piece.heading, text)
        .into_iter()
        .map(|mention| (mention.name, mention.weight))
        .collect();
    NewChunk {
        first_byte: piece.start,
        end_byte: piece.end,
        lines: piece.lines,
        heading: piece.heading,
        hash,
        mentions,
    }
}

fn size_i64(stamp: Stamp) -> i64 {
    i64::try_from(stamp.size).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The licence that each folder stands under, read once a run.
#[derive(Default)]
struct Licences {
    by_folder: HashMap<PathBuf, String>,
}

impl Licences {
    /// From the nearest licence file, going up to the root of the ingestion; empty where there is none.
    fn of(&mut self, root: &Path, file: &Path) -> String {
        let top = if root.is_dir() {
            root
        } else {
            root.parent().unwrap_or(root)
        };
        let mut passed = Vec::new();
        let mut found = String::new();
        for folder in file.ancestors().skip(1) {
            if let Some(known) = self.by_folder.get(folder) {
                found.clone_from(known);
                break;
            }
            passed.push(folder.to_owned());
            found = licence_in(folder);
            if !found.is_empty() || folder == top {
                break;
            }
        }
        for folder in passed {
            self.by_folder.insert(folder, found.clone());
        }
        found
    }
}

/// What the folder's own licence files say: an SPDX expression, or the first file's name where none is recognised.
fn licence_in(folder: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return String::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| licence::is_licence_name(name))
        .collect();
    names.sort_unstable();
    let mut guessed: Vec<&str> = names
        .iter()
        .filter_map(|name| read::text(&folder.join(name)).ok())
        .filter_map(|(text, _)| licence::guess(&text))
        .collect();
    guessed.sort_unstable();
    guessed.dedup();
    match (guessed.as_slice(), names.into_iter().next()) {
        ([], Some(name)) => name,
        ([], None) => String::new(),
        // Several licence files side by side offer a choice, as Rust projects do it.
        (several, _) => several.join(" OR "),
    }
}
