//! The life of one container, in one task: made, attached, started, and removed whatever happens in between. Called by
//! the Docker backend alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::engine::timed;
use crate::sandbox::SandboxError;
use crate::sandbox::keeper::StderrTail;
use crate::supervisor::permit::WorkPermit;
use crate::tree::{Apart, Branch};

/// What waits between the engine's stream and the runner's reader.
const BUFFER: usize = 64 << 10;
/// Removing may meet an engine that is just starting or removing the same container.
const REMOVE_TRIES: u32 = 5;
const REMOVE_PAUSE: Duration = Duration::from_millis(200);
/// How long the engine may take to pause a container, or to let it go on. Usually some milliseconds; a wake is to be over
/// within two seconds.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it may take to name a container's first process: nothing pauses the container meanwhile, and what is lost is one
/// reading of the load.
const NAME: Duration = Duration::from_millis(200);
/// How often it is noted what a container outside of the tree has used, while it is being removed: what it uses after the last
/// time is lost.
const READ_EVERY: Duration = Duration::from_millis(10);
/// How long one try to remove may take.
const REMOVE: Duration = Duration::from_secs(20);

/// Names of the containers that a task of this process holds.
static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

struct Held(String);

impl Held {
    fn new(name: &str) -> Self {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(name.to_owned());
        Self(name.to_owned())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.0);
    }
}

/// True while a task of this process will remove the container of this name.
pub(super) fn is_held(name: &str) -> bool {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.contains(name)
}

pub(super) struct Order {
    pub(super) name: String,
    pub(super) body: ContainerCreateBody,
    /// True where the container lies in the permit's process tree.
    pub(super) in_tree: bool,
}

/// A started container's streams and groups.
pub(super) struct Opened {
    pub(super) input: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) output: DuplexStream,
    pub(super) errors: StderrTail,
    pub(super) branch: Arc<Branch>,
}

/// Owns the container from before it exists until it is gone.
pub(super) async fn keep(
    engine: bollard::Docker,
    order: Order,
    permit: WorkPermit,
    stop: CancellationToken,
    sender: oneshot::Sender<Result<Opened, SandboxError>>,
) {
    let mut streams = JoinSet::new();
    let mut groups = None;
    let mut apart = None;
    let name = order.name.clone();
    let _held = Held::new(&name);
    // Making it is not interrupted: the engine would make it all the same, and nobody would know.
    let made = create(&engine, &order).await;
    let told = match made {
        Ok(id) => {
            let opening = open(&engine, &id, &order, &permit, &mut streams);
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                _ = permit.ended() => None,
                opened = opening => Some(opened),
            };
            if let Some(Ok(opened)) = &opened {
                groups = Some(opened.branch.clone());
            }
            let told = opened.is_some_and(|opened| {
                let works = opened.is_ok();
                sender.send(opened).is_ok() && works
            });
            if told && !order.in_tree {
                // It works already; what it has used by then is in its count.
                apart = tokio::select! {
                    biased;
                    () = stop.cancelled() => None,
                    _ = permit.ended() => None,
                    pid = first_process(&engine, &id) => Some(permit.tree().count_apart(&id, pid)),
                };
            }
            told
        }
        Err(error) => {
            let _ = sender.send(Err(error));
            false
        }
    };
    // What lies in the tree, or stops with it, is frozen with it; the engine is asked only where that is all there is.
    let stops = apart.as_ref().is_some_and(Apart::stops_with_the_tree);
    let by_engine = told && !(stops || (order.in_tree && permit.tree().freezes_at_once()));
    let mut pausing = std::pin::pin!(async {
        if by_engine {
            pause_with(&engine, &name, &permit).await;
        } else {
            std::future::pending::<()>().await;
        }
    });
    let mut under_way = by_engine;
    if told {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = permit.ended() => {}
            () = &mut pausing => under_way = false,
        }
    }
    if let Some(groups) = groups {
        // At once, without asking the engine.
        let _ = tokio::task::spawn_blocking(move || groups.kill()).await;
    }
    if let Some(apart) = &apart {
        apart.kill();
    }
    // A pause that is on its way now may stop what was just killed before it could die: it is taken back.
    let taken_back = async {
        if under_way {
            pausing.await;
            if let Err(error) = soon("unpause", engine.unpause_container(&name)).await {
                tracing::debug!(%error, "nothing was left that a late pause could hold up");
            }
        }
        std::future::pending::<()>().await;
    };
    let counted = async {
        let Some(apart) = &apart else {
            return std::future::pending::<()>().await;
        };
        loop {
            apart.read();
            tokio::time::sleep(READ_EVERY).await;
        }
    };
    // The stream is read until the container is gone: an unread one would hold up the removal.
    tokio::select! {
        () = remove(&engine, &name) => {}
        () = taken_back => {}
        () = counted => {}
    }
    streams.shutdown().await;
}

