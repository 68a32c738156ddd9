//! Isolation by a container engine. Chosen by `sandbox::select`; the only user of bollard.
//!
//! One container for each runner, made, attached, started and destroyed: never used twice, never `exec`ed into. No
//! network, no capability, a root that cannot be written, nothing mounted but a small /tmp in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits,
    SystemInfoCgroupDriverEnum,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::libraries::{INSIDE, Library, LibrarySet, with_set};
use super::runner::{BOOT, Keeper, Keepers, Parts, Runner};
use super::{Backend, RunnerSpec, Sandbox, SandboxError, cpu_milli, seccomp};
use crate::clock;
use crate::supervisor::permit::{PermitKind, WorkPermit};
use crate::tree::{Tree, is_alive, start_time};

mod container;
mod image;
mod pool;

use container::{Opened, Order};
pub use image::{Prepared, prepare};
use pool::{Pool, Stage, Wish};

/// Whose container it is: `<pid>-<start of that process>`.
const OWNER: &str = "dreamer.owner";
/// DREAMING_DOCKER_NAMESPACE of the program that made it.
const NAMESPACE: &str = "dreamer.namespace";
const SESSION: &str = "dreamer.session";
const JOB: &str = "dreamer.job";
/// After this second (UTC, since 1970) it is an orphan, whoever owns it.
const DEADLINE: &str = "dreamer.deadline";

/// How long a container may live. It serves one candidate, which takes seconds; with a session that is frozen between
/// two evenings in it, hours.
const LIFETIME: Duration = Duration::from_hours(24);
/// A runtime with a kernel of its own, used where the engine has it.
const SAFER_RUNTIME: &str = "runsc";

/// How long one call to the engine may take. Starting a container takes a tenth of a second, on a machine that
/// compiles beside it some seconds.
const CALL: Duration = Duration::from_mins(1);
/// How long an engine may take to say that it is there.
const PING: Duration = Duration::from_secs(5);
/// Size of /tmp; it counts as memory.
const TMP: &str = "size=64m,nr_inodes=4k,nosuid,nodev,noexec";
const TMP_BYTES: u64 = 64 << 20;
/// Size of /dev/shm, enough for the locks and queues of `multiprocessing`.
const SHM_BYTES: i64 = 4 << 20;
/// Memory of the interpreter that forks the jobs, beside the job's own.
const OWN_BYTES: u64 = 64 << 20;
/// The interpreter that forks the jobs.
const OWN_PROCESSES: u64 = 1;
/// Open files of a process; jobs set less for themselves.
const OPEN_FILES: i64 = 512;
/// The container's processes are the first to go when the host itself runs out of memory.
const OOM_SCORE: i64 = 500;

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
    /// Where containers are started ahead.
    pool: Option<Arc<Pool>>,
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
        let runtimes = info.runtimes.unwrap_or_default();
        Ok(Self {
            engine,
            digest,
            namespace: namespace.to_owned(),
            libraries: None,
            cgroupfs: info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::CGROUPFS),
            runtime: runtimes
                .contains_key(SAFER_RUNTIME)
                .then(|| SAFER_RUNTIME.to_owned()),
            pool: None,
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
            body: self.body(spec, labels.into(), parent),
        }
    }
}

impl Docker {
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
    ) -> ContainerCreateBody {
        let mut body = body(&self.digest, spec, labels);
        if let Some(host) = &mut body.host_config {
            host.cgroup_parent = parent;
            host.runtime.clone_from(&self.runtime);
            host.mounts = self.libraries.as_ref().map(|set| vec![mount_of(set)]);
        }
        body
    }
}

/// The one thing of the host's that a container sees, for reading only.
fn mount_of(set: &LibrarySet) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(set.site().to_string_lossy().into_owned()),
        target: Some(INSIDE.to_owned()),
        read_only: Some(true),
        ..Mount::default()
    }
}

