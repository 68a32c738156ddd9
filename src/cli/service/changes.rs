//! The last changes of state of a service that runs no more, from its record. Called by `status` where nobody answers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::supervisor::Transition;

/// As many as a running service shows.
const SHOWN: usize = 16;

/// A line has about 150 bytes: room for many more than are shown.
const TAIL_BYTES: u64 = 16 << 10;

/// The oldest first; empty where there is no record. A line that makes no sense is left out.
pub(super) fn last(data_dir: &Path) -> Vec<Transition> {
    let tail = tail(&data_dir.join("logs/transitions.jsonl")).unwrap_or_default();
    let tail = String::from_utf8_lossy(&tail);
    let mut newest: Vec<Transition> = tail
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str(line).ok())
        .take(SHOWN)
        .collect();
    newest.reverse();
    newest
}

fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_changes_are_read_and_nonsense_is_left_out() {
        let data = tempfile::tempdir().expect("a folder");
        assert_eq!(last(data.path()), []);
        let logs = data.path().join("logs");
        std::fs::create_dir(&logs).expect("a folder");
        let line = |minute: usize| {
            format!(
                "{{\"at\":\"2026-11-21T03:{minute:02}:00Z\",\"from\":\"dreaming\",\"to\":\"waking\",\"session\":null,\
                 \"why\":\"presence\"}}\n"
            )
        };
        let text: String = (0..40).map(line).collect();
        std::fs::write(
            logs.join("transitions.jsonl"),
            format!("{text}{{\"at\":\"20"),
        )
        .expect("it is written");
        let read = last(data.path());
        let minutes: Vec<i8> = read
            .iter()
            .map(|change| change.at.to_zoned(jiff::tz::TimeZone::UTC).minute())
            .collect();
        assert_eq!(minutes, (24..40).collect::<Vec<i8>>());
        assert_eq!(read[0].why.as_deref(), Some("presence"));
    }
}