/// Pauses the container whenever the permit is frozen, until the permit is over. Every container does so by itself,
/// so that they are paused side by side. Returns early where the engine refuses or does not answer: what cannot be stopped
/// for its owner must end, and what cannot go on again would only seem to be slow.
async fn pause_with(engine: &bollard::Docker, name: &str, permit: &WorkPermit) {
    loop {
        permit.not_running().await;
        if permit.is_ended() {
            return;
        }
        if let Err(error) = soon("pause", engine.pause_container(name)).await {
            // What was ended meanwhile needs no pause.
            if !permit.is_ended() {
                tracing::warn!(%error, "a container that cannot be paused is ended");
            }
            return;
        }
        if permit.running().await.is_err() {
            return;
        }
        if let Err(error) = soon("unpause", engine.unpause_container(name)).await {
            tracing::warn!(%error, "a container that stays paused is ended");
            return;
        }
    }
}

/// As `timed`, for what the owner of the machine waits for.
async fn soon(
    what: &str,
    call: impl Future<Output = Result<(), bollard::errors::Error>>,
) -> Result<(), SandboxError> {
    let called = tokio::time::timeout(PAUSE, timed(what, call)).await;
    called.unwrap_or_else(|_| {
        let why = format!("docker {what}: no answer within {PAUSE:?}");
        Err(SandboxError::Infra(why))
    })
}

async fn create(engine: &bollard::Docker, order: &Order) -> Result<String, SandboxError> {
    let options = CreateContainerOptionsBuilder::new().name(&order.name);
    let call = engine.create_container(Some(options.build()), order.body.clone());
    Ok(timed("create", call).await?.id)
}

async fn open(
    engine: &bollard::Docker,
    id: &str,
    order: &Order,
    permit: &WorkPermit,
    streams: &mut JoinSet<()>,
) -> Result<Opened, SandboxError> {
    let options = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attached = timed("attach", engine.attach_container(id, Some(options))).await?;
    let (output, mut ours) = tokio::io::duplex(BUFFER);
    let errors = StderrTail::default();
    let kept = errors.clone();
    let mut stream = attached.output;
    streams.spawn(async move {
        let mut wanted = true;
        while let Some(Ok(piece)) = stream.next().await {
            match piece {
                LogOutput::StdErr { message } => kept.push(&message),
                LogOutput::StdOut { message } | LogOutput::Console { message } => {
                    wanted = wanted && ours.write_all(&message).await.is_ok();
                }
                LogOutput::StdIn { .. } => {}
            }
        }
    });
    let start = engine.start_container(id, None::<StartContainerOptions>);
    timed("start", start).await?;
    let branch = if order.in_tree {
        permit.tree().container_branch(id)
    } else {
        Branch::default()
    };
    Ok(Opened {
        input: Box::new(attached.input),
        output,
        errors,
        branch: Arc::new(branch),
    })
}

/// The number of a container's first process; nothing where the engine does not say it soon.
async fn first_process(engine: &bollard::Docker, id: &str) -> Option<u32> {
    let asked = tokio::time::timeout(NAME, engine.inspect_container(id, None)).await;
    let pid = asked.ok()?.ok()?.state?.pid?;
    u32::try_from(pid).ok().filter(|pid| *pid > 0)
}

/// Ends and removes a container; one that does not exist is removed.
pub(super) async fn remove(engine: &bollard::Docker, id: &str) {
    for _ in 0..REMOVE_TRIES {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let call = engine.remove_container(id, Some(options));
        match tokio::time::timeout(REMOVE, call).await {
            Ok(
                Ok(())
                | Err(bollard::errors::Error::DockerResponseServerError {
                    status_code: 404, ..
                }),
            ) => return,
            Ok(Err(error)) => tracing::debug!(%error, "removing a container has to be repeated"),
            Err(_) => tracing::debug!("removing a container took longer than {REMOVE:?}"),
        }
        tokio::time::sleep(REMOVE_PAUSE).await;
    }
    tracing::error!(
        container = id,
        "a container could not be removed; the next sweep tries again"
    );
}

/// A container as a list shows it.
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) labels: HashMap<String, String>,
}

/// Containers that carry a label with this value, running or not.
pub(super) async fn labelled(
    engine: &bollard::Docker,
    key: &str,
    value: &str,
) -> Result<Vec<Listed>, SandboxError> {
    let wanted = HashMap::from([("label", vec![format!("{key}={value}")])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&wanted)
        .build();
    let found = timed("list", engine.list_containers(Some(options))).await?;
    let read = found.into_iter().filter_map(|container| {
        let names = container.names.unwrap_or_default();
        let name = names.first().map_or("", |n| n.trim_start_matches('/'));
        Some(Listed {
            id: container.id?,
            name: name.to_owned(),
            labels: container.labels.unwrap_or_default(),
        })
    });
    Ok(read.collect())
}
