//! What a session works with: a sandbox, its Guardian and, where one answers, a model. Gathered once a session, because
//! a model server or a container engine may come up at any time.

use std::sync::{Arc, Mutex, PoisonError};

use crate::clock;
use futures_util::future::join_all;

use crate::coder::Coder;
use crate::config::{LlmChoice, LlmSettings, SandboxChoice};
use crate::dream::{ArmKey, Difficulty, Provenance, RemRequest, Sketch};
use crate::guardian::Guardian;
use crate::llm::server::{Hold, ServerError};
use crate::llm::{Around, LlmClient};
use crate::pack::offline::{Inspiration, OfflinePack, PackError};
use crate::sandbox::{self, Backend, Sandbox, libraries};
use crate::supervisor::permit::WorkPermit;
use crate::weaver::{Example, PROMPT_VERSION, ScenarioWeaver};

use super::{DreamEngine, EngineError, Processors, Tally};

pub(super) struct Tools {
    pub(super) sandbox: Arc<dyn Sandbox>,
    pub(super) guardian: Guardian,
    /// One for each model that answers; empty where none does.
    pub(super) writers: Vec<Writers>,
    /// The model server that this session had started; it ends with this.
    pub(super) server: Option<Hold>,
    /// The model server has the sandboxes' own priority.
    level: bool,
    asked: Asked,
    /// Where given tasks came from, for provenance.
    pub(super) tasks_file: String,
    /// Sketches of saved dreams and of this session's tasks: a new task must be unlike them.
    known: Mutex<Vec<Sketch>>,
    /// Held from what a dream must be unlike to its place on the shelf: of two scenarios in play, one may be the other's
    /// likeness.
    pub(super) shelf: tokio::sync::Mutex<()>,
}

/// The parts that ask a model.
pub(super) struct Writers {
    pub(super) llm: LlmClient,
    pub(super) weaver: ScenarioWeaver,
    pub(super) coder: Coder,
    /// What its outcomes are counted under.
    pub(super) arm: ArmKey,
}

/// Seconds that the processors worked, and all that they had, while a model was asked.
type Asked = Arc<Mutex<(f64, f64)>>;

/// Held while a model is asked.
struct Asking {
    _in_flight: Box<dyn Send>,
    processors: Processors,
    asked: Asked,
    since: Option<(f64, f64)>,
}

/// What is held around every request to the model at `url`.
fn around(engine: &DreamEngine, url: &str, asked: &Asked) -> Around {
    let (in_flight, processors) = (
        Arc::clone(&engine.in_flight),
        Arc::clone(&engine.processors),
    );
    let (url, asked) = (url.to_owned(), Arc::clone(asked));
    Arc::new(move || {
        Box::new(Asking {
            _in_flight: in_flight(&url),
            since: processors(),
            processors: Arc::clone(&processors),
            asked: Arc::clone(&asked),
        })
    })
}

impl Drop for Asking {
    fn drop(&mut self) {
        let now = (self.processors)();
        if let (Some((worked, had)), Some((worked_now, had_now))) = (self.since, now) {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.0 += worked_now - worked;
            asked.1 += had_now - had;
        }
    }
}

/// Seconds of the processors after which their share of work is believed.
const ENOUGH_SECONDS: f64 = 2.0;
/// A model on the processors takes half of them (llama.cpp's usual number of threads, one a core) or all; one on a graphics
/// card one thread of four and more.
const FREE: f64 = 0.4;

/// The pack's scenarios as finished examples for a weaver: those that tell the text they came from.
fn worked() -> Result<Vec<Example>, PackError> {
    let pack = OfflinePack::load()?;
    let all = Difficulty::ALL.into_iter().flat_map(|d| pack.few_shot(d));
    let examples = all.filter_map(|shot| {
        let Inspiration { text, shape } = shot.from?;
        Some(Example {
            text,
            shape,
            // One line, as it is asked for.
            thought: shot
                .thought
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            scenario: shot.scenario,
            checks: shot.checks,
        })
    });
    Ok(examples.collect())
}

