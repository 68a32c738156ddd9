//! A server that a session works with. Given out by the servers alone; letting go of it ends the server, if it is ours.

use std::sync::Arc;

use super::{Lives, Server, lock};

/// Dropping it ends the server, if it is ours.
#[derive(Debug)]
pub struct Hold {
    pub(super) url: String,
    pub(super) server: Option<Arc<Server>>,
}

impl Hold {
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A child of ours, not a server that was there already.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.server.is_some()
    }

    /// Whether it answers, and again after a fall, where it is ours.
    pub(in crate::llm) fn lives(&self) -> Option<Lives> {
        self.server.as_deref().map(Lives::of)
    }

    /// Ends the server, if it is ours, and returns when nothing is left of it.
    pub async fn gone(self) {
        let Some(server) = self.server.clone() else {
            return;
        };
        drop(self);
        server.stopped().await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            lock(&server.run).stop.cancel();
        }
    }
}
