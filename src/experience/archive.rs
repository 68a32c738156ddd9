//! Old events in a compressed file with its SHA-256 beside it: `NAME.jsonl.gz` and `NAME.jsonl.gz.sha256`, as `gzip` and
//! `sha256sum -c` read them. A file is there whole, or not at all.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// How an archive's name ends.
pub const ENDING: &str = ".jsonl.gz";

/// An archive that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub path: PathBuf,
    /// Of the compressed file, hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0} is not what was written: its checksum differs")]
    Damaged(PathBuf),
}

/// Writes lines (each with its break) as an archive. Temporary files, checksum, rename, folder: in this order. Where it fails,
/// an earlier archive of this name stays as it was.
pub fn pack(lines: &mut dyn Read, path: &Path) -> io::Result<Archive> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let noted = beside(path, ".sha256");
    // Not under its own name before both are on the disk: there lies the checksum of an earlier one.
    let (temporary, note) = (beside(path, ".tmp"), beside(path, ".sha256.tmp"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = press(lines, &temporary).and_then(|(sha256, bytes)| {
        let mut file = File::create(&note)?;
        file.write_all(format!("{sha256}  {name}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&note, &noted)?;
        fs::rename(&temporary, path)?;
        Ok((sha256, bytes))
    });
    if made.is_err() {
        // On a full disk half an archive is the last thing that anybody needs.
        drop((fs::remove_file(&temporary), fs::remove_file(&note)));
        if !path.is_file() {
            drop(fs::remove_file(&noted));
        }
    }
    let (sha256, bytes) = made?;
    File::open(folder)?.sync_all()?;
    Ok(Archive {
        path: path.to_owned(),
        sha256,
        bytes,
    })
}

fn press(lines: &mut dyn Read, temporary: &Path) -> io::Result<(String, u64)> {
    let mut encoder = GzEncoder::new(File::create(temporary)?, Compression::default());
    io::copy(lines, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    sum(temporary)
}

pub fn pack_file(lines: &Path, path: &Path) -> io::Result<Archive> {
    pack(&mut BufReader::new(File::open(lines)?), path)
}

/// The lines of an archive, once its checksum has been found right.
pub fn read(path: &Path) -> Result<String, ArchiveError> {
    let io = |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    };
    let noted = fs::read_to_string(beside(path, ".sha256")).map_err(io)?;
    let (sha256, _) = sum(path).map_err(io)?;
    if noted.split_whitespace().next() != Some(&sha256) {
        return Err(ArchiveError::Damaged(path.to_owned()));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(io)?;
    GzDecoder::new(file).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// How many lines an archive holds, however large they are together.
pub fn events(path: &Path) -> io::Result<u64> {
    let mut packed = BufReader::new(GzDecoder::new(File::open(path)?));
    let mut lines = 0;
    while packed.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}

/// Removes an archive and its checksum.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    match fs::remove_file(beside(path, ".sha256")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sum(path: &Path) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut File::open(path)?, &mut Hashing(&mut hash))?;
    let digest = hash.finalize();
    let hex = digest.iter().fold(String::new(), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok((hex, bytes))
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that end in the middle, as on a disk that is full.
    struct Breaks(u32);

    impl Read for Breaks {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 > 3 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            into.fill(b'x');
            Ok(into.len())
        }
    }

    #[test]
    fn what_cannot_be_packed_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.gz");
        assert!(pack(&mut Breaks(0), &path).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // Nor where its checksum cannot be written.
        fs::create_dir(beside(&path, ".sha256")).unwrap();
        assert!(pack(&mut "{}\n".as_bytes(), &path).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_try_that_fails_leaves_an_earlier_archive_of_its_name_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.gz");
        pack(&mut "{}\n".as_bytes(), &path).unwrap();
        assert!(pack(&mut Breaks(0), &path).is_err());
        assert_eq!(read(&path).unwrap(), "{}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_archive_gives_back_what_went_in_and_a_changed_one_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old/a.jsonl.gz");
        let lines = "{\"a\":1}\n".repeat(1000);
        let made = pack(&mut lines.as_bytes(), &path).unwrap();
        assert!(made.bytes < 1000, "{} bytes", made.bytes);
        assert_eq!(read(&path).unwrap(), lines);
        assert_eq!(events(&path).unwrap(), 1000);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(read(&path), Err(ArchiveError::Damaged(_))));
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }
}
