//! What becomes of a model server that is not ours when somebody needs the machine: its model is unloaded where its API
//! allows it, and how long it kept the machine is measured. Called by the engine at the end of a session that was woken;
//! never touches the server's process, nor a server on another machine.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Dialect, LlmClient};
use crate::clock;

/// Between two questions whether it is over.
const ASK_EVERY: Duration = Duration::from_millis(25);

/// It stands on this machine: it answers at once, or it is too busy to.
const ASK_TIME: Duration = Duration::from_millis(500);

/// How a server let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetGo {
    /// It says that the model is out of memory.
    Unloaded { after: Duration },
    /// It works on nothing any more, but keeps its model: its API cannot unload.
    Idle { after: Duration },
    /// It did not say so in time.
    Busy { after: Duration },
    /// It has no way to tell.
    Silent,
}

impl LetGo {
    /// For the session's report: `ms` milliseconds after the wake, all in all.
    #[must_use]
    pub fn told(self, url: &str, ms: u128) -> String {
        match self {
            Self::Unloaded { .. } => format!("{url} had its model unloaded {ms} ms after the wake"),
            Self::Idle { .. } => format!(
                "{url} worked on nothing any more {ms} ms after the wake; it keeps its model in memory"
            ),
            Self::Busy { .. } => format!(
                "{url} was still at work {ms} ms after the wake, and nothing more can be done about it from outside"
            ),
            Self::Silent => format!("{url} cannot tell whether it still works"),
        }
    }
}

/// What can be asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    Ollama,
    /// llama-swap: starts and stops other servers.
    Swap,
    /// llama-server without a model of its own.
    Router,
    /// llama-server with one model: tells what it works on.
    Slots,
}

impl LlmClient {
    /// Asks the server to let go, and watches for at most `patience` whether it does. `None` where it stands elsewhere.
    pub async fn let_go(&self, patience: Duration) -> Option<LetGo> {
        if !self.here {
            return None;
        }
        let began = clock::monotonic();
        let passed = || clock::monotonic().saturating_duration_since(began);
        let watched = tokio::time::timeout(patience, async {
            let Some(api) = self.api().await else {
                return LetGo::Silent;
            };
            self.unload(api).await;
            while !self.is_over(api).await {
                tokio::time::sleep(ASK_EVERY).await;
            }
            let after = passed();
            match api {
                Api::Ollama | Api::Swap | Api::Router => LetGo::Unloaded { after },
                Api::Slots => LetGo::Idle { after },
            }
        });
        let busy = |_| LetGo::Busy { after: passed() };
        Some(watched.await.unwrap_or_else(busy))
    }

    /// The kind of this server, where letting go of its model has only ever been tried against a stand-in of ours.
    pub(super) async fn released_by_stand_ins_only(&self) -> Option<&'static str> {
        if !self.here {
            return None;
        }
        match self.api().await? {
            Api::Ollama => Some("Ollama"),
            Api::Swap => Some("llama-swap"),
            Api::Router => Some("llama-server's router"),
            Api::Slots => None,
        }
    }

    async fn api(&self) -> Option<Api> {
        if self.dialect == Dialect::Ollama {
            return Some(Api::Ollama);
        }
        if self.get("/running").await?["running"].is_array() {
            return Some(Api::Swap);
        }
        if self.state_in_router().await.is_some() {
            return Some(Api::Router);
        }
        self.get("/slots").await?.is_array().then_some(Api::Slots)
    }

    async fn unload(&self, api: Api) {
        let (path, body) = match api {
            Api::Ollama => (
                "/api/generate",
                json!({"model": self.model, "keep_alive": 0}),
            ),
            Api::Router => ("/models/unload", json!({"model": self.model})),
            Api::Swap => {
                self.get("/unload").await;
                return;
            }
            Api::Slots => return,
        };
        let asked = self.http.post(format!("{}{path}", self.base)).json(&body);
        // Whether it heard is seen by what it says afterwards.
        drop(asked.timeout(ASK_TIME).send().await);
    }

    /// True once it says so; a server that does not answer has not said so.
    async fn is_over(&self, api: Api) -> bool {
        match api {
            Api::Ollama => self.get("/api/ps").await.is_some_and(|now| {
                let loaded = now["models"].as_array();
                let is_ours = |one: &Json| {
                    let name = one["name"].as_str().unwrap_or_default();
                    tagged(name) == tagged(&self.model)
                };
                loaded.is_some_and(|all| !all.iter().any(is_ours))
            }),
            Api::Swap => self.get("/running").await.is_some_and(|now| {
                let running = now["running"].as_array();
                running.is_some_and(Vec::is_empty)
            }),
            Api::Router => self
                .state_in_router()
                .await
                .is_some_and(|state| state == "unloaded"),
            Api::Slots => self.get("/slots").await.is_some_and(|now| {
                let slots = now.as_array();
                slots.is_some_and(|all| all.iter().all(|one| one["is_processing"] != true))
            }),
        }
    }

    async fn state_in_router(&self) -> Option<String> {
        let now = self.get("/models").await?;
        let models = now["data"].as_array()?;
        let ours = models.iter().find(|one| one["id"] == self.model.as_str())?;
        Some(ours["status"]["value"].as_str()?.to_owned())
    }

    /// An answer in JSON, null where it is something else; `None` where nobody answers.
    async fn get(&self, path: &str) -> Option<Json> {
        let asked = self.http.get(format!("{}{path}", self.base));
        let response = asked.timeout(ASK_TIME).send().await.ok()?;
        if !response.status().is_success() {
            return Some(Json::Null);
        }
        Some(response.json().await.unwrap_or_default())
    }
}

/// Ollama calls a model without a tag by the usual one. Before the last slash a colon is a registry's port.
fn tagged(name: &str) -> (&str, &str) {
    let tag = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    tag.unwrap_or((name, "latest"))
}
