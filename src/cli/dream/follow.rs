//! A session as it goes by on stderr, two lines a scenario, each with its number: several may be in play.

use std::io::Write;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;

use crate::cli::text::clean_line as clean;
use crate::engine::progress::{Phase, ProgressEvent};
use crate::supervisor::Told;

/// Prints until the sender is gone or the answer is dropped.
pub(super) fn on_stderr(mut told: broadcast::Receiver<Told>) -> JoinSet<()> {
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            match told.recv().await {
                Ok(Told::Progress { progress, .. }) => {
                    print(&progress);
                }
                Ok(Told::State { .. } | Told::Report { .. }) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    task
}

/// One event, where it has something to say.
pub(super) fn print(event: &ProgressEvent) {
    if let Some(line) = line(event) {
        // Nobody is lost where stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// The line of an event; `None` for those that say too little to a person.
pub(crate) fn line(event: &ProgressEvent) -> Option<String> {
    match event {
        ProgressEvent::Ready { sandbox, model } => Some(match model {
            Some(model) => format!("dreaming with {} in {sandbox}", clean(model)),
            None => format!(
                "dreaming without a model in {sandbox}: your own examples, then the offline pack"
            ),
        }),
        ProgressEvent::Task {
            scenario,
            title,
            generator,
        } => Some(format!("{scenario:>4}  {}  ({generator})", clean(title))),
        ProgressEvent::Saved {
            scenario,
            tier,
            dream_id,
        } => Some(format!("{scenario:>4}  saved   {tier}  {dream_id}")),
        ProgressEvent::Rejected {
            scenario,
            reasons,
            detail,
        } => {
            let first = detail.lines().next().unwrap_or_default();
            Some(format!(
                "{scenario:>4}  fell    {}: {}",
                reasons.join(", "),
                clean(first)
            ))
        }
        ProgressEvent::Requeued { scenario, why } => {
            Some(format!("{scenario:>4}  put back ({})", clean(why)))
        }
        ProgressEvent::Phase { phase, .. } => match phase {
            Phase::Weaving | Phase::Coding | Phase::Running | Phase::Proving | Phase::Saving => {
                None
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_paint_the_terminal() {
        let event = ProgressEvent::Task {
            scenario: 1,
            title: "red\u{1b}[31m\nnext".to_owned(),
            generator: "llm".to_owned(),
        };
        let line = line(&event).expect("a task has a line");
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    }
}
