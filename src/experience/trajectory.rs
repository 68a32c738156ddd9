//! A course of events that belong together: begun, added to, ended with an outcome. Each event knows its trajectory and the
//! event that caused it; the end is an event too, with the sum of the rewards.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ExperienceStream;
use super::event::{Event, EventId, TRAJECTORY};

/// The type of the event that ends a trajectory; its data is the [`Summary`].
pub const ENDED: &str = "trajectory.ended";

/// Events that a summary names; a session of a whole night has fewer.
const NAMED: usize = 1000;

/// What a trajectory came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub trajectory_id: String,
    pub kind: String,
    pub outcome: String,
    pub total_reward: f64,
    /// Events in it.
    pub length: u64,
    /// Reward an event, as in the original; 0 where there was none.
    pub quality: f64,
    /// Its events, the first thousand.
    pub events: Vec<EventId>,
}

/// A trajectory that is under way. Dropped without an end, it ends as `abandoned`.
#[derive(Debug)]
pub struct Trajectory {
    stream: ExperienceStream,
    id: String,
    kind: &'static str,
    course: Mutex<Course>,
}

#[derive(Debug, Default)]
struct Course {
    events: Vec<EventId>,
    last: Option<EventId>,
    length: u64,
    total_reward: f64,
    ended: bool,
}

impl Trajectory {
    pub(super) fn begin(stream: ExperienceStream, kind: &'static str) -> Self {
        Self {
            stream,
            id: Uuid::now_v7().simple().to_string(),
            kind,
            course: Mutex::default(),
        }
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes an event as the next of this trajectory, caused by the one before unless it names another cause. Its number;
    /// `None` where the stream turned it away.
    pub fn add(&self, mut event: Event) -> Option<EventId> {
        event
            .metadata
            .insert(TRAJECTORY.to_owned(), self.id.clone().into());
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        event.caused_by = event.caused_by.or(course.last);
        let reward = event.reward.unwrap_or(0.0);
        let id = self.stream.write_event(event).ok()?;
        course.last = Some(id);
        course.length += 1;
        course.total_reward += reward;
        if course.events.len() < NAMED {
            course.events.push(id);
        }
        Some(id)
    }

    /// Ends it and tells the stream; a second end is told to nobody.
    pub fn end(&self, outcome: &str) -> Summary {
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::replace(&mut course.ended, true);
        let summary = Summary {
            trajectory_id: self.id.clone(),
            kind: self.kind.to_owned(),
            outcome: outcome.to_owned(),
            total_reward: course.total_reward,
            length: course.length,
            quality: course.total_reward / course.length.max(1) as f64,
            events: course.events.clone(),
        };
        let mut event = Event::new(ENDED, "experience");
        event.data = serde_json::to_value(&summary).unwrap_or_default();
        event.caused_by = course.last;
        event
            .metadata
            .insert(TRAJECTORY.to_owned(), self.id.clone().into());
        if !told {
            // Turned away it is counted with all others.
            let _ = self.stream.write_event(event);
        }
        summary
    }
}

impl Drop for Trajectory {
    fn drop(&mut self) {
        let course = self
            .course
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if !course.ended {
            self.end("abandoned");
        }
    }
}
