//! Isolation by a container engine. Chosen by `sandbox::select`; the only user of bollard.
//!
//! One container for each runner, made, attached, started and destroyed: never used twice, never `exec`ed into. No
//! network, no capability, a root that cannot be written, nothing mounted but a small /tmp in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bollard::models::{ContainerCreateBody, SystemInfoCgroupDriverEnum};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::keeper::{Keeper, Keepers};
use super::libraries::{Library, LibrarySet, with_set};
use super::program::Program;
use super::runner::{Parts, Runner};
use super::{Backend, RunnerSpec, Sandbox, SandboxError};
use crate::clock;
use crate::supervisor::permit::{PermitKind, WorkPermit};
use crate::tree::Tree;

mod body;
mod container;
mod engine;
mod image;
mod orphans;
mod pool;

use body::{body, mount_of};
use container::{Opened, Order};
use engine::{Manner, connect, has_runtime, places, timed};
pub use image::{Prepared, prepare};
pub(super) use orphans::sweep;
use orphans::{DEADLINE, JOB, NAMESPACE, OWNER, SESSION, deadline, owner, sweep_containers};
use pool::{Pool, Stage, Wish};

/// A runtime with a kernel of its own, used where the engine has it.
const SAFER_RUNTIME: &str = "runsc";

/// Of the processors, for a container that an engine keeps outside of our tree while dream work takes only what nobody else
/// wants: the least that it can be given, beside 1,024 of any other.
const LEAST_SHARES: i64 = 2;

/// Counts the containers of this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A container engine with our image.
#[derive(Debug)]
pub struct Docker {
    engine: bollard::Docker,
    digest: String,
    namespace: String,
    libraries: Option<LibrarySet>,
    /// True where containers can be put into our own groups.
    cgroupfs: bool,
    runtime: Option<String>,
    manner: Manner,
    /// Where containers are started ahead.
    pool: Option<Arc<Pool>>,
    program: Arc<Program>,
    keepers: Keepers,
}

impl Docker {
    /// Looks for the engine and the image; starts nothing.
    ///
    /// # Errors
    /// `Unavailable`, with what to do.
    pub async fn find(namespace: &str, image: &str) -> Result<Self, SandboxError> {
        Self::with(connect(&places()).await?, namespace, image).await
    }

    /// As `find`, with the engine that listens at `socket`.
    ///
    /// # Errors
    /// As `find`.
    pub async fn at(socket: &Path, namespace: &str, image: &str) -> Result<Self, SandboxError> {
        Self::with(connect(&[socket.to_owned()]).await?, namespace, image).await
    }

    async fn with(
        engine: bollard::Docker,
        namespace: &str,
        image: &str,
    ) -> Result<Self, SandboxError> {
        let digest = image::runnable(&engine, image).await?;
        let info = timed("info", engine.info()).await?;
        let manner = Manner::of(&engine).await?;
        let runtimes = info.runtimes.unwrap_or_default();
        Ok(Self {
            engine,
            digest,
            namespace: namespace.to_owned(),
            libraries: None,
            cgroupfs: info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::CGROUPFS),
            runtime: has_runtime(&runtimes, SAFER_RUNTIME).then(|| SAFER_RUNTIME.to_owned()),
            manner,
            pool: None,
            program: Arc::default(),
            keepers: Keepers::new(),
        })
    }

    /// Starts containers ahead for what is asked for again and again. They are part of what `settle` waits for.
    #[must_use]
    pub fn starting_ahead(mut self) -> Self {
        self.pool = Some(Arc::default());
        self
    }

    fn order(&self, permit: &WorkPermit, spec: &RunnerSpec) -> Order {
        // Names of two processes of one namespace must not meet.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let number = u64::from(std::process::id()) * 1_000_000 + number;
        let parent = permit.tree().container_parent();
        let parent = parent.filter(|_| self.cgroupfs);
        let session = match permit.kind() {
            PermitKind::Session(id) => id.to_string(),
            PermitKind::Operator => "operator".to_owned(),
            PermitKind::Preflight => "preflight".to_owned(),
        };
        let labels = [
            (OWNER, owner()),
            (NAMESPACE, self.namespace.clone()),
            (SESSION, session),
            (JOB, number.to_string()),
            (DEADLINE, deadline(clock::utc().as_second()).to_string()),
        ];
        let labels = labels.map(|(k, v)| (k.to_owned(), v));
        Order {
            name: format!("{}-{number}", self.namespace),
            in_tree: parent.is_some(),
            body: self.body(spec, labels.into(), parent, permit.tree()),
        }
    }

    /// Hands the engine no group of ours to put its containers into, as where its driver takes none.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.cgroupfs = false;
        self
    }

    /// With these libraries for every container.
    #[must_use]
    pub fn with_libraries(self, libraries: Option<LibrarySet>) -> Self {
        Self { libraries, ..self }
    }

    fn body(
        &self,
        spec: &RunnerSpec,
        labels: HashMap<String, String>,
        parent: Option<String>,
        tree: &Tree,
    ) -> ContainerCreateBody {
        let mut body = body(&self.digest, spec, labels, &self.manner, tree.niceness());
        if let Some(host) = &mut body.host_config {
            // Below our tree it has the tree's share.
            host.cpu_shares = (tree.is_idle() && parent.is_none()).then_some(LEAST_SHARES);
            host.cgroup_parent = parent;
            host.runtime.clone_from(&self.runtime);
            host.mounts = self.libraries.as_ref().map(|set| vec![mount_of(set)]);
        }
        body
    }

    /// Has a container made, by a task that owns it: whoever goes away, it removes it.
    fn make(&self, permit: &WorkPermit, spec: &RunnerSpec) -> Coming {
        let stop = CancellationToken::new();
        let (sender, opened) = oneshot::channel();
        let order = self.order(permit, spec);
        let keeper = Keeper::new(
            &self.keepers,
            stop.clone(),
            container::keep(self.engine.clone(), order, permit.clone(), stop, sender),
        );
        Coming {
            keeper,
            opened,
            program: Arc::clone(&self.program),
        }
    }

    async fn open_cold(
        &self,
        permit: &WorkPermit,
        spec: &RunnerSpec,
    ) -> Result<Runner, SandboxError> {
        let parts = self.make(permit, spec).parts(permit, spec).await?;
        Runner::begin(permit, parts).await
    }

    /// Fills the pool in the background.
    fn start_ahead(&self, permit: &WorkPermit, spec: &RunnerSpec) {
        let Some(pool) = &self.pool else { return };
        let (wishes, round) = pool.wishes(spec);
        for wish in wishes {
            let coming = self.make(permit, spec);
            let (pool, permit, spec) = (Arc::clone(pool), permit.clone(), spec.clone());
            // Ends with the permit at the latest; what it makes is the pool's or gone: the handle is not needed.
            drop(Handle::current().spawn(async move {
                let made = coming.stage(&wish, &permit, &spec).await;
                if let Err(error) = &made {
                    tracing::debug!(%error, "no container could be started ahead");
                }
                pool.put(round, permit, (spec, wish), made.ok());
            }));
        }
    }
}

