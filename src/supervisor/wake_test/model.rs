//! A model server of our own that generates while the key is pressed, where the settings name one. Called by the wake
//! test alone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Plan;
use crate::config::{LlmChoice, LlmSettings};
use crate::llm::server::{Hold, Servers};
use crate::llm::{ChatRequest, LlmClient, Message, Role};
use crate::supervisor::permit::WorkPermit;
use crate::tree::Tree;

/// A prompt is read by then, and tokens come.
const UNDER_WAY: Duration = Duration::from_millis(400);

pub(super) struct Model {
    servers: Servers,
    settings: LlmSettings,
}

impl Model {
    pub(super) fn of(plan: &Plan, tree: &Arc<Tree>) -> Option<Self> {
        let settings = plan.settings.llm.clone();
        settings.own_server()?;
        let log = Arc::new(|_: &str| Ok(Box::new(io::sink()) as Box<dyn io::Write + Send>));
        let servers = Servers::new(&settings, tree, log)
            .inspect_err(|error| tracing::error!(%error, "no model server"))
            .ok()?;
        Some(Self { servers, settings })
    }

    /// Starts the server and keeps it generating; tells once it does.
    pub(super) async fn generate(
        &self,
        permit: &WorkPermit,
        burns: &mpsc::Sender<()>,
        talking: &mut JoinSet<()>,
    ) -> Option<Hold> {
        let hold = self.servers.for_session(&self.settings, permit).await;
        let hold = hold
            .inspect_err(|error| tracing::error!(%error, "no model server"))
            .ok()??;
        let settings = LlmSettings {
            choice: LlmChoice::Url(hold.url().to_owned()),
            ..self.settings.clone()
        };
        let client = LlmClient::discover(&settings).await.ok()??;
        // One whole answer first: it is a model that works, and its prompt's beginning is known from now on.
        let short = ChatRequest {
            max_tokens: 1,
            ..question()
        };
        let answered = client.chat(permit, &short).await;
        answered
            .inspect_err(|error| tracing::error!(%error, "the model server does not answer"))
            .ok()?;
        let (permit, burns) = (permit.clone(), burns.clone());
        talking.spawn(async move {
            let tell = async {
                tokio::time::sleep(UNDER_WAY).await;
                burns.send(()).await.ok();
            };
            let talk = async { while client.chat(&permit, &question()).await.is_ok() {} };
            tokio::join!(tell, talk);
        });
        Some(hold)
    }
}

fn question() -> ChatRequest {
    ChatRequest {
        messages: vec![Message {
            role: Role::User,
            content: "Count upwards from one, a number a line, and never stop.".to_owned(),
        }],
        temperature: 0.0,
        top_p: 1.0,
        max_tokens: 4096,
        schema: None,
        seed: Some(1),
        enough: None,
        odds: false,
    }
}
