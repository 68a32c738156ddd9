//! The console: a short line an event on standard error, where progress goes. For a person who watches.

use std::io::Write as _;
use std::sync::Arc;

use super::SinkError;
use crate::clock;
use crate::experience::line::Line;

#[derive(Debug, Default)]
pub(in crate::experience) struct Console;

impl Console {
    #[expect(clippy::unused_self, reason = "every sink writes in the same way")]
    pub(super) fn write(&mut self, batch: &[Arc<Line>]) -> Result<(), SinkError> {
        let mut text = String::new();
        for line in batch {
            text.push_str(&shown(line));
        }
        let written = std::io::stderr().lock().write_all(text.as_bytes());
        written.map_err(|error| SinkError::Failed(error.to_string()))
    }
}

/// Names come from anywhere: what a terminal would obey is shown, not sent.
fn shown(line: &Line) -> String {
    let reward = line
        .reward
        .map(|r| format!(" reward {r}"))
        .unwrap_or_default();
    let done = if line.done { " done" } else { "" };
    format!(
        "experience {} {} {}{reward}{done}\n",
        clock::stamp(line.at),
        line.event_type.escape_debug(),
        line.source.escape_debug(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::{Event, EventIds};

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let now = clock::utc();
        let event = Event {
            reward: Some(0.5),
            done: true,
            ..Event::new("dream\u{1b}[31m.saved\nnext", "engine\u{7}")
        };
        let line = Line::of(event, EventIds::new().next(now), now).unwrap();
        let shown = shown(&line);
        assert_eq!(
            shown,
            format!(
                "experience {} dream\\u{{1b}}[31m.saved\\nnext engine\\u{{7}} reward 0.5 done\n",
                clock::stamp(line.at)
            )
        );
    }
}
