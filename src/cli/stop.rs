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

/// Tells of each SIGHUP, which asks a service to read its settings again. From the first call on the signal no longer
/// ends this process by itself.
#[derive(Debug)]
pub struct Reload(Option<tokio::signal::unix::Signal>);

impl Reload {
    #[must_use]
    pub fn listen() -> Self {
        Self(signal(SignalKind::hangup()).ok())
    }

    pub async fn asked(&mut self) {
        let heard = match &mut self.0 {
            Some(signals) => signals.recv().await,
            None => None,
        };
        if heard.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// As `asked_to_stop`, for a service: losing its terminal is no reason to stop.
pub async fn service_asked_to_stop() -> Stop {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::warn!("signals cannot be handled; the process ends at once when asked to stop");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Stop::Interrupt,
        _ = terminate.recv() => Stop::Terminate,
    }
}
