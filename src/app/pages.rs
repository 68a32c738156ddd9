//! Gives memory back that only the start and the dreams need. Called by the service while it has nothing to do; changes
//! nothing that anybody can see but the figure in `top`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

/// The start is over by then, the preflight included.
pub const AFTER: Duration = Duration::from_secs(10);

/// And then again: a look and a timer each bring in code that the other does not need.
pub const EVERY: Duration = Duration::from_secs(5);

/// Pages brought in that are worth giving back: the kernel maps the sixteen around each, so these come to 3 MB.
const WORTH_IT: i64 = 48;

/// Beside the program itself: linked to it, so that none of them is ever unloaded.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LINKED: [&[u8]; 4] = [b"libc.so", b"libm.so", b"libgcc_s.so", b"ld-linux"];

/// What has come in since the last time.
#[derive(Debug, Default)]
pub struct Pages {
    /// Page faults of this process when it last gave back.
    faults: i64,
}

impl Pages {
    /// Returns what the allocator keeps for later, and takes the program's own code and constants out of memory: what is
    /// needed again comes back from the page cache. Does nothing where little has come in since the last time.
    pub fn give_back(&mut self) {
        let faults =
            || getrusage(UsageWho::RUSAGE_SELF).map_or(i64::MAX, |used| used.minor_page_faults());
        if !self.are_worth_it(faults()) {
            return;
        }
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            trim();
            for (start, length) in unwritable() {
                forget(*start, *length);
            }
        }
        self.faults = faults();
    }

    fn are_worth_it(&self, faults: i64) -> bool {
        faults.saturating_sub(self.faults) >= WORTH_IT
    }
}

/// Where the program's own file and the libraries of C lie in memory and may not be written. What the loader writes and protects
/// afterwards belongs to their writable segments.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn unwritable() -> &'static [(usize, usize)] {
    static FOUND: OnceLock<Vec<(usize, usize)>> = OnceLock::new();
    FOUND.get_or_init(find_unwritable)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn find_unwritable() -> Vec<(usize, usize)> {
    use nix::libc::{PF_W, PT_LOAD, c_int, c_void, dl_iterate_phdr, dl_phdr_info, size_t};
    use nix::unistd::{SysconfVar, sysconf};

    #[expect(unsafe_code, reason = "the loader's list has no safe form")]
    unsafe extern "C" fn note(info: *mut dl_phdr_info, _: size_t, found: *mut c_void) -> c_int {
        // SAFETY: the loader hands over one object of its list, valid during this call, and `found` is the list below.
        unsafe {
            let (info, found) = (&*info, &mut *found.cast::<Vec<(usize, usize)>>());
            let name = if info.dlpi_name.is_null() {
                &[]
            } else {
                std::ffi::CStr::from_ptr(info.dlpi_name).to_bytes()
            };
            let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            // The program itself has no name.
            if !name.is_empty() && !LINKED.iter().any(|linked| file.starts_with(linked)) {
                return 0;
            }
            let base = usize::try_from(info.dlpi_addr).unwrap_or(0);
            let headers = std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
            for header in headers
                .iter()
                .filter(|one| one.p_type == PT_LOAD && one.p_flags & PF_W == 0)
            {
                let at = usize::try_from(header.p_vaddr).unwrap_or(0);
                let length = usize::try_from(header.p_memsz).unwrap_or(0);
                found.push((base.wrapping_add(at), length));
            }
        }
        0
    }
    let mut found: Vec<(usize, usize)> = Vec::new();
    #[expect(unsafe_code, reason = "the loader's list has no safe form")]
    // SAFETY: it calls `note` for each object before it returns, with the pointer that is given.
    unsafe {
        dl_iterate_phdr(Some(note), std::ptr::from_mut(&mut found).cast());
    }
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let Some(page) = page
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes > 0)
    else {
        return Vec::new();
    };
    // From whole page to whole page: what lies beside the ends is of the same file, or nothing.
    found
        .into_iter()
        .map(|(start, length)| (start / page * page, length + start % page))
        .collect()
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
    // SAFETY: the range is of an object that is never unloaded, mapped privately from its file and not writable: its pages are
    // those of the file, and every access brings them back unchanged.
    unsafe {
        let start = std::ptr::with_exposed_provenance_mut(start);
        nix::libc::madvise(start, length, nix::libc::MADV_DONTNEED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn what_is_given_back_is_of_a_file_and_may_not_be_written() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let found = unwritable();
        assert!(
            found.len() >= 3,
            "code and constants of this program and of the C library: {found:x?}"
        );
        for &(start, length) in found {
            let mut of_it = maps.lines().filter(|line| {
                let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
                let [from, to] = [from, to].map(|hex| usize::from_str_radix(hex, 16).unwrap());
                from < start + length && to > start
            });
            let line = of_it.next().unwrap();
            assert!(line.contains(" r--p ") || line.contains(" r-xp "), "{line}");
            assert!(line.contains('/') && of_it.next().is_none(), "{line}");
        }
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        let before: Vec<String> = (0..100).map(|n| format!("{n}")).collect();
        for _ in 0..3 {
            Pages::default().give_back();
        }
        assert_eq!(before.join(",").len(), 289);
    }

    #[test]
    fn only_what_has_come_in_is_given_back() {
        let mut pages = Pages::default();
        pages.give_back();
        let then = pages.faults;
        assert!(then > 0, "a process that began has had some");
        assert!(!pages.are_worth_it(then) && !pages.are_worth_it(then + WORTH_IT - 1));
        assert!(pages.are_worth_it(then + WORTH_IT));
    }
}
