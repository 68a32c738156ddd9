//! The signals that ask this process to stop. Called by whatever command keeps running.

use tokio::signal::unix::{SignalKind, signal};

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ctrl-C.
    Interrupt,
    /// A service manager, or a terminal that closed.
    Terminate,
}

/// Returns at the next such signal.
///
/// From the first call on the signals no longer end the process by themselves: call again to see the next one.
pub async fn asked_to_stop() -> Stop {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        // Without handlers the signals still end the process as they do any other.
        tracing::warn!(
            "signals cannot be handled; the process ends without a report when asked to stop"
        );
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Stop::Interrupt,
        _ = terminate.recv() => Stop::Terminate,
        _ = hang_up.recv() => Stop::Terminate,
    }
}
