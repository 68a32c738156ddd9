//! The composition root: builds the parts, joins them, and takes them down in a fixed order. Called by the command
//! line. Holds no rules.

use anyhow::Context as _;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::config::{ExperienceSink, Settings};
use crate::dream::Finding;
use crate::energy::host::{self, HostSenses};
use crate::energy::own::OwnWork;
use crate::engine::{DreamEngine, Processors};
use crate::experience::{self, ExperienceStream, Rotation, SinkChoice};
use crate::journal::{self, Dirs};
use crate::knowledge::Knowledge;
use crate::llm::server::{OpenLog, Servers};
use crate::store::Store;
use crate::supervisor::{Counts, NAMED_JOBS, NoteTransition, Preflight, Purpose, SupervisorParts};
use crate::telemetry::rotate::{FULL_BYTES, Rotating};
use crate::tree::Tree;

mod chores;
pub mod pages;
mod preflight;

/// The program's parts, joined.
pub struct App {
    settings: Settings,
    store: Arc<Store>,
    tree: Arc<Tree>,
    engine: CurrentEngine,
    own: OwnWork,
    servers: Servers,
}

/// The engine that the next session runs on: settings that are read again make another one.
#[derive(Clone)]
struct CurrentEngine(Arc<Mutex<Arc<DreamEngine>>>);

impl CurrentEngine {
    fn get(&self) -> Arc<DreamEngine> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<DreamEngine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

/// Puts the old value back; whether the new one was another.
fn keep<T: Clone + PartialEq>(new: &mut T, old: &T) -> bool {
    let differs = new != old;
    new.clone_from(old);
    differs
}

impl App {
    /// Opens the store, finishes or clears away what a crash left, and joins the parts.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_on(settings, Arc::new(host::processors))
    }

    /// As above, on a machine whose processors are counted like this.
    pub fn open_on(settings: &Settings, processors: Processors) -> anyhow::Result<Self> {
        let store = Arc::new(Store::open(&settings.database())?);
        journal::recover(&store, &Dirs::of(settings))
            .context("cannot finish what an earlier run began")?;
        let namespace = &settings.sandbox.namespace;
        let tree = Tree::with_niceness(namespace, settings.energy.priority);
        let tree = Arc::new(tree.context("cannot make the process group of the dreams")?);
        let own = OwnWork::new();
        let servers = Servers::new(&settings.llm, &tree, open_log(settings))?;
        let experience = experience_of(settings)?;
        let engine = DreamEngine {
            settings: settings.clone(),
            knowledge: Knowledge::new(Arc::clone(&store)),
            store: Arc::clone(&store),
            servers: servers.clone(),
            experience,
            in_flight: {
                let own = own.clone();
                Arc::new(move |url| Box::new(own.begin_llm(url)))
            },
            containers: {
                let own = own.clone();
                Arc::new(move |counted| Box::new(own.begin_containers(counted)))
            },
            processors,
        };
        Ok(Self {
            settings: settings.clone(),
            store,
            tree,
            engine: CurrentEngine(Arc::new(Mutex::new(Arc::new(engine)))),
            own,
            servers,
        })
    }

    /// Goes by other settings from the next session on. What was made with the old ones at the start stays as it was:
    /// the answer names those that differ.
    pub fn reload(&mut self, mut settings: Settings) -> (Settings, Vec<&'static str>) {
        let (mut kept, old) = (Vec::new(), &self.settings);
        let new = &mut settings;
        if keep(&mut new.data_dir, &old.data_dir) {
            kept.push("DREAMING_DATA_DIR");
            // The dreams stay beside their rows, and the libraries where they were prepared.
            keep(&mut new.sandbox.libraries_dir, &old.sandbox.libraries_dir);
            if keep(&mut new.output_dir, &old.output_dir) {
                kept.push("DREAMING_OUTPUT_DIR");
            }
        }
        if keep(&mut new.sandbox.namespace, &old.sandbox.namespace) {
            kept.push("DREAMING_DOCKER_NAMESPACE");
        }
        if keep(&mut new.energy.priority, &old.energy.priority) {
            kept.push("DREAMING_PROCESS_PRIORITY");
        }
        if keep(&mut new.experience.sinks, &old.experience.sinks) {
            kept.push("DREAMING_EXPERIENCE_SINKS");
        }
        if keep(&mut new.experience.limits, &old.experience.limits) {
            kept.push("DREAMING_EXPERIENCE_LIMITS");
        }
        self.servers.reload(&settings.llm);
        let engine = DreamEngine {
            settings: settings.clone(),
            ..DreamEngine::clone(&self.engine.get())
        };
        *self.engine.lock() = Arc::new(engine);
        self.settings = settings.clone();
        (settings, kept)
    }