impl Docker {
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
        Coming { keeper, opened }
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

/// What the engine is told about a container.
fn body(image: &str, spec: &RunnerSpec, labels: HashMap<String, String>) -> ContainerCreateBody {
    let words = |all: &[&str]| Some(all.iter().map(|&w| w.to_owned()).collect());
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let memory = whole(spec.limits.memory_bytes + TMP_BYTES + OWN_BYTES);
    let limit = |name: &str, limit: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(limit),
        hard: Some(limit),
    };
    let seed = format!("PYTHONHASHSEED={}", spec.hash_seed);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some("dream".to_owned()),
        // Root without rights, but for the three by which each job becomes a user of its own and is ended.
        user: Some("0:0".to_owned()),
        entrypoint: words(&["/usr/bin/python3"]),
        // Not -I or -E: they would ignore PYTHONHASHSEED. The environment holds nothing else of Python's.
        cmd: words(&["-S", "-s", "-B", "-c", BOOT]),
        env: words(&[
            "PATH=/usr/bin",
            "LANG=C.UTF-8",
            "HOME=/tmp",
            &seed,
            "MALLOC_ARENA_MAX=2",
        ]),
        working_dir: Some("/tmp".to_owned()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(false),
        network_disabled: Some(true),
        labels: Some(labels),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: words(&["ALL"]),
            cap_add: words(&["SETUID", "SETGID", "KILL"]),
            security_opt: Some(vec![
                "no-new-privileges".to_owned(),
                format!("seccomp={}", seccomp::profile()),
            ]),
            pids_limit: Some(whole(spec.limits.processes + OWN_PROCESSES)),
            memory: Some(memory),
            memory_swap: Some(memory),
            nano_cpus: Some(whole(cpu_milli() * 1_000_000)),
            tmpfs: Some([("/tmp".to_owned(), TMP.to_owned())].into()),
            ipc_mode: Some("private".to_owned()),
            shm_size: Some(SHM_BYTES),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            ulimits: Some(vec![
                limit("core", 0),
                limit("msgqueue", 0),
                limit("memlock", 0),
                limit("nofile", OPEN_FILES),
                limit("fsize", whole(spec.limits.file_bytes)),
            ]),
            oom_score_adj: Some(OOM_SCORE),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
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

    /// The engine enforces them all.
    fn unprotected(&self, _tree: &Tree) -> Vec<String> {
        Vec::new()
    }

    fn libraries(&self) -> &[Library] {
        self.libraries.as_ref().map_or(&[], |set| &set.libraries)
    }

    fn gaps(&self, tree: &Tree) -> Vec<String> {
        let mut gaps = Vec::new();
        if !self.cgroupfs || tree.container_parent().is_none() {
            gaps.push("containers are outside of the dream's process tree: they are ended through the engine and cannot be frozen".to_owned());
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

/// Removes the containers of earlier processes, with or without our image; none where no engine answers.
///
/// # Errors
/// `Infra` where the engine answers and then fails.
pub(super) async fn sweep(namespace: &str) -> Result<u64, SandboxError> {
    match connect(&places()).await {
        Ok(engine) => sweep_containers(&engine, namespace).await,
        Err(_) => Ok(0),
    }
}

async fn sweep_containers(engine: &bollard::Docker, namespace: &str) -> Result<u64, SandboxError> {
    let mut removed = 0;
    let now = clock::utc().as_second();
    for container in container::labelled(engine, NAMESPACE, namespace).await? {
        let label = |name| container.labels.get(name).map_or("", String::as_str);
        // Our own that nobody holds were given up while the engine did not answer.
        let given_up = label(OWNER) == owner() && !container::is_held(&container.name);
        if given_up || owner_is_gone(label(OWNER)) || is_over(label(DEADLINE), now) {
            container::remove(engine, &container.id).await;
            removed += 1;
        }
    }
    Ok(removed)
}

/// This process, as its containers name it.
fn owner() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", start_time(pid).unwrap_or(0))
}

/// True unless the process that the label names still runs; a label that names none has no living owner.
fn owner_is_gone(label: &str) -> bool {
    let owner = label.split_once('-').and_then(|(pid, start)| {
        let pid: u32 = pid.parse().ok()?;
        let start: u64 = start.parse().ok()?;
        Some((pid, start))
    });
    !owner.is_some_and(|(pid, start)| is_alive(pid, start))
}

fn deadline(now: i64) -> i64 {
    now.saturating_add_unsigned(LIFETIME.as_secs())
}

fn is_over(label: &str, now: i64) -> bool {
    label.parse::<i64>().is_ok_and(|deadline| deadline < now)
}

/// Where engines listen: the system's, then the user's own; Docker's, then Podman's, which speaks the same.
fn places() -> Vec<PathBuf> {
    let own = format!("/run/user/{}", nix::unistd::getuid());
    vec![
        PathBuf::from("/var/run/docker.sock"),
        PathBuf::from(format!("{own}/docker.sock")),
        PathBuf::from("/run/podman/podman.sock"),
        PathBuf::from(format!("{own}/podman/podman.sock")),
    ]
}

/// The first engine that answers.
async fn connect(places: &[PathBuf]) -> Result<bollard::Docker, SandboxError> {
    let mut tried = Vec::new();
    for place in places.iter().filter(|p| p.exists()) {
        let path = place.to_string_lossy();
        let client =
            bollard::Docker::connect_with_unix(&path, CALL.as_secs(), bollard::API_DEFAULT_VERSION);
        let answer = match client {
            Ok(client) => match tokio::time::timeout(PING, client.ping()).await {
                Ok(Ok(_)) => return Ok(client),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {PING:?}"),
            },
            Err(error) => error.to_string(),
        };
        tried.push(format!("{path}: {answer}"));
    }
    let what = if tried.is_empty() {
        let first = places.first().map(|p| p.to_string_lossy());
        format!("no engine listens at {}", first.unwrap_or_default())
    } else {
        tried.join("; ")
    };
    Err(SandboxError::Unavailable(format!(
        "docker: {what}; install and start Docker, and be allowed to use its socket"
    )))
}

/// A call to the engine under its time limit, with the engine's own words where it fails.
async fn timed<T>(
    what: &str,
    call: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, SandboxError> {
    match tokio::time::timeout(CALL, call).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(SandboxError::Infra(format!("docker {what}: {error}"))),
        Err(_) => Err(SandboxError::Infra(format!(
            "docker {what}: no answer within {CALL:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Limits;

    #[test]
    fn a_container_is_given_nothing_it_does_not_need() {
        let spec = RunnerSpec {
            hash_seed: 9,
            limits: Limits::default(),
        };
        let body = body("sha256:1", &spec, HashMap::new());
        let host = body.host_config.unwrap();
        assert_eq!(host.network_mode.as_deref(), Some("none"));
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        let kept = ["SETUID", "SETGID", "KILL"].map(str::to_owned);
        assert_eq!(host.cap_add, Some(kept.to_vec()));
        let options = host.security_opt.unwrap();
        assert_eq!(options[0], "no-new-privileges");
        assert!(options[1].starts_with("seccomp={"));
        assert!(host.nano_cpus.unwrap() > 0);
        assert_eq!(host.memory, host.memory_swap);
        assert!(host.memory.unwrap() > 0 && host.pids_limit.unwrap() > 0);
        assert!(host.binds.is_none() && host.mounts.is_none() && host.privileged.is_none());
        assert_eq!(body.tty, Some(false));
        assert!(body.env.unwrap().contains(&"PYTHONHASHSEED=9".to_owned()));
    }

    #[test]
    fn an_owner_is_gone_unless_the_very_same_process_runs() {
        let me = std::process::id();
        let start = start_time(me).unwrap();
        assert!(!owner_is_gone(&format!("{me}-{start}")));
        assert!(owner_is_gone(&format!("{me}-{}", start + 1)));
        assert!(owner_is_gone(&format!("{}-1", u32::MAX >> 1)));
        assert!(owner_is_gone("rubbish"));
    }

    #[test]
    fn a_container_is_over_after_its_deadline_and_one_without_never() {
        let label = deadline(1_000).to_string();
        assert!(!is_over(&label, 1_000));
        assert!(is_over(&label, deadline(1_000) + 1));
        assert!(!is_over("", i64::MAX));
    }
}
