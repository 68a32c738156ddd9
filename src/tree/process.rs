//! Whether a process that once made something is still the same process. Called by the sweeps.

/// When a process started, in clock ticks since the machine did; `None` where there is no such process, or only its
/// exit status that its parent has not yet asked for. Together with the number it names a process for ever: numbers
/// are used again.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything; fields 3 and 22 are counted behind
    // it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
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

    #[test]
    fn a_process_that_has_ended_and_was_not_waited_for_is_not_alive() {
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let start = start_time(child.id()).unwrap();
        drop(child.stdin.take());
        for _ in 0..200 {
            if !is_alive(child.id(), start) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(!is_alive(child.id(), start));
        child.wait().unwrap();
    }
}
