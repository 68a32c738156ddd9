//! `run`, `status`, `why`, `wake`, `pause` and `resume`. Through the service where one answers; where none does,
//! `status`, `why`, `pause` and `resume` answer from what lies on this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::stop::{Reload, service_asked_to_stop};
use super::text::clean_line;
use super::{Context, Exit, duration, hint, say};
use crate::app::App;
use crate::app::pages::{self, Pages};
use crate::clock;
use crate::config::{Settings, Sources};
use crate::energy::gate::{Leave, Pause};
use crate::energy::glance::Glance;
use crate::http::{BindError, Control};
use crate::sandbox;
use crate::store::Store;
use crate::supervisor::memory::Memory;
use crate::supervisor::{
    Counts, Judged, Purpose, Snapshot, StateName, StateWord, Status, Supervisor, SupervisorHandle,
    Why,
};
use crate::tree::Tree;

mod changes;
pub mod install;
mod notify;
pub mod simulate;
mod stopping;
mod texts;
mod unit;

use notify::Manager;
use stopping::{STOPPED_WITHIN, end_all, until_asked};
use texts::{pause_text, status_text, why_text};

#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Play a scripted day instead, faster than it passes: a file of lines such as `start 2026-11-20T21:50[Europe/Warsaw]`,
    /// `21:55 key`, `23:30 load 90%`, `end 09:00`; also pointer, login, memory N%, heat N, battery N%, mains, blind, sighted,
    /// suspend DURATION, clock +DURATION or -DURATION, session DURATION
    #[arg(long, value_name = "FILE")]
    pub simulate: Option<PathBuf>,
    /// Write the log here instead of to standard error; it is turned when it is full
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub struct PauseArgs {
    /// For this long, such as 45m or 8h; without it until `dreamer resume`
    #[arg(value_name = "DURATION", value_parser = duration::parse)]
    length: Option<Duration>,
}

/// The service in the foreground, until a signal. The parts are joined once this process alone owns the data folder:
/// what a crash left may only be mended by its owner. SIGHUP reads the settings again.
pub async fn run(context: &Context, sources: &Sources) -> anyhow::Result<Exit> {
    let manager = Manager::of(sources);
    // Before anything else: a signal that comes early must not end what is half built.
    let mut reload = Reload::listen();
    let control = match Control::bind(&context.settings.data_dir).await {
        Ok(control) => control,
        Err(error @ BindError::Taken(_)) => {
            hint(&error.to_string());
            return Ok(Exit::No);
        }
        Err(error) => return Err(error.into()),
    };
    let mut app = App::open(&context.settings)?;
    let supervisor = Supervisor::start(app.parts(Purpose::Service));
    let control = control
        .with_servers(app.servers().clone())
        .with_learning(context.settings.database());
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(control.serve(supervisor.clone(), stop.clone()));
    let namespace = context.settings.sandbox.namespace.clone();
    let over = stop.clone();
    let swept = Arc::new(Notify::new());
    let has_swept = Arc::clone(&swept);
    serving.spawn(async move {
        let sweeping = sandbox::keep_sweeping(&namespace, || has_swept.notify_one());
        let _ = over.run_until_cancelled(sweeping).await;
    });
    tracing::info!(data_dir = %context.settings.data_dir.display(), "the service is up");
    manager.ready();
    let attending = attend(
        &mut app,
        &supervisor,
        &manager,
        &swept,
        &mut reload,
        sources,
    );
    let exit = until_asked(service_asked_to_stop(), supervisor.gone(), attending).await;
    manager.stopping();
    let latest = clock::monotonic() + STOPPED_WITHIN;
    let servers = app.servers().clone();
    // Who keeps a connection, or a server that does not hear, goes with this process.
    let others = async move {
        stop.cancel();
        tokio::join!(servers.stop_all(), serving.join_all());
    };
    end_all(supervisor.shutdown(), others, app, latest).await;
    Ok(exit)
}

