//! `dreamer dream`: one REM phase now, through the service where one answers, else in this process. Follows it line by
//! line on stderr and ends with the report on stdout.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::report::Places;
use super::{Context, Exit, UsageError, client, duration, report, say};
use crate::app::App;
use crate::dream::{
    Complexity, RemRequest, SessionReport, SessionStatus, TaskLine, Trigger, WakeReason,
};
use crate::engine::progress::ProgressEvent;
use crate::http::Control;
use crate::ids::SessionId;
use crate::journal::{Dirs, night};
use crate::store::Store;
use crate::supervisor::{Purpose, Supervisor, SupervisorHandle};

mod follow;

/// A backlog or a benchmark of tasks fits many times; a file beyond this is something else.
const MAX_TASKS_BYTES: u64 = 64 << 20;

/// The control socket has answers of milliseconds to finish.
const CLOSING: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after this many scenarios; 0 = no limit (default: DREAMING_MAX_SCENARIOS; none with --tasks or --for)
    #[arg(long, value_name = "N")]
    max_scenarios: Option<u32>,
    /// Difficulty of the tasks (default: DREAMING_SCENARIO_COMPLEXITY)
    #[arg(long, value_parser = ["simple", "medium", "complex"])]
    difficulty: Option<String>,
    /// End after this long, such as 20m or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    for_duration: Option<Duration>,
    /// Solve these tasks, one JSON object with a "task_prompt" a line, instead of weaving some; doctests and asserts in a
    /// task's text bind whoever solves it
    #[arg(long, value_name = "FILE.jsonl")]
    tasks: Option<PathBuf>,
    /// Wait until nobody is there and nothing else needs the machine
    #[arg(long)]
    when_away: bool,
}

/// Runs the command.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let request = request_of(&args, context).map_err(|error| UsageError(format!("{error:#}")))?;
    let heard = |event: ProgressEvent| follow::print(&event);
    let report = match client::rem(context, &request, heard).await? {
        Some(report) => report,
        None => here(request, context).await?,
    };
    show(&report, context)?;
    Ok(match report.status {
        SessionStatus::Completed => Exit::Done,
        SessionStatus::NoKnowledge | SessionStatus::Busy => Exit::No,
        SessionStatus::Error => Exit::Undecided,
        SessionStatus::Interrupted => Exit::Interrupted,
    })
}

fn request_of(args: &Args, context: &Context) -> anyhow::Result<RemRequest> {
    let settings = &context.settings.dreaming;
    let tasks = match &args.tasks {
        Some(file) => read_tasks(file)?,
        None => Vec::new(),
    };
    let unbounded = args.tasks.is_some() || args.for_duration.is_some();
    // 0 means "until the window closes"; a session that a person starts has no window.
    let default = (!unbounded && settings.max_scenarios > 0).then_some(settings.max_scenarios);
    Ok(RemRequest {
        trigger: if args.when_away {
            Trigger::WhenAway
        } else {
            Trigger::Manual
        },
        max_scenarios: args.max_scenarios.or(default).filter(|most| *most > 0),
        complexity: match args.difficulty.as_deref() {
            Some("simple") => Complexity::Simple,
            Some("medium") => Complexity::Medium,
            Some("complex") => Complexity::Complex,
            _ => settings.complexity,
        },
        for_duration: args.for_duration,
        tasks,
        tasks_file: args.tasks.as_ref().map(|file| file.display().to_string()),
    })
}

/// Every line of the file, or all its errors at once.
fn read_tasks(file: &Path) -> anyhow::Result<Vec<TaskLine>> {
    let shown = file.display();
    let size = std::fs::metadata(file)
        .with_context(|| format!("cannot open {shown}"))?
        .len();
    anyhow::ensure!(
        size <= MAX_TASKS_BYTES,
        "{shown} has {size} bytes, more than {MAX_TASKS_BYTES}"
    );
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let (mut tasks, mut errors) = (Vec::new(), Vec::new());
    for (line, number) in text.lines().zip(1_u64..) {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<TaskLine>(line) {
            Ok(task) if task.task_prompt.trim().is_empty() => {
                errors.push(format!("{shown}:{number}: the task_prompt is empty"));
            }
            Ok(task) => tasks.push(TaskLine {
                line: number,
                ..task
            }),
            Err(error) => errors.push(format!("{shown}:{number}: {error}")),
        }
    }
    anyhow::ensure!(errors.is_empty(), "{}", errors.join("\n"));
    anyhow::ensure!(!tasks.is_empty(), "{shown} holds no task");
    Ok(tasks)
}

/// A session in this process; the control socket is open meanwhile, so that `dreamer wake` reaches it.
async fn here(request: RemRequest, context: &Context) -> anyhow::Result<SessionReport> {
    let control = Control::bind(&context.settings.data_dir).await?;
    let app = App::open(&context.settings)?;
    let supervisor = Supervisor::start(app.parts(Purpose::Requests));
    let control = control
        .with_servers(app.servers().clone())
        .with_learning(context.settings.database());
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(control.serve(supervisor.clone(), stop.clone()));
    let followed = follow::on_stderr(supervisor.follow());
    let report = match supervisor.request(request).await {
        Ok(session) => wait(&supervisor, &session).await,
        Err(refusal) => Some(refusal.report()),
    };
    // The dreams first, the door last: whoever follows the session still hears of its end.
    supervisor.shutdown().await;
    drop(supervisor);
    // The follower ends when nobody is left to tell it anything.
    let _ = tokio::time::timeout(CLOSING, followed.join_all()).await;
    stop.cancel();
    let _ = tokio::time::timeout(CLOSING, serving.join_all()).await;
    report.context("the session ended without a report")
}

/// Waits for the end; Ctrl-C or a request to terminate brings it about.
async fn wait(supervisor: &SupervisorHandle, session: &SessionId) -> Option<SessionReport> {
    let mut finished = std::pin::pin!(supervisor.finished(session));
    loop {
        tokio::select! {
            report = &mut finished => return report.map(|report| (*report).clone()),
            _ = super::asked_to_stop() => {
                supervisor.wake(WakeReason::Interrupt).await;
            }
        }
    }
}

fn show(session: &SessionReport, context: &Context) -> anyhow::Result<()> {
    if context.json {
        return say(&serde_json::to_string(session)?);
    }
    let store = Store::open(&context.settings.database())?;
    let dreams = store.dreams_of_session(&session.session_id)?;
    let dreams: Vec<_> = dreams.into_iter().map(|row| row.record).collect();
    let attempts = store.attempts_of_session(&session.session_id)?;
    let dirs = Dirs::of(&context.settings);
    let page = store
        .session(&session.session_id)?
        .map(|row| night::page_path(&dirs, row.night));
    let places = Places {
        output: dirs.output,
        page,
    };
    say(&report::render(
        session,
        &dreams,
        &attempts,
        &places,
        context.colour,
    ))
}
