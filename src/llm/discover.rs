//! Finds a model: at the address that a person set, or on the usual ports of this machine. Called once a session and by
//! the doctor; never sends anything but questions about the server itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value as Json;

use super::{Dialect, Limits, LlmClient, LlmError, OLLAMA_CONTEXT, address};
use crate::config::{LlmChoice, LlmSettings};
use crate::here::is_here;

/// Ollama, llama-server, a second llama-server, LM Studio, vLLM; looked at in this order.
const USUAL_PORTS: [u16; 5] = [11434, 8080, 8089, 1234, 8000];

/// For a server on this machine that nobody named: it answers at once or is something else.
const PROBE_TIME: Duration = Duration::from_millis(1_500);

/// For a server that a person named; it may stand across a slow network or be waking up.
const ASK_TIME: Duration = Duration::from_secs(10);

const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Of a list of models or a server's properties; a chat template alone has tens of kilobytes.
const INFO_BYTES: usize = 1 << 20;

/// More requests at once than this help nobody: k solutions are at most this many.
const MAX_SLOTS: usize = 8;

/// Parts of the names of models that cannot chat.
const NOT_FOR_CHAT: [&str; 8] = [
    "embed", "rerank", "whisper", "bge-", "minilm", "gte-", "tts", "e5-",
];

impl LlmClient {
    /// The model that the settings lead to; `None` where none may be used or none was found.
    ///
    /// # Errors
    /// `Unreachable`, `Remote`, `Refused` or `Malformed` where a person named a server and it cannot be used; the error
    /// names its address. Looking on the usual ports never fails.
    pub async fn discover(settings: &LlmSettings) -> Result<Option<Self>, LlmError> {
        Self::discover_on(settings, &USUAL_PORTS).await
    }

