//! What a server on this machine says when it is asked how it is. Sends nothing of ours.

use std::time::Duration;

/// It stands on this machine: it answers at once or is busy.
pub(super) const ASK_TIME: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    /// It loads its model.
    Loading,
    /// It answers, and nothing that is known.
    Odd,
    /// It says nothing in the time that was given.
    Silent,
}

/// llama-server and its kin say at `/health` when the model is loaded; others have a list of models.
pub(super) async fn health(http: &reqwest::Client, url: &str, patience: Duration) -> Health {
    let ask = async |path: &str| {
        let asked = http.get(format!("{url}{path}")).timeout(patience).send();
        asked.await.ok().map(|response| response.status().as_u16())
    };
    let mut status = ask("/health").await;
    if status == Some(404) {
        status = ask("/v1/models").await;
    }
    match status {
        Some(200..=299) => Health::Well,
        Some(503) => Health::Loading,
        Some(_) => Health::Odd,
        None => Health::Silent,
    }
}

/// It can be worked with.
pub(super) async fn answers(http: &reqwest::Client, url: &str) -> bool {
    health(http, url, ASK_TIME).await == Health::Well
}
