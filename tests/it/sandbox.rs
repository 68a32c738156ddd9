//! Real sandboxes: what jobs answer, what ends them, what a hostile one cannot do, and that nothing is left of it. Each
//! test runs on every backend that this machine has and says which it left out.

mod answers;
mod apart;
pub(crate) mod bench;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod corpus;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod engines;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod hostile;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod lifetime;
mod limits;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod pausing;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod podman;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod priority;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod soak;
mod supervisor;
#[expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made fails there"
)]
mod traces;
