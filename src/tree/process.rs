//! Whether a process that once made something is still the same process. Called by the sweeps.

/// When a process started, in clock ticks since the machine did; `None` where there is no such process. Together with
/// the number it names a process for ever: numbers are used again.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything; field 22 is counted behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// True while the process that started then still runs.
#[must_use]
pub fn is_alive(pid: u32, start: u64) -> bool {
    start_time(pid) == Some(start)
}

#[cfg(test)]
mod tests {
    use super::{is_alive, start_time};

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let me = std::process::id();
        let start = start_time(me).unwrap();
        assert!(is_alive(me, start));
        assert!(!is_alive(me, start + 1));
        assert!(!is_alive(u32::MAX >> 1, start));
    }
}
