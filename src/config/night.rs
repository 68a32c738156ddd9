//! DREAMING_NIGHT_HOURS: a daily window in local civil time, asked as a predicate of now.

/// Half-open, from start to end; wraps past midnight where start is later than end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NightHours {
    /// Minutes since midnight.
    pub start: u16,
    pub end: u16,
}