/// What the service does beside its supervisor's work until that is gone: says that it lives and what it does, keeps its
/// memory small, reads its settings again.
async fn attend(
    app: &mut App,
    supervisor: &SupervisorHandle,
    manager: &Manager,
    swept: &Notify,
    reload: &mut Reload,
    sources: &Sources,
) {
    let mut states = supervisor.watch();
    let mut pulse = manager.pulse();
    let mut tidy = std::pin::pin!(tokio::time::sleep(pages::AFTER));
    let mut given_back = Pages::default();
    // A dream's own code stays: it is what a wake needs at once.
    let mut tidy_up = || {
        if supervisor.snapshot().name == StateName::Awake {
            given_back.give_back();
        }
    };
    loop {
        tokio::select! {
            biased;
            () = pulse.due() => {
                // Only a loop that comes round lives.
                if pulse.lives(supervisor.answers()).await {
                    manager.alive();
                }
            }
            changed = states.changed() => match changed {
                Ok(()) => {
                    let now = states.borrow_and_update().clone();
                    manager.status(&told(&now));
                }
                Err(_) => return,
            },
            () = &mut tidy => {
                tidy_up();
                tidy.as_mut().reset(clock::monotonic() + pages::EVERY);
            }
            // It has brought in the whole client of the container engine.
            () = swept.notified() => tidy_up(),
            () = reload.asked() => match Settings::load(sources) {
                Ok((settings, origins)) => {
                    let (settings, kept) = app.reload(settings);
                    supervisor.reload(settings).await;
                    tracing::warn!("the settings were read again");
                    origins.notes.iter().for_each(|note| tracing::warn!("{note}"));
                    for key in kept {
                        tracing::warn!(key, "takes effect with the next start");
                    }
                }
                Err(errors) => {
                    tracing::error!("the old settings stay, because the new ones are refused: {errors}");
                }
            },
        }
    }
}

/// The state in the words of a service manager's one line.
fn told(now: &Snapshot) -> String {
    let name = now.name.as_str();
    match (&now.safe, now.waking) {
        (Some(safe), _) => {
            let reason = clean_line(&safe.reason);
            format!(
                "{name}: {reason} ({} of {} good checks)",
                safe.good, safe.of
            )
        }
        (None, Some(reason)) => format!("{name} ({})", reason.as_str()),
        (None, None) => name.to_owned(),
    }
}

/// What it is doing, and the totals.
pub async fn status(context: &Context) -> anyhow::Result<Exit> {
    let status = match service(context).await? {
        Some(client) => client.status().await?,
        None => status_here(context)?,
    };
    if context.json {
        say(&serde_json::to_string(&status)?)?;
    } else {
        say(&status_text(&status))?;
    }
    Ok(Exit::Done)
}

/// Every gate with its reading, its threshold and its answer.
pub async fn why(context: &Context) -> anyhow::Result<Exit> {
    let client = service(context).await?;
    let answered = client.is_some();
    let why = match client {
        Some(client) => client.why().await?,
        None => why_here(context).await?,
    };
    if context.json {
        say(&serde_json::to_string(&why)?)?;
    } else {
        say(&why_text(&why))?;
    }
    if !answered {
        nobody_answers(context);
        hint("so this is what it would say; `dreamer run` starts one");
    }
    Ok(Exit::Done)
}

/// Ends the session that runs.
pub async fn wake(context: &Context) -> anyhow::Result<Exit> {
    let client = service(context).await?;
    if client.is_none() {
        nobody_answers(context);
    }
    let woken = match client {
        Some(client) => client.wake(false).await?,
        None => false,
    };
    if context.json {
        say(&serde_json::json!({ "woken": woken }).to_string())?;
    } else if woken {
        say("woken")?;
    } else {
        say("nobody dreams")?;
    }
    Ok(Exit::Done)
}

/// No session by itself for a while, or until `resume`; ends the one that runs.
pub async fn pause(args: PauseArgs, context: &Context) -> anyhow::Result<Exit> {
    let length = args.length;
    let until = length.and_then(|length| clock::utc().checked_add(length).ok());
    let connect = async || service(context).await;
    let tell = async |client: Client| client.pause(length).await;
    let status = set_pause(Some(Pause { until }), context, connect, tell).await?;
    say_pause(&status, context)
}

/// Ends a pause.
pub async fn resume(context: &Context) -> anyhow::Result<Exit> {
    let connect = async || service(context).await;
    let tell = async |client: Client| client.resume().await;
    let status = set_pause(None, context, connect, tell).await?;
    say_pause(&status, context)
}

/// Tells the service, or writes it down where none answers. One that starts in the same moment may have read the file before
/// that, and would write over it: it is looked for once more afterwards.
async fn set_pause(
    pause: Option<Pause>,
    context: &Context,
    mut connect: impl AsyncFnMut() -> anyhow::Result<Option<Client>>,
    tell: impl AsyncFn(Client) -> anyhow::Result<Status>,
) -> anyhow::Result<Status> {
    if let Some(client) = connect().await? {
        return tell(client).await;
    }
    remember(context, pause)?;
    match connect().await? {
        Some(client) => tell(client).await,
        None => status_here(context),
    }
}

async fn service(context: &Context) -> anyhow::Result<Option<Client>> {
    Client::connect(&context.settings.data_dir).await
}

