//! One experience in plain data, with every field of the original's event. Made by whoever has something to tell and
//! handed to the stream; never touched after that.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU128;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The key of `metadata` under which a trajectory leaves its number in each of its events.
pub const TRAJECTORY: &str = "trajectory_id";

/// A type, a component and an id are names, not texts.
pub(super) const MAX_NAME_BYTES: usize = 200;

/// Identity of an event: a UUID in the order of time, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(NonZeroU128);

impl EventId {
    /// Reads our own form, or a UUID with hyphens. Any other text becomes a number made from its hash, so that what
    /// refers to it by the same text still meets it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let own = Uuid::try_parse(text).ok();
        let number = own.map_or_else(
            || {
                let hash = Sha256::digest(text.as_bytes());
                let mut first = [0; 16];
                first.copy_from_slice(&hash[..16]);
                u128::from_be_bytes(first)
            },
            |uuid| uuid.as_u128(),
        );
        Self(NonZeroU128::new(number).unwrap_or(NonZeroU128::MIN))
    }

    #[must_use]
    pub fn as_u128(self) -> u128 {
        self.0.get()
    }

    /// Its thirty-two digits; a formatter takes ten times as long.
    pub(super) fn digits(self) -> [u8; 32] {
        let mut left = self.0.get();
        let mut digits = [0; 32];
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(left & 0xf) as usize];
            left >>= 4;
        }
        digits
    }

    pub(super) fn from_u128(number: u128) -> Option<Self> {
        NonZeroU128::new(number).map(Self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&Cow::<str>::deserialize(deserializer)?))
    }
}

/// Makes identities without asking the system each time: version 7, with a counter below the time and 42 bits that this
/// process alone has.
#[derive(Debug)]
pub struct EventIds {
    process: u128,
    next: AtomicU32,
}

impl EventIds {
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a default that differs each time would surprise"
    )]
    pub fn new() -> Self {
        Self {
            process: Uuid::now_v7().as_u128() & ((1 << 42) - 1),
            next: AtomicU32::new(0),
        }
    }

    /// The next identity, as of `now`.
    pub fn next(&self, now: Timestamp) -> EventId {
        let count = u128::from(self.next.fetch_add(1, Ordering::Relaxed));
        let time = u128::from(now.as_millisecond().unsigned_abs()) & ((1 << 48) - 1);
        let number = time << 80
            | 7 << 76
            | (count >> 20) << 64
            | 0b10 << 62
            | (count & ((1 << 20) - 1)) << 42
            | self.process;
        EventId(NonZeroU128::new(number).unwrap_or(NonZeroU128::MIN))
    }
}

/// One thing that happened. Only the type and the component have to be given; the stream fills in number and time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Event {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Dotted, the general word first: `guardian.verdict`.
    pub event_type: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    pub source_component: Cow<'static, str>,
    /// Which one of the component, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_state: Option<Value>,
    /// The last of its trajectory.
    #[serde(default, skip_serializing_if = "is_false")]
    pub done: bool,
    /// How much it is worth drawing again, from a millionth to a million, beyond which nothing is told apart; see
    /// `priority.rs` for what stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<EventId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leads_to: Vec<EventId>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Event {
    #[must_use]
    pub fn new(
        event_type: impl Into<Cow<'static, str>>,
        source_component: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            event_type: event_type.into(),
            source_component: source_component.into(),
            ..Self::default()
        }
    }

    /// A word of the state or the metadata by which experiences are told apart (`difficulty`, `library`).
    pub(super) fn word(&self, key: &str) -> Option<&str> {
        let state = self.state.as_ref().and_then(|state| state.get(key));
        state.or_else(|| self.metadata.get(key))?.as_str()
    }

    /// The first library that the state or the metadata names.
    pub(super) fn library(&self) -> Option<&str> {
        let state = self.state.as_ref().and_then(|state| state.get("libraries"));
        let first = state.or_else(|| self.metadata.get("libraries"));
        first
            .and_then(|libraries| libraries.get(0)?.as_str())
            .or_else(|| self.word("library"))
    }

    /// The trajectory that it belongs to.
    pub(super) fn trajectory(&self) -> Option<&str> {
        self.metadata.get(TRAJECTORY)?.as_str()
    }
}

/// An event as it was kept: with number and time, and where it stands in the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Place in what was read from; counted up, never used twice.
    pub seq: u64,
    #[serde(flatten)]
    pub event: Event,
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        record.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_uuids_in_the_order_in_which_they_were_made() {
        let ids = EventIds::new();
        let now = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
        let made: Vec<_> = (0..5000).map(|_| ids.next(now)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        let uuid = Uuid::parse_str(&made[0].to_string()).unwrap();
        assert_eq!((uuid.get_version_num(), made[0].to_string().len()), (7, 32));
        assert!(ids.next(now + jiff::SignedDuration::from_millis(1)) > made[4999]);
    }

    #[test]
    fn a_foreign_number_stays_the_same_and_its_own_form_is_kept() {
        let uuid = "6f1c2a30-9a1e-4f7c-8f58-0d6f3a2b1c0d";
        assert_eq!(EventId::of(uuid).to_string(), uuid.replace('-', ""));
        assert_eq!(EventId::of("evt-1"), EventId::of("evt-1"));
        assert_ne!(EventId::of("evt-1"), EventId::of("evt-2"));
        let id = EventId::of("evt-1");
        assert_eq!(EventId::of(&id.to_string()), id);
    }

    #[test]
    fn an_event_is_the_same_after_a_way_through_json() {
        let mut event = Event::new("dream.saved", "engine");
        event.event_id = Some(EventId::of("evt-1"));
        event.reward = Some(0.1);
        event.done = true;
        event.data = serde_json::json!({"tier": "gold"});
        event.leads_to = vec![EventId::of("evt-2")];
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert!(
            !text.contains("caused_by"),
            "what is not there takes no room: {text}"
        );
    }
}