    /// Every model that the settings lead to, in their order: several addresses or models stand with commas between. As
    /// many models as addresses belong together in pairs; else each address is asked for each model.
    ///
    /// # Errors
    /// One for each address or model that cannot be used, as `discover`.
    pub async fn discover_each(settings: &LlmSettings) -> Vec<Result<Self, LlmError>> {
        let named = |text: &str| -> Vec<String> {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let LlmChoice::Url(text) = &settings.choice else {
            return Self::discover(settings)
                .await
                .transpose()
                .into_iter()
                .collect();
        };
        let (urls, mut models) = (named(text), named(&settings.model));
        if models.is_empty() {
            models.push(String::new());
        }
        let pairs: Vec<(&String, &String)> = if urls.len() == models.len() {
            urls.iter().zip(&models).collect()
        } else {
            let each = urls
                .iter()
                .flat_map(|url| models.iter().map(move |model| (url, model)));
            each.collect()
        };
        let asked = pairs.into_iter().map(|(url, model)| async move {
            let settings = LlmSettings {
                model: model.clone(),
                ..settings.clone()
            };
            Self::at(url, &settings, ASK_TIME).await
        });
        join_all(asked).await
    }

    /// As `discover`, looking on these ports of this machine instead of the usual ones.
    ///
    /// # Errors
    /// As `discover`.
    pub async fn discover_on(
        settings: &LlmSettings,
        ports: &[u16],
    ) -> Result<Option<Self>, LlmError> {
        match &settings.choice {
            LlmChoice::Forbidden => Ok(None),
            LlmChoice::Url(text) if !text.contains(',') && !settings.model.contains(',') => {
                Self::at(text, settings, ASK_TIME).await.map(Some)
            }
            // The first of several that answers.
            LlmChoice::Url(_) => {
                let mut error = None;
                for found in Box::pin(Self::discover_each(settings)).await {
                    match found {
                        Ok(llm) => return Ok(Some(llm)),
                        Err(silent) => error = error.or(Some(silent)),
                    }
                }
                error.map_or(Ok(None), Err)
            }
            LlmChoice::Find => {
                let urls: Vec<_> = ports
                    .iter()
                    .map(|port| format!("http://127.0.0.1:{port}"))
                    .collect();
                let asked = urls.iter().map(|url| async move {
                    tokio::time::timeout(PROBE_TIME, Self::at(url, settings, PROBE_TIME)).await
                });
                Ok(join_all(asked)
                    .await
                    .into_iter()
                    .find_map(|found| found.ok()?.ok()))
            }
        }
    }

    async fn at(text: &str, settings: &LlmSettings, patience: Duration) -> Result<Self, LlmError> {
        let url = parse_base(text)?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        let (addresses, remote) = resolve(&url, &base).await?;
        let here = addresses.iter().all(|a| is_here(a.ip()));
        if remote && !settings.remote {
            return Err(LlmError::Remote { url: base });
        }
        let http = http_client(&url, &addresses, settings.api_key.as_deref()).map_err(|what| {
            LlmError::Malformed {
                url: base.clone(),
                what,
            }
        })?;
        let asker = Asker {
            http: &http,
            base: &base,
            patience,
        };
        let (dialect, models) = asker.dialect_and_models().await?;
        let model = choose_model(&settings.model, &models).ok_or_else(|| LlmError::Malformed {
            url: base.clone(),
            what: "its list of models is empty: load one or set DREAMING_LLM_MODEL".to_owned(),
        })?;
        let (slots, context_tokens) = match dialect {
            Dialect::OpenAi => asker.slots_and_context().await,
            Dialect::Ollama => (1, Some(OLLAMA_CONTEXT)),
        };
        tracing::info!(url = base, model, slots, remote, "a model answers");
        Ok(Self {
            http,
            dialect,
            base,
            model,
            slots,
            context_tokens,
            remote,
            here,
            limits: Limits::default(),
            spent: Arc::default(),
            around: super::Held::default(),
            lives: None,
            alone: Arc::default(),
        })
    }
}

/// `host:port`, with or without a scheme, `/v1` or the endpoint itself, as people write it.
fn parse_base(text: &str) -> Result<Url, LlmError> {
    let text = text.trim();
    let bad = |what: String| LlmError::Malformed {
        url: text.to_owned(),
        what,
    };
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let mut url = Url::parse(&full).map_err(|e| bad(e.to_string()))?;
    if url.scheme() != "http" {
        return Err(bad(
            "only http:// is spoken; put a local proxy in front of anything else".to_owned(),
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("no host in it".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Addresses are shown in reports and logs.
        return Err(LlmError::Malformed {
            url: url.host_str().unwrap_or_default().to_owned(),
            what: "credentials in the address: use DREAMING_LLM_API_KEY".to_owned(),
        });
    }
    let mut path = url.path().trim_end_matches('/');
    for end in ["/chat/completions", "/api/chat", "/v1"] {
        path = path.strip_suffix(end).unwrap_or(path);
    }
    let path = path.trim_end_matches('/').to_owned();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Every address of the host, and whether any of them lies outside the private network.
async fn resolve(url: &Url, base: &str) -> Result<(Vec<SocketAddr>, bool), LlmError> {
    let unreachable = || LlmError::Unreachable {
        url: base.to_owned(),
    };
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let looked_up = tokio::time::timeout(CONNECT_TIME, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<_> = looked_up
        .map_err(|_| unreachable())?
        .map_err(|_| unreachable())?
        .collect();
    if addresses.is_empty() {
        return Err(unreachable());
    }
    let remote = !addresses.iter().all(|a| address::is_private(a.ip()));
    Ok((addresses, remote))
}

/// A client that goes to these addresses and nowhere else: no redirect, no proxy, no second look at the name.
fn http_client(
    url: &Url,
    addresses: &[SocketAddr],
    api_key: Option<&str>,
) -> Result<reqwest::Client, String> {
    let mut headers = HeaderMap::new();
    if let Some(key) = api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
            .map_err(|_| "the API key holds characters that no header may hold".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIME)
        .default_headers(headers)
        .resolve_to_addrs(url.host_str().unwrap_or_default(), addresses)
        // A connection of its own for every request: ending the request is then ending the connection.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|e| e.to_string())
}

/// The set name, else the first listed model that can chat.
fn choose_model(set: &str, listed: &[String]) -> Option<String> {
    if !set.trim().is_empty() {
        return Some(set.trim().to_owned());
    }
    let can_chat = |name: &&String| {
        let lower = name.to_lowercase();
        !lower.is_empty() && !NOT_FOR_CHAT.iter().any(|part| lower.contains(part))
    };
    listed.iter().find(can_chat).cloned()
}

struct Asker<'a> {
    http: &'a reqwest::Client,
    base: &'a str,
    patience: Duration,
}

impl Asker<'_> {
    async fn dialect_and_models(&self) -> Result<(Dialect, Vec<String>), LlmError> {
        let is_ollama = self
            .info("/api/version")
            .await
            .is_ok_and(|v| v["version"].is_string());
        if is_ollama
            && let Ok(tags) = self.info("/api/tags").await
            && tags["models"].is_array()
        {
            return Ok((Dialect::Ollama, names(&tags["models"], "name")));
        }
        let listed = self.info("/v1/models").await;
        match listed {
            Ok(listed) => Ok((Dialect::OpenAi, names(&listed["data"], "id"))),
            // A bare endpoint without a list is fine where the model is named: `choose_model` decides.
            Err(LlmError::Refused {
                status: 404 | 405, ..
            }) => Ok((Dialect::OpenAi, Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// llama-server tells; others do not, and then one request at a time is always right.
    async fn slots_and_context(&self) -> (usize, Option<u32>) {
        let props = self.info("/props").await.unwrap_or_default();
        let context = props["default_generation_settings"]["n_ctx"].as_u64();
        let slots = match props["total_slots"].as_u64() {
            Some(total) => usize::try_from(total).unwrap_or(MAX_SLOTS),
            None => self
                .info("/slots")
                .await
                .ok()
                .and_then(|s| s.as_array().map(Vec::len))
                .unwrap_or(1),
        };
        (
            slots.clamp(1, MAX_SLOTS),
            context.and_then(|n| u32::try_from(n).ok()),
        )
    }

    async fn info(&self, path: &str) -> Result<Json, LlmError> {
        let asked = tokio::time::timeout(self.patience, self.fetch(path)).await;
        asked.unwrap_or_else(|_| {
            Err(LlmError::Idle {
                url: self.base.to_owned(),
                after: self.patience,
            })
        })
    }

    async fn fetch(&self, path: &str) -> Result<Json, LlmError> {
        let url = self.base.to_owned();
        let sent = self.http.get(format!("{}{path}", self.base)).send().await;
        let Ok(mut response) = sent else {
            return Err(LlmError::Unreachable { url });
        };
        let status = response.status();
        let mut body = Vec::new();
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() > INFO_BYTES {
                return Err(LlmError::TooLarge {
                    url,
                    limit: INFO_BYTES,
                });
            }
        }
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(LlmError::Refused {
                url,
                status: status.as_u16(),
                body,
            });
        }
        serde_json::from_slice(&body).map_err(|e| LlmError::Malformed {
            url,
            what: e.to_string(),
        })
    }
}

fn names(list: &Json, key: &str) -> Vec<String> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| entry[key].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(
            parse_base(text).unwrap().as_str().trim_end_matches('/'),
            expected
        );
    }

    #[test]
    fn every_usual_way_to_write_the_address_means_the_same_server() {
        for text in [
            "http://127.0.0.1:8089",
            "127.0.0.1:8089",
            " http://127.0.0.1:8089/v1/ ",
            "http://127.0.0.1:8089/v1/chat/completions",
            "http://127.0.0.1:8089/api/chat",
        ] {
            check(text, "http://127.0.0.1:8089");
        }
        check("http://box.local/llm/v1", "http://box.local/llm");
    }

    #[test]
    fn what_is_no_usable_address_is_named() {
        for text in ["https://api.example.com", "ftp://x", "http://", "::::"] {
            let error = parse_base(text).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn models_that_cannot_chat_are_passed_over() {
        let listed = ["nomic-embed-text:latest", "bge-m3", "qwen2.5-coder"].map(str::to_owned);
        assert_eq!(choose_model("", &listed).as_deref(), Some("qwen2.5-coder"));
        assert_eq!(choose_model("mine", &listed).as_deref(), Some("mine"));
        assert_eq!(choose_model("", &listed[..2]), None);
    }
}