fn remember(context: &Context, pause: Option<Pause>) -> anyhow::Result<()> {
    Memory::load(&context.settings.data_dir)
        .update(|now| now.pause = pause)
        .context("the pause cannot be written down")
}

fn say_pause(status: &Status, context: &Context) -> anyhow::Result<Exit> {
    if context.json {
        say(&serde_json::to_string(status)?)?;
    } else {
        say(&pause_text(status.paused).unwrap_or_else(|| "not paused".to_owned()))?;
    }
    Ok(Exit::Done)
}

/// The status of a machine where no service runs: totals from the database, if there is one.
fn status_here(context: &Context) -> anyhow::Result<Status> {
    let settings = &context.settings;
    let database = settings.database();
    // Asking must not make a data folder.
    let counts = if database.exists() {
        Counts::from(Store::open(&database)?.statistics()?)
    } else {
        Counts::default()
    };
    let now = clock::utc();
    let pause = Memory::load(&settings.data_dir).get().pause;
    let snapshot = Snapshot::of_nobody(pause.filter(|pause| pause.holds(now)));
    let folder = settings.output_dir.display().to_string();
    let mut status = Status::new(&snapshot, counts, folder, false);
    status.transitions = changes::last(&settings.data_dir);
    Ok(status)
}

/// The gates as this process sees them.
async fn why_here(context: &Context) -> anyhow::Result<Why> {
    let desktop = context.settings.desktop.clone();
    let tree = Arc::new(Tree::without_groups(0));
    let seen = tokio::task::spawn_blocking(move || Glance::take(&desktop, &tree)).await?;
    let known = Memory::load(&context.settings.data_dir).get();
    let judged = Judged::new(&seen.reading, &context.settings, &clock::local(), known);
    Ok(Why {
        state: StateWord::Idle,
        may_dream: matches!(judged.service, Leave::May(_)),
        because: judged.because(),
        gates: judged.gates,
        supervisor: StateName::Awake,
    })
}

/// Which service was meant: each data folder has one of its own.
fn nobody_answers(context: &Context) {
    let folder = context.settings.data_dir.display();
    hint(&format!(
        "no service runs for {folder}; another folder's is meant by DREAMING_DATA_DIR"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origins;
    use crate::energy::{Reading, Senses};
    use crate::supervisor::{Safe, SupervisorHandle, SupervisorParts};

    struct Blind;

    impl Senses for Blind {
        fn read(&mut self, _: clock::Instant) -> Reading {
            Reading::unknown("a test")
        }
    }

    /// A service that has read what is remembered, and serves until it is dropped.
    async fn start(context: &Context) -> (SupervisorHandle, JoinSet<()>) {
        let control = Control::bind(&context.settings.data_dir).await;
        let supervisor = Supervisor::start(SupervisorParts::new(
            Purpose::Service,
            context.settings.clone(),
            Box::new(Blind),
            Arc::new(Tree::without_groups(0)),
            Arc::new(|_, _, _| Box::pin(std::future::pending())),
        ));
        let control = control.expect("the socket is free");
        let mut serving = JoinSet::new();
        serving.spawn(control.serve(supervisor.clone(), CancellationToken::new()));
        (supervisor, serving)
    }

    #[tokio::test]
    async fn a_pause_holds_for_a_service_that_starts_in_the_same_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context {
            settings: Settings::defaults_in(folder.path()),
            origins: Origins::default(),
            json: false,
            colour: false,
        };
        let mut started = None;
        let connect = async || {
            if started.is_some() {
                return service(&context).await;
            }
            // Nobody answers, and then somebody does.
            started = Some(start(&context).await);
            Ok(None)
        };
        let tell = async |client: Client| client.pause(None).await;
        let pause = Some(Pause { until: None });
        let status = set_pause(pause, &context, connect, tell).await;
        assert!(status.expect("it is told").service);
        let (supervisor, _serving) = started.expect("it was started");
        assert_eq!(supervisor.snapshot().pause, pause);
        supervisor.shutdown().await;
        let known = Memory::load(&context.settings.data_dir).get();
        assert_eq!(known.pause, pause, "also after the next start");
    }

    #[test]
    fn a_service_manager_is_told_what_is_broken() {
        let mut now = Snapshot::of_nobody(None);
        assert_eq!(told(&now), "awake");
        now.name = StateName::Safe;
        now.safe = Some(Safe {
            reason: "llm: no model answers\nat all".to_owned(),
            good: 1,
            of: 3,
        });
        let text = told(&now);
        assert!(text.starts_with("safe: llm: no model answers"), "{text}");
        assert!(
            text.ends_with("(1 of 3 good checks)") && !text.contains('\n'),
            "{text}"
        );
    }
}
