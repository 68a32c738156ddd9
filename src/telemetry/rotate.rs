//! A log file that never grows beyond its bounds: full, it becomes `.1` and a new one begins. Called by telemetry for
//! services whose manager keeps no log of its own.

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
}

impl Rotating {
    /// # Errors
    /// Where the file cannot be opened for appending.
    pub fn open(path: &Path, full: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            full,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            // The oldest is overwritten; one that is not there yet is no error.
            drop(fs::rename(self.turned(number), self.turned(number + 1)));
        }
        fs::rename(&self.path, self.turned(1))?;
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
        if self.size > 0 && self.size + line.len() as u64 > self.full {
            // A folder in which nothing can be renamed still gets its lines.
            if let Err(error) = self.turn() {
                self.size = 0;
                drop(writeln!(self.file, "the log cannot be turned: {error}"));
            }
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
}
