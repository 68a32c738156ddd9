//! Gives memory back that only the start and the dreams need. Called by the service while it has nothing to do; changes
//! nothing that anybody can see but the figure in `top`.

use std::time::Duration;

/// The start is over by then, the preflight included.
pub const AFTER: Duration = Duration::from_secs(10);

/// And then again: a look at Docker, a person's question or a dream brings in code that nothing needs for hours.
pub const EVERY: Duration = Duration::from_mins(1);

/// Returns what the allocator keeps for later, and takes the program's own code out of memory: what is needed again
/// comes back from the page cache, a few pages every few seconds.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        trim();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        for (start, length) in maps.lines().filter_map(code) {
            forget(start, length);
        }
    }
}

/// Where a line of `/proc/self/maps` tells of code that came from a file and that nobody may write. Constants are left
/// out: the loader has written into theirs.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, rights) = (fields.next()?, fields.next()?);
    let (inode, path) = (fields.nth(2)?, fields.next()?);
    if rights != "r-xp" || inode == "0" || !path.starts_with('/') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    #[expect(unsafe_code, reason = "the allocator's own call has no safe form")]
    // SAFETY: it takes a number, and gives back only what nobody holds.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn forget(start: usize, length: usize) {
    #[expect(unsafe_code, reason = "the system call has no safe form here")]
    // SAFETY: the range is a mapping of this process that the kernel has just named, private, backed by a file and never
    // writable: its pages are those of the file, and every access brings them back unchanged.
    unsafe {
        let start = std::ptr::with_exposed_provenance_mut(start);
        nix::libc::madvise(start, length, nix::libc::MADV_DONTNEED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_from_files_is_given_back() {
        let code_line = "55d0c000-55d0e000 r-xp 00051000 fe:00 12 /usr/bin/dreamer";
        assert_eq!(code(code_line), Some((0x55d0_c000, 0x2000)));
        for line in [
            "55d0e000-55d0f000 r--p 00052000 fe:00 12 /usr/bin/dreamer",
            "55d0e000-55d0f000 rwxp 00052000 fe:00 12 /usr/bin/dreamer",
            "7ffd1000-7ffd2000 r-xp 00000000 00:00 0 [vdso]",
            "7ffd1000-7ffd2000 r-xp 00000000 00:00 0",
            "",
        ] {
            assert_eq!(code(line), None, "{line}");
        }
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        let before: Vec<String> = (0..100).map(|n| format!("{n}")).collect();
        for _ in 0..3 {
            give_back();
        }
        assert_eq!(before.join(",").len(), 289);
    }
}