/// A container on its way.
struct Coming {
    keeper: Keeper,
    program: Arc<Program>,
    opened: oneshot::Receiver<Result<Opened, SandboxError>>,
}

impl Coming {
    async fn parts(self, permit: &WorkPermit, spec: &RunnerSpec) -> Result<Parts, SandboxError> {
        let opened = permit.race(self.opened).await?;
        let opened = opened
            .map_err(|_| SandboxError::Infra("docker: the container was given up".to_owned()))??;
        Ok(Parts {
            input: opened.input,
            output: Box::new(opened.output),
            errors: opened.errors,
            branch: opened.branch,
            keeper: self.keeper,
            limits: spec.limits,
            count_processes: false,
            program: self.program,
            seed: None,
        })
    }

    async fn stage(
        self,
        wish: &Wish,
        permit: &WorkPermit,
        spec: &RunnerSpec,
    ) -> Result<Stage, SandboxError> {
        let parts = self.parts(permit, spec).await?;
        Ok(match wish {
            Wish::Blank => Stage::Blank(parts),
            Wish::Ready => Stage::Ready(Runner::begin(permit, parts).await?),
        })
    }
}

#[async_trait]
impl Sandbox for Docker {
    fn backend(&self) -> Backend {
        Backend::Docker
    }

    fn image_digest(&self) -> String {
        with_set(&self.digest, self.libraries.as_ref())
    }

    fn is_dear(&self) -> bool {
        true
    }

    /// The engine enforces them all.
    fn unprotected(&self, _tree: &Tree) -> Vec<String> {
        Vec::new()
    }

    fn libraries(&self) -> &[Library] {
        self.libraries.as_ref().map_or(&[], |set| &set.libraries)
    }

    fn lies_within(&self, tree: &Tree) -> bool {
        self.cgroupfs && tree.container_parent().is_some()
    }

    fn gaps(&self, tree: &Tree) -> Vec<String> {
        let mut gaps = Vec::new();
        if !self.lies_within(tree) {
            gaps.push(
                "containers are outside of the dream's process tree: they are paused and ended through the engine, unless this \
                 user may write to their control groups"
                    .to_owned(),
            );
        }
        if !self.manner.counts_files {
            gaps.push("the number of files in /tmp is not limited, only their size".to_owned());
        }
        gaps
    }

    async fn open(&self, permit: &WorkPermit, spec: &RunnerSpec) -> Result<Runner, SandboxError> {
        permit.running().await?;
        let waiting = match &self.pool {
            Some(pool) => pool.take(permit, spec).await,
            None => None,
        };
        let runner = match waiting {
            Some(Stage::Ready(runner)) => Ok(runner),
            Some(Stage::Blank(mut parts)) => {
                parts.seed = Some(spec.hash_seed);
                match Runner::begin(permit, parts).await {
                    // It died while it waited: once more, with a new one.
                    Err(SandboxError::Infra(why)) => {
                        tracing::debug!(why, "a waiting container was of no use");
                        self.open_cold(permit, spec).await
                    }
                    other => other,
                }
            }
            None => self.open_cold(permit, spec).await,
        };
        if runner.is_ok() {
            self.start_ahead(permit, spec);
        }
        runner
    }

    async fn settle(&self) {
        if let Some(pool) = &self.pool {
            pool.empty();
        }
        self.keepers.settled().await;
    }

    async fn sweep(&self) -> Result<u64, SandboxError> {
        sweep_containers(&self.engine, &self.namespace).await
    }
}
