//! A log file that never grows beyond its bounds: full, it becomes `.1` and a new one begins. Called by telemetry for
//! services whose manager keeps no log of its own. Where it cannot be renamed it loses what was in it, never its bounds.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file of this size is turned: some weeks of warnings, or a night of debugging.
pub const FULL_BYTES: u64 = 4 << 20;
/// Turned files that are kept beside the current one.
pub const KEPT: u32 = 3;

#[derive(Debug)]
pub struct Rotating {
    path: PathBuf,
    file: File,
    size: u64,
    full: u64,
    /// It is full and can neither be turned nor emptied, and says so in its last line.
    stuck: bool,
}

impl Rotating {
    /// # Errors
    /// Where the file cannot be opened for appending.
    pub fn open(path: &Path, full: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let known = file.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            file,
            size: known.len(),
            // A pipe or a terminal fills nothing and is nobody's to rename.
            full: if known.is_file() { full } else { u64::MAX },
            stuck: false,
        })
    }

    /// Room for another line; false where there is none to be had.
    fn make_room(&mut self) -> bool {
        let Err(error) = self.turn() else {
            self.stuck = false;
            return true;
        };
        let emptied = self.file.set_len(0).is_ok();
        if emptied {
            self.size = 0;
        }
        if emptied || !self.stuck {
            let lost = if emptied {
                "what was in it is gone"
            } else {
                "nothing more is written to it"
            };
            let note = format!("the log cannot be turned, and {lost}: {error}\n");
            if self.file.write_all(note.as_bytes()).is_ok() {
                self.size += note.len() as u64;
            }
        }
        self.stuck = !emptied;
        emptied
    }

    fn turn(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            // The oldest is overwritten; one that is not there yet is no error.
            drop(fs::rename(self.turned(number), self.turned(number + 1)));
        }
        match fs::rename(&self.path, self.turned(1)) {
            // Somebody took it away: the next one is new.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn turned(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_full = self.size > 0 && self.size + line.len() as u64 > self.full;
        if is_full && !self.make_room() {
            // Dropped: who writes a log cannot do anything about it.
            return Ok(line.len());
        }
        let written = self.file.write(line)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_turned_and_its_files_are_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/service.log");
        let line = [b'x'; 100];
        for _ in 0..3 {
            // Opened again each time: a restart goes on where it was.
            let mut log = Rotating::open(&path, 1000).expect("it opens");
            for _ in 0..50 {
                log.write_all(&line).expect("it is written");
            }
        }
        let files: Vec<_> = fs::read_dir(path.parent().expect("a folder"))
            .expect("it is there")
            .map(|file| file.expect("a file").metadata().expect("a size").len())
            .collect();
        assert_eq!(files.len(), 1 + KEPT as usize);
        assert!(files.iter().all(|size| *size <= 1000), "{files:?}");
    }

    #[test]
    fn a_log_that_cannot_be_turned_keeps_its_bounds_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("service.log");
        // Where a turned file belongs stands a folder that is not empty: not even root renames over it.
        for number in 1..=KEPT {
            let taken = folder.path().join(format!("service.log.{number}/in"));
            fs::create_dir_all(taken).expect("a folder");
        }
        let mut log = Rotating::open(&path, 1000).expect("it opens");
        let line = [b'x'; 100];
        for _ in 0..50 {
            log.write_all(&line).expect("it is written");
            let size = fs::metadata(&path).expect("a size").len();
            assert!((100..=1000).contains(&size), "{size}");
        }
        let text = fs::read_to_string(&path).expect("it is read");
        assert!(text.starts_with("the log cannot be turned"), "{text}");
        assert_eq!(text.matches("turned").count(), 1);
        assert!(text.ends_with("xxx"), "the newest line is there");
    }
}
