//! A file of JSON lines that is turned when it is full or old; turned files become checksummed archives, of which the
//! newest are kept.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::SinkError;
use crate::clock;
use crate::experience::archive;
use crate::experience::line::Line;

/// When a file is turned, and how many turned ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    pub bytes: u64,
    pub age: Duration,
    pub kept: usize,
}

impl Default for Rotation {
    /// Some weeks of dreams in all. The setting's help names the number that is kept.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            age: Duration::from_hours(24),
            kept: 14,
        }
    }
}

#[derive(Debug)]
pub(in crate::experience) struct Jsonl {
    path: PathBuf,
    rotation: Rotation,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and number: somebody may put another file in its place, or none.
    place: (u64, u64),
    bytes: u64,
    since: Timestamp,
}

impl Jsonl {
    pub(in crate::experience) fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self {
            path,
            rotation,
            open: None,
        }
    }

    pub(super) fn write(&mut self, batch: &[Arc<Line>]) -> Result<(), SinkError> {
        let written = self.append(batch);
        if written.is_err() {
            // Opened anew with the next try: the file may have been removed, or its disk come back.
            self.open = None;
        }
        written.map_err(|error| SinkError::Failed(format!("{}: {error}", self.path.display())))
    }

    fn append(&mut self, batch: &[Arc<Line>]) -> io::Result<()> {
        let mut text = Vec::new();
        for line in batch {
            text.extend_from_slice(line.text.as_bytes());
            text.push(b'\n');
        }
        let now = clock::utc();
        let there = |open: &Open| fs::metadata(&self.path).is_ok_and(|m| place(&m) == open.place);
        let open = match self.open.take().filter(there) {
            Some(open) => open,
            None => Open::at(&self.path, now)?,
        };
        let age = Duration::try_from(now.duration_since(open.since)).unwrap_or_default();
        let full = open.bytes + text.len() as u64 > self.rotation.bytes || age >= self.rotation.age;
        let mut open = if full && open.bytes > 0 {
            drop(open);
            self.turn(now, &mut |file, events| {
                tracing::warn!(
                    file = %file.display(),
                    events,
                    "the oldest experiences of the jsonl sink are removed: {} full files stay",
                    self.rotation.kept
                );
            })?;
            Open::at(&self.path, now)?
        } else {
            open
        };
        let before = open.bytes;
        if let Err(error) = open.file.write_all(&text) {
            // Half a batch would be there twice after the next try.
            drop(open.file.set_len(before));
            return Err(error);
        }
        open.bytes += text.len() as u64;
        self.open = Some(open);
        Ok(())
    }

    /// The full file becomes an archive beside it. What has to go for it is told, with its events where they can be counted.
    fn turn(&self, now: Timestamp, removed: &mut dyn FnMut(&Path, Option<u64>)) -> io::Result<()> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let mut name = format!("{stem}-{}", now.strftime("%Y%m%dT%H%M%S%3fZ"));
        let folder = self.path.parent().unwrap_or(Path::new("."));
        for number in 2.. {
            if !folder.join(format!("{name}{}", archive::ENDING)).exists() {
                break;
            }
            name = format!("{name}-{number}");
        }
        fs::rename(&self.path, folder.join(format!("{name}.jsonl")))?;
        pack_turned(folder, &stem)?;
        let mut archives: Vec<PathBuf> = fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&format!("{stem}-")) && name.ends_with(archive::ENDING)
            })
            .collect();
        archives.sort();
        let surplus = archives.len().saturating_sub(self.rotation.kept);
        for old in &archives[..surplus] {
            // Asked before it goes; one that cannot be read is removed all the same.
            let events = archive::events(old).ok();
            archive::remove(old)?;
            removed(old, events);
        }
        Ok(())
    }
}

/// Packs what was turned: the file of now, and any whose packing a full disk or a kill prevented before.
fn pack_turned(folder: &Path, stem: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let turned = name.strip_suffix(".jsonl");
        if let Some(turned) = turned.filter(|name| name.starts_with(&format!("{stem}-"))) {
            let packed = folder.join(format!("{turned}{}", archive::ENDING));
            archive::pack_file(&path, &packed)?;
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn place(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Open {
    fn at(path: &Path, now: Timestamp) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::options().create(true).append(true).open(path)?;
        let metadata = file.metadata()?;
        let made = metadata
            .created()
            .ok()
            .and_then(|at| Timestamp::try_from(at).ok());
        Ok(Self {
            file,
            place: place(&metadata),
            bytes: metadata.len(),
            since: made.filter(|_| metadata.len() > 0).unwrap_or(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Id;
    use crate::experience::{Event, EventIds};

    fn archives_in(folder: &Path) -> usize {
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(archive::ENDING))
            .count()
    }

    #[test]
    fn a_file_that_somebody_took_away_is_made_anew_before_the_next_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut sink = Jsonl::new(path.clone(), Rotation::default());
        let (ids, now) = (EventIds::new(), clock::utc());
        let line = || Line::of(Event::new("x", "y"), ids.next(now), now).unwrap();
        sink.write(&[line(), line()]).unwrap();
        fs::remove_file(&path).unwrap();
        sink.write(&[line()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        fs::rename(&path, folder.path().join("turned")).unwrap();
        fs::write(&path, "").unwrap();
        sink.write(&[line()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn an_archive_that_is_removed_is_told_with_the_number_of_its_events() {
        let folder = tempfile::tempdir().unwrap();
        let rotation = Rotation {
            kept: 2,
            ..Rotation::default()
        };
        let mut sink = Jsonl::new(folder.path().join("events.jsonl"), rotation);
        let (ids, now) = (EventIds::new(), clock::utc());
        let line = || Line::of(Event::new("x", "y"), ids.next(now), now).unwrap();
        let mut told = Vec::new();
        for n in 0..4 {
            sink.write(&vec![line(); n + 3]).unwrap();
            sink.open = None;
            let later = now + jiff::SignedDuration::from_secs(i64::try_from(n).unwrap());
            sink.turn(later, &mut |file, events| {
                told.push((file.exists(), events));
            })
            .unwrap();
        }
        assert_eq!(told, [(false, Some(3)), (false, Some(4))]);
        assert_eq!(archives_in(folder.path()), 2);
    }

    #[test]
    fn an_old_file_is_turned_whoever_began_it() {
        let folder = tempfile::tempdir().unwrap();
        let rotation = Rotation {
            age: Duration::from_secs(1),
            ..Rotation::default()
        };
        let path = folder.path().join("events.jsonl");
        let mut sink = Jsonl::new(path.clone(), rotation);
        let (ids, now) = (EventIds::new(), clock::utc());
        let line = || Line::of(Event::new("x", "y"), ids.next(now), now).unwrap();
        let turned = || archives_in(folder.path());
        sink.write(&[line()]).unwrap();
        sink.write(&[line()]).unwrap();
        assert_eq!(turned(), 0);
        std::thread::sleep(rotation.age);
        sink.write(&[line()]).unwrap();
        assert_eq!(turned(), 1);
        std::thread::sleep(rotation.age);
        let mut next_run = Jsonl::new(path, rotation);
        next_run.write(&[line()]).unwrap();
        assert_eq!(turned(), 2);
    }

    #[test]
    fn the_settings_help_says_how_many_files_stay() {
        let kept = format!("the newest {} full", Rotation::default().kept);
        let help = Id::ExperienceSinks.key().help;
        assert!(help.contains(&kept), "{help}");
    }
}
