//! `run`, `status`, `why`, `wake`, `pause` and `resume`. Through the service where one answers; where none does,
//! `status`, `why`, `pause` and `resume` answer from what lies on this machine.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::stop::{Reload, Stop, service_asked_to_stop};
use super::{Context, Exit, duration, say};
use crate::app::{App, pages};
use crate::clock;
use crate::config::{Settings, Sources};
use crate::energy::EnergyStatus;
use crate::energy::gate::{Leave, Pause, span};
use crate::energy::glance::Glance;
use crate::http::{BindError, Control};
use crate::sandbox;
use crate::store::Store;
use crate::supervisor::memory::Memory;
use crate::supervisor::{
    Counts, Judged, Purpose, Safe, Snapshot, StateName, StateWord, Status, Supervisor, Why,
};
use crate::tree::Tree;

mod changes;
pub mod install;
mod notify;
pub mod simulate;
mod unit;

use notify::Manager;

/// An event loop that has not come round for this long is stuck: it never waits for anything.
const ANSWERS: Duration = Duration::from_secs(2);

/// For a service manager that does not ask whether we live.
const NEVER: Duration = Duration::from_hours(24);

/// The control socket has answers of milliseconds to finish.
const CLOSING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Play a scripted day instead, faster than it passes; see src/energy/simulated.rs for its words
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
    let mut states = supervisor.watch();
    let mut pulse = tokio::time::interval(manager.every().unwrap_or(NEVER));
    let mut tidy = std::pin::pin!(tokio::time::sleep(pages::AFTER));
    // A dream's own code stays: it is what a wake needs at once.
    let tidy_up = || {
        if supervisor.snapshot().name == StateName::Awake {
            pages::give_back();
        }
    };
    let mut asked = std::pin::pin!(service_asked_to_stop());
    let exit = loop {
        tokio::select! {
            biased;
            asked = &mut asked => break match asked {
                Stop::Interrupt => Exit::Interrupted,
                Stop::Terminate => Exit::Done,
            },
            () = supervisor.gone() => break Exit::Undecided,
            _ = pulse.tick(), if manager.every().is_some() => {
                // Only a loop that comes round lives.
                if tokio::time::timeout(ANSWERS, supervisor.answers()).await == Ok(true) {
                    manager.alive();
                }
            }
            changed = states.changed() => if changed.is_ok() {
                let now = states.borrow_and_update().clone();
                manager.status(&told(&now));
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
    };
    manager.stopping();
    // The dreams first: whoever follows a session still hears of its end.
    supervisor.shutdown().await;
    stop.cancel();
    let (_, served) = tokio::join!(
        tokio::time::timeout(CLOSING, app.servers().stop_all()),
        tokio::time::timeout(CLOSING, serving.join_all()),
    );
    if served.is_err() {
        tracing::debug!("a client kept its connection");
    }
    Ok(exit)
}

/// The state in the words of a service manager's one line.
fn told(now: &Snapshot) -> String {
    match (now.name, now.waking) {
        (name, Some(reason)) => format!("{} ({})", name.as_str(), reason.as_str()),
        (name, None) => name.as_str().to_owned(),
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
        hint("no service runs here, so this is what it would say; `dreamer run` starts one");
    }
    Ok(Exit::Done)
}

/// Ends the session that runs.
pub async fn wake(context: &Context) -> anyhow::Result<Exit> {
    let woken = match service(context).await? {
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
    let status = if let Some(client) = service(context).await? {
        client.pause(args.length).await?
    } else {
        let until = args
            .length
            .and_then(|length| clock::utc().checked_add(length).ok());
        remember(context, Some(Pause { until }))?;
        status_here(context)?
    };
    say_pause(&status, context)
}

/// Ends a pause.
pub async fn resume(context: &Context) -> anyhow::Result<Exit> {
    let status = if let Some(client) = service(context).await? {
        client.resume().await?
    } else {
        remember(context, None)?;
        status_here(context)?
    };
    say_pause(&status, context)
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

fn pause_text(pause: Option<Pause>) -> Option<String> {
    Some(match pause? {
        Pause { until: None } => "paused until `dreamer resume`".to_owned(),
        Pause { until: Some(until) } => {
            let here = until.to_zoned(clock::local().time_zone().clone());
            format!("paused until {}", here.strftime("%Y-%m-%d %H:%M"))
        }
    })
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

fn why_text(why: &Why) -> String {
    let width = |column: fn(&crate::energy::gate::Gate) -> &str| {
        let widths = why.gates.iter().map(|gate| column(gate).chars().count());
        widths.max().unwrap_or(0)
    };
    let (reading, threshold) = (width(|gate| &gate.reading), width(|gate| &gate.threshold));
    let mut lines = vec![format!("{} ({})", why.because, why.supervisor.as_str())];
    for gate in &why.gates {
        let answer = if gate.open { "open" } else { "closed" };
        lines.push(format!(
            "  {answer:6}  {:8}  {:reading$}  {:threshold$}  {}",
            gate.gate.as_str(),
            gate.reading,
            gate.threshold,
            gate.reason
        ));
    }
    lines.join("\n")
}

fn status_text(status: &Status) -> String {
    let word = match status.state {
        StateWord::Idle => "idle",
        StateWord::Dreaming => "dreaming",
        StateWord::Validating => "dreaming, proving a solution",
        StateWord::Saving => "dreaming, saving a dream",
        StateWord::Interrupted => "waking",
    };
    let service = if status.service {
        format!("{word} ({})", status.supervisor.as_str())
    } else {
        "no service runs here".to_owned()
    };
    let mut lines = vec![format!("state    {service}")];
    if let Some(session) = &status.current_session_id {
        lines.push(format!("session  {session}"));
    }
    if let Some(session) = &status.waiting {
        lines.push(format!(
            "waiting  session {session} begins when you are away"
        ));
    }
    lines.extend(status.safe.as_ref().map(|safe| {
        let Safe { reason, good, of } = safe;
        format!("safe     {reason}; {good} of {of} good checks in a row")
    }));
    lines.extend(pause_text(status.paused).map(|text| format!("pause    {text}")));
    lines.push(format!(
        "dreams   {} saved of {} tried ({:.0} %), {} on the shelf",
        status.successful_dreams,
        status.total_dreams,
        status.success_rate * 100.0,
        status.saved_dreams_count
    ));
    lines.push(format!("output   {}", status.output_directory));
    lines.extend(status.energy.as_ref().map(energy_text));
    lines.extend(status.tick.map(|tick| {
        format!(
            "tick     senses {} ms, judged in {} ms, decided in {} ms: {}",
            tick.senses_ms,
            tick.judge_ms,
            tick.decide_ms,
            tick.chosen.as_str()
        )
    }));
    if let Some(report) = &status.last_report {
        let took = span(Duration::try_from_secs_f64(report.duration_seconds).unwrap_or_default());
        let woken = report.wake_reason.map_or_else(String::new, |reason| {
            format!(", woken by {}", reason.as_str())
        });
        lines.push(format!(
            "last     {} saved of {} in {took}{woken}",
            report.dreams_successful, report.dreams_attempted
        ));
    }
    lines.join("\n")
}

/// What the energy manager sees, in a line.
fn energy_text(energy: &EnergyStatus) -> String {
    let share =
        |known: Option<f64>| known.map_or("unknown".to_owned(), |now| format!("{now:.0} %"));
    let idle = energy
        .idle_time_seconds
        .map_or("not known".to_owned(), |seconds| {
            span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
        });
    format!(
        "machine  {}, without input for {idle}, others use {} of the processors, memory {}",
        if energy.is_busy { "busy" } else { "calm" },
        share(energy.metrics.cpu_percent),
        share(energy.metrics.memory_percent),
    )
}

/// A word to the person beside the data; a closed stderr loses it and nothing else.
fn hint(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::gate::{Gate, GateKind};

    #[test]
    fn why_lines_up_its_columns() {
        let gate = |gate, open, reading: &str, threshold: &str, reason: &str| Gate {
            gate,
            reading: reading.to_owned(),
            threshold: threshold.to_owned(),
            open,
            reason: reason.to_owned(),
        };
        let why = Why {
            state: StateWord::Idle,
            may_dream: false,
            gates: vec![
                gate(
                    GateKind::Enabled,
                    true,
                    "true",
                    "ENABLE_DREAMING=true",
                    "it may",
                ),
                gate(GateKind::Heat, false, "91 °C", "below 77 °C", "too hot"),
            ],
            supervisor: StateName::Awake,
            because: "heat: too hot".to_owned(),
        };
        insta::assert_snapshot!(why_text(&why), @r"
        heat: too hot (awake)
          open    enabled   true   ENABLE_DREAMING=true  it may
          closed  heat      91 °C  below 77 °C           too hot
        ");
    }
}
