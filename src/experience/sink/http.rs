//! A server of the owner's: each batch is posted as a JSON array, again after a failure, with a number by which the server
//! can tell that it has it already.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::SinkError;
use crate::experience::line::Line;

/// From the connection to the answer's head.
const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::experience) struct Http {
    client: Client,
    url: Url,
    runtime: tokio::runtime::Runtime,
}

impl Http {
    /// Redirects are not followed: events go where their owner said and nowhere else.
    pub(in crate::experience) fn new(url: Url) -> io::Result<Self> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            client,
            url,
            runtime,
        })
    }

    pub(super) fn write(
        &mut self,
        batch: &[Arc<Line>],
        stop: &CancellationToken,
    ) -> Result<(), SinkError> {
        let mut body = String::from("[");
        for (at, line) in batch.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str(&line.text);
        }
        body.push(']');
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            // The same batch has the same number however often it is sent.
            .header("idempotency-key", number_of(batch))
            .body(body);
        let answer = self.runtime.block_on(async {
            tokio::select! {
                answer = request.send() => Some(answer),
                () = stop.cancelled() => None,
            }
        });
        let Some(answer) = answer else {
            return Err(SinkError::Failed("there was no time left".to_owned()));
        };
        match answer {
            Ok(answer) => judge(answer.status()),
            Err(error) => Err(SinkError::Failed(words(&error))),
        }
    }
}

fn judge(status: StatusCode) -> Result<(), SinkError> {
    let again = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
        // A key or an address that somebody will mend.
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
    ];
    if status.is_success() {
        Ok(())
    } else if status.is_client_error() && !again.contains(&status) {
        Err(SinkError::Refused(format!("the server answers {status}")))
    } else {
        Err(SinkError::Failed(format!("the server answers {status}")))
    }
}

/// Made from the first and the last event and how many there are.
fn number_of(batch: &[Arc<Line>]) -> String {
    let end = |line: Option<&Arc<Line>>| line.map_or(0, |line| line.id.as_u128());
    let mixed = end(batch.first()) ^ end(batch.last()).rotate_left(1) ^ batch.len() as u128;
    Uuid::from_u128(mixed).simple().to_string()
}

/// The whole chain: reqwest's own sentence leaves out what happened.
fn words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
