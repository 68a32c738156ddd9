//! Tells the allocator to give memory back. Called once by whoever starts the program, before it starts threads.

/// From this size on a piece of memory is the kernel's own and goes back to it at once. The C library's usual first
/// value; left alone it grows to 32 MB with the largest piece that was ever freed, such as a flood that a sandbox's
/// program printed, and what lies below it stays: a night of hostile jobs grew by a fifth.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PIECE: nix::libc::c_int = 128 << 10;
/// Rooms for small pieces: each keeps its own leftovers, and by itself the C library makes eight a processor.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ROOMS: nix::libc::c_int = 2;

/// What is freed goes back to the system, so that a night leaves no more behind than an hour. Does nothing where the C
/// library is another.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the allocator's settings have no safe form")]
    // SAFETY: plain values; the call is made for any moment and takes the allocator's own lock.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, OWN_PIECE);
        nix::libc::mallopt(nix::libc::M_TRIM_THRESHOLD, OWN_PIECE);
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, ROOMS);
    }
}
