//! The composition root: builds the parts, joins them, and takes them down in a fixed order. Called by the command
//! line. Holds no rules.

use anyhow::Context as _;
use std::sync::Arc;

use crate::clock;
use crate::config::Settings;
use crate::energy::host::HostSenses;
use crate::energy::own::OwnWork;
use crate::engine::DreamEngine;
use crate::journal::{self, Dirs};
use crate::knowledge::Knowledge;
use crate::pack::offline::OfflinePack;
use crate::store::Store;
use crate::supervisor::{Counts, Purpose, SupervisorParts};
use crate::tree::Tree;

/// The program's parts, joined.
pub struct App {
    settings: Settings,
    store: Arc<Store>,
    tree: Arc<Tree>,
    engine: Arc<DreamEngine>,
    own: OwnWork,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

impl App {
    /// Opens the store, finishes or clears away what a crash left, and joins the parts.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        let store = Arc::new(Store::open(&settings.database())?);
        journal::recover(&store, &Dirs::of(settings))
            .context("cannot finish what an earlier run began")?;
        let namespace = &settings.sandbox.namespace;
        let tree = Tree::with_niceness(namespace, settings.energy.priority);
        let tree = Arc::new(tree.context("cannot make the process group of the dreams")?);
        let own = OwnWork::new();
        let engine = DreamEngine {
            settings: settings.clone(),
            store: Arc::clone(&store),
            knowledge: Knowledge::new(Arc::clone(&store)),
            pack: Arc::new(OfflinePack::load()?),
            in_flight: {
                let own = own.clone();
                Arc::new(move |url| Box::new(own.begin_llm(url)))
            },
        };
        Ok(Self {
            settings: settings.clone(),
            store,
            tree,
            engine: Arc::new(engine),
            own,
        })
    }

    /// What a supervisor is made of, for this purpose.
    pub fn parts(&self, purpose: Purpose) -> SupervisorParts {
        let engine = Arc::clone(&self.engine);
        let store = Arc::clone(&self.store);
        SupervisorParts {
            settings: self.settings.clone(),
            purpose,
            senses: Box::new(HostSenses::new(Arc::clone(&self.tree), self.own.clone())),
            tree: Arc::clone(&self.tree),
            run_session: Arc::new(move |permit, request, progress| {
                let engine = Arc::clone(&engine);
                Box::pin(async move { engine.enter_rem_phase(&permit, &request, &progress).await })
            }),
            counts: Arc::new(move || {
                let counts = store.statistics().map_err(|error| error.to_string())?;
                Ok(Counts {
                    total_dreams: counts.total_dreams,
                    successful_dreams: counts.successful_dreams,
                    saved_dreams_count: counts.saved_dreams_count,
                })
            }),
            wall: Arc::new(clock::local),
            cron: purpose == Purpose::Service,
        }
    }
}
