//! What there is to say of a model server of ours, for people and for the control socket.

use serde::{Deserialize, Serialize};

use super::health::answers;
use super::{Server, Servers, State};
use crate::clock;

/// `models server status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    pub name: String,
    /// `stopped`, `starting`, `ready`, `waiting` (to be started again) or `failed`.
    pub state: String,
    /// It is a child of ours; `false` with a URL is somebody else's server at our port.
    pub ours: bool,
    /// It answers just now.
    pub healthy: bool,
    pub url: Option<String>,
    pub pid: Option<u32>,
    pub seconds: Option<f64>,
    pub restarts: u32,
    /// Resident, in bytes.
    pub memory_bytes: Option<u64>,
    pub why: Option<String>,
}

impl Servers {
    pub(super) async fn look(&self, server: &Server) -> ServerStatus {
        let state = server.state.borrow().clone();
        let mut status = ServerStatus {
            name: server.settings.name.clone(),
            state: String::new(),
            ours: true,
            healthy: false,
            url: None,
            pid: None,
            seconds: None,
            restarts: 0,
            memory_bytes: None,
            why: None,
        };
        let word = match state {
            State::Stopped => {
                status.ours = false;
                if let Some(there) = self.somebody_elses(server).await {
                    status.healthy = true;
                    status.url = Some(there);
                }
                "stopped"
            }
            State::Starting { pid, restarts } => {
                (status.pid, status.restarts) = (Some(pid).filter(|pid| *pid > 0), restarts);
                "starting"
            }
            State::Ready {
                url,
                pid,
                since,
                restarts,
            } => {
                status.healthy = answers(&self.0.http, &url).await;
                let age = clock::monotonic().saturating_duration_since(since);
                status.seconds = Some(age.as_secs_f64());
                (status.url, status.pid, status.restarts) = (Some(url), Some(pid), restarts);
                status.memory_bytes = resident(pid);
                "ready"
            }
            State::Waiting { why, restarts } => {
                (status.why, status.restarts) = (Some(why), restarts);
                "waiting"
            }
            State::Failed { why } => {
                (status.why, status.ours) = (Some(why), false);
                "failed"
            }
        };
        word.clone_into(&mut status.state);
        status
    }
}

/// Resident memory of a process, where the system tells.
fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
