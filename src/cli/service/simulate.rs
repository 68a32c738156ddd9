//! `dreamer run --simulate FILE`: a scripted day, faster than it passes, through the very supervisor that runs at night.
//! Nothing of this machine is read and no sandbox is started: sessions only last.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::{Context, Exit, UsageError, say};
use crate::clock;
use crate::dream::{SessionReport, SessionStatus, Trigger, WakeReason};
use crate::energy::simulated::{Script, SimulatedSenses};
use crate::ids::SessionId;
use crate::supervisor::permit::PermitKind;
use crate::supervisor::{Purpose, RunSession, Snapshot, StateName, Supervisor, SupervisorParts};
use crate::tree::Tree;

/// Runs the script on a runtime of its own, whose clock jumps to whatever happens next.
pub fn run(file: &Path, context: &Context) -> anyhow::Result<Exit> {
    let shown = file.display();
    let read = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"));
    let text = read.map_err(|error| UsageError(format!("{error:#}")))?;
    let script = Script::read(&text).map_err(|error| UsageError(format!("{shown}: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(play(Arc::new(script), context))
}

async fn play(script: Arc<Script>, context: &Context) -> anyhow::Result<Exit> {
    let begun = clock::monotonic();
    let wall = {
        let script = Arc::clone(&script);
        Arc::new(move || script.wall(clock::monotonic().saturating_duration_since(begun)))
    };
    let mut settings = context.settings.clone();
    settings.dreaming.enabled = true;
    // What the service remembers of real nights is neither read nor changed.
    let folder = settings
        .data_dir
        .join(format!("simulation-{}", std::process::id()));
    settings.data_dir.clone_from(&folder);
    let supervisor = Supervisor::start(SupervisorParts {
        wall: wall.clone(),
        ..SupervisorParts::new(
            Purpose::Service,
            settings,
            Box::new(SimulatedSenses::new(Arc::clone(&script), begun)),
            Arc::new(Tree::without_groups(0)),
            session(Arc::clone(&script)),
        )
    });
    let mut states = supervisor.watch();
    let mut before = None;
    // A state that lasted no time at all is not shown: which of them a follower sees is chance.
    let mut pending: Option<(jiff::Zoned, String)> = None;
    let mut over = std::pin::pin!(tokio::time::sleep_until(begun + script.length));
    loop {
        let seen = states.borrow_and_update().clone();
        if before != Some((seen.name, seen.waking)) {
            before = Some((seen.name, seen.waking));
            let now = wall();
            let text = line(&seen, &now, context.json)?;
            if let Some((_, text)) = pending.take_if(|(at, _)| *at != now) {
                say(&text)?;
            }
            pending = Some((now, text));
        }
        tokio::select! {
            changed = states.changed() => if changed.is_err() { break },
            () = &mut over => break,
        }
    }
    if let Some((_, text)) = pending {
        say(&text)?;
    }
    supervisor.shutdown().await;
    std::fs::remove_dir_all(&folder).ok();
    Ok(Exit::Done)
}

/// A session that lasts as long as the script says.
fn session(script: Arc<Script>) -> RunSession {
    Arc::new(move |permit, _, _| {
        let length = script.session;
        Box::pin(async move {
            let id = match permit.kind() {
                PermitKind::Session(id) => id.clone(),
                PermitKind::Operator | PermitKind::Preflight => SessionId::new(),
            };
            let mut left = length;
            let ended = loop {
                let began = clock::monotonic();
                tokio::select! {
                    biased;
                    ended = permit.ended() => break Some(ended.0),
                    () = permit.not_running() => {
                        left = left.saturating_sub(clock::monotonic() - began);
                        if let Err(ended) = permit.running().await {
                            break Some(ended.0);
                        }
                    }
                    () = tokio::time::sleep(left) => break None,
                }
            };
            let status = match ended {
                None | Some(WakeReason::WindowClosed) => SessionStatus::Completed,
                Some(_) => SessionStatus::Interrupted,
            };
            let mut report = SessionReport::empty(id, status);
            report.wake_reason = ended;
            report
        })
    })
}

fn line(seen: &Snapshot, wall: &jiff::Zoned, as_json: bool) -> anyhow::Result<String> {
    if as_json {
        return Ok(serde_json::to_string(&serde_json::json!({
            "at": wall.to_string(),
            "supervisor": seen.name,
            "state": seen.word(),
            "trigger": seen.trigger,
            "wake_reason": seen.waking,
        }))?);
    }
    let at = wall.strftime("%a %H:%M:%S");
    let last = seen
        .reports
        .back()
        .filter(|_| seen.name == StateName::Awake);
    let more = match (seen.name, seen.trigger, seen.waking) {
        (StateName::Dreaming, Some(trigger), _) => {
            let why = match trigger {
                Trigger::Night => "by night",
                Trigger::Idle => "idle",
                Trigger::Manual | Trigger::WhenAway => "asked for",
            };
            format!("  {why}")
        }
        (_, _, Some(reason)) => format!("  {}", reason.as_str()),
        (_, _, None) => last.map_or_else(String::new, |report| match report.wake_reason {
            Some(reason) => format!("  after a session that ended: {}", reason.as_str()),
            None => "  after a session that was completed".to_owned(),
        }),
    };
    Ok(format!("{at}  {}{more}", seen.name.as_str()))
}