/// The sandbox, and what is held from now on for as long as there may be containers of ours. While one is looked for nobody
/// can say whose load an engine's is; what is gathered after it, a model server among it, may take minutes.
pub(super) async fn choose(
    engine: &DreamEngine,
    permit: &WorkPermit,
) -> Result<(Arc<dyn Sandbox>, Option<Box<dyn Send>>), EngineError> {
    let settings = &engine.settings.sandbox;
    let may_use_docker = settings.choice != SandboxChoice::Bubblewrap;
    let trying = may_use_docker.then(|| (engine.containers)(false));
    // What a killed process left: here, where it is about to be in the way.
    if let Err(error) = sandbox::sweep(&settings.namespace).await {
        tracing::debug!(%error, "nothing could be swept");
    }
    let sandbox = sandbox::select_for_many(settings, permit).await?;
    if engine.settings.dreaming.strict {
        sandbox::require_protection(sandbox.as_ref(), permit).map_err(EngineError::Unprotected)?;
    }
    // From here on the tree knows of each container whether it is counted.
    let containers = (sandbox.backend() == Backend::Docker).then(|| (engine.containers)(true));
    drop(trying);
    Ok((sandbox, containers))
}

/// The model server of our own, where one is set. One that does not come up costs the session its model, no more.
async fn bring_up(
    engine: &DreamEngine,
    permit: &WorkPermit,
    tally: &mut Tally,
) -> Result<Option<Hold>, EngineError> {
    let settings = &engine.settings.llm;
    match engine.servers.for_session(settings, permit).await {
        Ok(hold) => Ok(hold),
        Err(ServerError::Interrupted(ended)) => Err(ended.into()),
        Err(error) => {
            tally.hint(format!("{error}; its log is in the data folder"));
            Ok(None)
        }
    }
}

/// The models that answer. Of several that a person named, those that do not answer are told and left out.
async fn models(
    settings: &LlmSettings,
    permit: &WorkPermit,
    tally: &mut Tally,
) -> Result<Vec<LlmClient>, EngineError> {
    let mut models = Vec::new();
    let mut silent = None;
    for found in permit.race(LlmClient::discover_each(settings)).await? {
        match found {
            Ok(llm) => models.push(llm),
            Err(error) => {
                tally.hint(format!("a model is left out: {error}"));
                silent = Some(error);
            }
        }
    }
    match silent {
        Some(error) if models.is_empty() => Err(error.into()),
        _ => Ok(models),
    }
}