    /// The model servers that are ours.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    fn preflight(&self) -> Preflight {
        let engine = self.engine.clone();
        let folders = preflight::Folders::default();
        Arc::new(move |permit| {
            let (engine, folders) = (engine.get(), folders.clone());
            Box::pin(async move { preflight::trouble(&engine.settings, &folders, &permit).await })
        })
    }

    /// Every change of state, a line each, in the data folder. One process at a time writes there: whoever has the control
    /// socket of that folder, a service or a `dream` without one.
    fn record(&self) -> Option<NoteTransition> {
        let path = self.settings.data_dir.join("logs/transitions.jsonl");
        let opened = Rotating::open(&path, FULL_BYTES);
        let mut file = opened
            .inspect_err(|error| tracing::warn!(%error, "transitions are not recorded"))
            .ok()?;
        Some(Box::new(move |transition| {
            if let Ok(mut line) = serde_json::to_vec(transition) {
                line.push(b'\n');
                // A full disk must not keep anybody from waking.
                file.write_all(&line).ok();
            }
        }))
    }

    /// What a supervisor is made of, for this purpose.
    pub fn parts(&self, purpose: Purpose) -> SupervisorParts {
        let engine = self.engine.clone();
        let closes = self.engine.clone();
        let store = Arc::clone(&self.store);
        SupervisorParts {
            settings: self.settings.clone(),
            purpose,
            senses: Box::new(
                HostSenses::new(Arc::clone(&self.tree), self.own.clone())
                    .with_desktop(&self.settings.desktop),
            ),
            tree: Arc::clone(&self.tree),
            run_session: Arc::new(move |permit, request, progress| {
                let engine = engine.get();
                Box::pin(async move { engine.enter_rem_phase(&permit, &request, &progress).await })
            }),
            close_session: Some(Arc::new(move |end| closes.get().close_session(end))),
            counts: Arc::new(move || {
                let counts = store.statistics().map_err(|error| error.to_string())?;
                Ok(Counts {
                    total_dreams: counts.total_dreams,
                    successful_dreams: counts.successful_dreams,
                    saved_dreams_count: counts.saved_dreams_count,
                })
            }),
            troubles: {
                // Weak: whoever asks late must not keep the experience stream open.
                let engine = Arc::downgrade(&self.engine.0);
                Arc::new(move || {
                    let engine = engine.upgrade().map(CurrentEngine);
                    engine.map_or_else(Vec::new, |engine| troubles_of(&engine.get().experience))
                })
            },
            preflight: (purpose == Purpose::Service).then(|| self.preflight()),
            run_chore: (purpose == Purpose::Service).then(|| {
                let limits = self.settings.experience.limits.into();
                chores::runner(self.settings.database(), limits)
            }),
            note: (purpose != Purpose::Measuring)
                .then(|| self.record())
                .flatten(),
            wall: Arc::new(clock::local),
            named_jobs: if purpose == Purpose::Service {
                NAMED_JOBS
            } else {
                &[]
            },
        }
    }
}

/// Sinks that take no experience now, each with what mends it. They dream on without.
fn troubles_of(stream: &ExperienceStream) -> Vec<Finding> {
    let in_words = |(sink, why): (&str, String)| {
        let fix = match sink {
            "sqlite" => "free some room for the data folder, and end what holds its database",
            "http" => "start that server, or change DREAMING_EXPERIENCE_SINKS",
            _ => "make it writable, or change DREAMING_EXPERIENCE_SINKS",
        };
        Finding::warn(
            &format!("experience_{sink}"),
            format!("experiences wait for their sink {sink}, or are lost ({why})"),
            fix,
        )
    };
    stream.troubles().into_iter().map(in_words).collect()
}

/// What a model server says goes to the data folder, bounded.
#[must_use]
pub fn open_log(settings: &Settings) -> OpenLog {
    let folder = settings.data_dir.join("logs");
    Arc::new(move |name| {
        let path = folder.join(format!("server-{name}.log"));
        Ok(Box::new(Rotating::open(&path, FULL_BYTES)?))
    })
}

/// The stream with a connection of its own, so that a slow write of experiences holds up no dream.
fn experience_of(settings: &Settings) -> anyhow::Result<ExperienceStream> {
    let store = Arc::new(Store::open(&settings.database())?);
    Ok(ExperienceStream::open(&options_of(settings), &store)?)
}

fn options_of(settings: &Settings) -> experience::Options {
    let usual = experience::Options::usual(&settings.data_dir);
    let asked = settings.experience.limits;
    let sinks = settings.experience.sinks.iter().map(|sink| match sink {
        ExperienceSink::Sqlite => SinkChoice::Durable,
        ExperienceSink::Console => SinkChoice::Console,
        ExperienceSink::Http(address) => SinkChoice::Http(address.clone()),
        ExperienceSink::Jsonl => SinkChoice::Jsonl(
            usual.folder.join("experience.jsonl"),
            Rotation {
                bytes: asked.file_mb << 20,
                ..Rotation::default()
            },
        ),
    });
    experience::Options {
        sinks: sinks.collect(),
        limits: asked.into(),
        batching: experience::Batching {
            events: asked.batch_events,
            interval: Duration::from_secs_f64(asked.flush_seconds),
            waiting: asked.buffered_events,
        },
        retention: experience::Retention {
            age: Duration::from_hours(24 * asked.archive_days),
            bytes: asked.archive_mb << 20,
        },
        folder: usual.folder.clone(),
    }
}
