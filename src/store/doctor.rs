//! Whether the folders that we write to can be written to and have room, for `dreamer doctor`.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::dream::Finding;

/// Below this a night's dreams, its journal and the database's log may not fit: each dream takes tens of kilobytes, and
/// an ingest of a large library's documentation some tens of megabytes.
const ENOUGH_BYTES: u64 = 1 << 30;
/// Below this SQLite itself soon fails.
const LEAST_BYTES: u64 = 100 << 20;

/// One finding a folder; `check` names it.
#[must_use]
pub fn findings(folders: &[(&str, &Path)]) -> Vec<Finding> {
    folders
        .iter()
        .map(|(check, folder)| finding(check, folder))
        .collect()
}

fn finding(check: &str, folder: &Path) -> Finding {
    let shown = folder.display();
    if let Err(error) = try_to_write(folder) {
        return refused(check, &shown.to_string(), &error);
    }
    let free = match statvfs(folder) {
        Ok(about) => about.blocks_available() * about.fragment_size(),
        Err(error) => {
            return Finding::warn(
                check,
                format!("{shown}: the free room cannot be read: {error}"),
                "look at it with `df`",
            );
        }
    };
    judge(check, &shown.to_string(), free)
}

/// Rights mend nothing where the whole file system is for reading only, as all but its state is to the machine's unit.
fn refused(check: &str, shown: &str, error: &io::Error) -> Finding {
    let fix = if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        "name the folder in `ReadWritePaths=` of the service's unit (`systemctl edit dreamer`), mount its file system for \
         writing, or set DREAMING_DATA_DIR and DREAMING_OUTPUT_DIR to another"
    } else {
        "give this user the folder, or set DREAMING_DATA_DIR and DREAMING_OUTPUT_DIR"
    };
    Finding::fail(check, format!("{shown} cannot be written to: {error}"), fix)
}

fn judge(check: &str, shown: &str, free: u64) -> Finding {
    let detail = format!("{shown}: {} MB free", free >> 20);
    let fix =
        "free some room there, or set DREAMING_DATA_DIR and DREAMING_OUTPUT_DIR to a larger disk";
    if free < LEAST_BYTES {
        Finding::fail(check, detail, fix)
    } else if free < ENOUGH_BYTES {
        Finding::warn(check, detail, fix)
    } else {
        Finding::ok(check, detail)
    }
}

/// Makes the folder where it is not there: dreaming would too.
fn try_to_write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    fs::write(&probe, b"dreamer doctor\n")?;
    fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::Health;

    #[test]
    fn little_room_is_told_before_there_is_none() {
        for (megabytes, expected) in [(50, Health::Fail), (500, Health::Warn), (5_000, Health::Ok)]
        {
            let found = judge("disk", "here", megabytes << 20);
            assert_eq!(found.status, expected, "{found:?}");
            assert_eq!(found.fix.is_empty(), expected == Health::Ok);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_fails_and_says_what_to_do() {
        let found = finding("disk", Path::new("/proc/nothing/here"));
        assert_eq!(found.status, Health::Fail);
        assert!(found.fix.contains("DREAMING_DATA_DIR"));
    }

    #[test]
    fn a_file_system_for_reading_only_is_no_matter_of_rights() {
        let fix = |kind: io::ErrorKind| refused("disk", "/srv/dreams", &kind.into()).fix;
        let read_only = fix(io::ErrorKind::ReadOnlyFilesystem);
        assert!(read_only.contains("ReadWritePaths"), "{read_only}");
        assert!(!read_only.contains("give this user"), "{read_only}");
        assert!(fix(io::ErrorKind::PermissionDenied).contains("give this user"));
    }
}