impl Tools {
    pub(super) async fn gather(
        engine: &DreamEngine,
        permit: &WorkPermit,
        sandbox: Arc<dyn Sandbox>,
        request: &RemRequest,
        tally: &mut Tally,
    ) -> Result<Self, EngineError> {
        let server = bring_up(engine, permit, tally).await?;
        // The port of a server of ours may be another each time, and it is the same model all the same.
        let own = engine
            .settings
            .llm
            .own_server()
            .filter(|_| server.is_some());
        let own = own.map(|own| format!("server://{}", own.name));
        let found = match &server {
            Some(server) => LlmSettings {
                choice: LlmChoice::Url(server.url().to_owned()),
                ..engine.settings.llm.clone()
            },
            None => engine.settings.llm.clone(),
        };
        let models = models(&found, permit, tally).await?;
        if models.is_empty() && !request.tasks.is_empty() {
            return Err(EngineError::NoModel);
        }
        let names = models
            .iter()
            .map(|llm| format!("{} at {}", llm.model(), llm.url()));
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            tally.model(names.join(", "));
        }
        let now = clock::utc();
        let (mut writers, asked) = (Vec::new(), Asked::default());
        let examples = if models.is_empty() {
            Vec::new()
        } else {
            worked()?
        };
        for llm in models {
            let around = around(engine, llm.url(), &asked);
            let llm = match &server {
                Some(server) => llm.around(around).held_by(server),
                None => llm.around(around),
            };
            if llm.is_remote() {
                tally.hint(format!(
                    "documents were sent to {}, which is not a private address",
                    llm.url()
                ));
            }
            let arm = ArmKey {
                endpoint: own.clone().unwrap_or_else(|| llm.url().to_owned()),
                model: llm.model().to_owned(),
                prompt: PROMPT_VERSION.to_owned(),
            };
            engine.store.note_model(&arm, now)?;
            writers.push(Writers {
                weaver: ScenarioWeaver::new(llm.clone()).with_examples(examples.clone()),
                coder: Coder::new(llm.clone()),
                llm,
                arm,
            });
        }
        let sketches = engine.store.sketches()?;
        Ok(Self {
            guardian: Guardian::new(Arc::clone(&sandbox)),
            sandbox,
            writers,
            level: engine.settings.energy.priority == 0
                || server.as_ref().is_some_and(Hold::is_ours),
            server,
            asked,
            tasks_file: request
                .tasks_file
                .clone()
                .unwrap_or_else(|| "line".to_owned()),
            known: Mutex::new(sketches.into_iter().map(|(_, sketch)| sketch).collect()),
            shelf: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn model(&self) -> Option<String> {
        let names: Vec<&str> = self.writers.iter().map(|w| w.llm.model()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    pub(super) fn known(&self) -> Vec<Sketch> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn remember(&self, sketch: Sketch) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sketch);
    }

    /// What woven tasks may ask solutions to import.
    pub(super) fn libraries(&self) -> Vec<String> {
        libraries::modules(self.sandbox.libraries())
    }

    /// Why a task that names these libraries cannot be solved here; nothing where it can.
    pub(super) fn without_libraries(&self, wanted: &[String]) -> Option<String> {
        let absent = libraries::absent(self.sandbox.libraries(), wanted)?;
        let there = self.libraries();
        let there = if there.is_empty() {
            "none is there".to_owned()
        } else {
            format!("there is {}", there.join(", "))
        };
        Some(format!(
            "it wants the library {absent}, and {there}; fetch it with `dreamer sandbox prepare --libraries {absent}`"
        ))
    }

    /// Whether one scenario's code can run while the model answers another: the server stands no higher than the sandboxes
    /// with the processors, or leaves them free (it computes on a graphics card or elsewhere; false until that is known).
    /// Beside somebody else's server on the processors sandboxes of the idle class would get next to nothing.
    pub(super) fn side_by_side(&self) -> bool {
        let (worked, had) = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.level || (had >= ENOUGH_SECONDS && worked < FREE * had)
    }

    /// The part of a dream's provenance that is the same for the whole session.
    pub(super) fn provenance(&self) -> Provenance {
        Provenance {
            sandbox: self.sandbox.backend().as_str().to_owned(),
            image_digest: self.sandbox.image_digest(),
            ..Provenance::default()
        }
    }
}

impl Tools {
    /// After a wake: what somebody else's model servers did with the machine up to the `latest` moment, a sentence each.
    pub(super) async fn let_go(&self, permit: &WorkPermit, latest: clock::Instant) -> Vec<String> {
        let Some(woken) = permit.woken_at() else {
            return Vec::new();
        };
        let own = self.server.as_ref().filter(|server| server.is_ours());
        let theirs = self.writers.iter().map(|writers| &writers.llm);
        let theirs = theirs.filter(|llm| own.is_none_or(|server| server.url() != llm.url()));
        let went = theirs.map(|llm| async move {
            let patience = latest.saturating_duration_since(clock::monotonic());
            let went = llm.let_go(patience).await?;
            let ms = clock::monotonic()
                .saturating_duration_since(woken)
                .as_millis();
            Some(went.told(llm.url(), ms))
        });
        join_all(went).await.into_iter().flatten().collect()
    }
}
