//! Identities: time-ordered (UUID version 7), lower-case hexadecimal without hyphens, so that a dream's file can be
//! imported by its name.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A fresh identity, later than every one made before on this machine.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default that differs each time would surprise")]
            pub fn new() -> Self {
                Self(Uuid::now_v7().simple().to_string())
            }

            /// An identity from outside: `None` unless it is 8 to 64 lower-case hexadecimal digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let ok = (8..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                ok.then(|| Self(text.to_owned()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One saved dream; part of its file names.
    DreamId
);
id!(
    /// One REM phase.
    SessionId
);
id!(
    /// One try at one task, saved or not.
    AttemptId
);
id!(
    /// One entry of the LessonsStore; a dream's lesson carries the dream's own digits.
    LessonId
);

impl From<&DreamId> for LessonId {
    fn from(dream: &DreamId) -> Self {
        Self(dream.0.clone())
    }
}
