//! `dreamer sandbox`: one program through the real sandbox, the image, and what earlier processes left behind.
//!
//! Called by `main` through the command line. Runs nothing outside of a sandbox.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value as Json, json};

use crate::cli::{Context, Exit, asked_to_stop, hint, say};
use crate::clock;
use crate::config::SandboxChoice;
use crate::dream::{Ending, Observation, WakeReason};
use crate::sandbox::docker::{self, Prepared};
use crate::sandbox::{self, Job, Limits, RunnerSpec, Sandbox, SandboxError, libraries};
use crate::supervisor::permit::{self, PermitHolder, WorkPermit};
use crate::tree::Tree;

/// How long the end of the command waits for the end of its sandboxes.
const SETTLE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs one Python program, each time in a fresh sandbox of its own
    Run {
        /// The program
        file: PathBuf,
        /// Which sandbox; default: DREAMING_SANDBOX
        #[arg(long, value_enum)]
        backend: Option<BackendName>,
        /// How many times
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        repeat: u32,
    },
    /// Gets what the sandboxes need: Docker's image, and libraries that solutions may import
    Prepare {
        /// Fetch these libraries, as wheels and without running anything of theirs; '' for none. Default:
        /// DREAMING_LIBRARIES, else those that were prepared before
        #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
        libraries: Option<Vec<String>>,
    },
    /// Removes what processes that were killed have left behind
    Sweep,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum BackendName {
    Docker,
    Bubblewrap,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args.command {
        Command::Run {
            file,
            backend,
            repeat,
        } => run_file(&file, backend, repeat, context).await,
        Command::Prepare { libraries } => prepare(libraries, context).await,
        Command::Sweep => sweep(context).await,
    }
}

async fn run_file(
    file: &std::path::Path,
    backend: Option<BackendName>,
    repeat: u32,
    context: &Context,
) -> anyhow::Result<Exit> {
    let code = match std::fs::read_to_string(file) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{}: {error}", file.display());
            return Ok(Exit::Usage);
        }
    };
    let mut settings = context.settings.sandbox.clone();
    match backend {
        Some(BackendName::Docker) => settings.choice = SandboxChoice::Docker,
        Some(BackendName::Bubblewrap) => settings.choice = SandboxChoice::Bubblewrap,
        None => {}
    }
    let tree = Tree::open(&settings.namespace).context("the process tree")?;
    let (permit, holder) = permit::operator(Arc::new(tree));
    let running = async {
        let chosen = sandbox::select_for_many(&settings, &permit).await?;
        let done = repeat_runs(chosen.as_ref(), &permit, &code, repeat, context.json).await;
        let _ = tokio::time::timeout(SETTLE, chosen.settle()).await;
        done
    };
    let done = until_interrupted(running, &holder).await;
    match done {
        Ok(exit) => Ok(exit),
        Err(error) => match error.downcast_ref::<SandboxError>() {
            Some(SandboxError::Interrupted(_)) => Ok(Exit::Interrupted),
            Some(SandboxError::Unavailable(_) | SandboxError::Infra(_)) => {
                tracing::error!("{error:#}");
                Ok(Exit::Undecided)
            }
            None => Err(error),
        },
    }
}

/// Ctrl-C and the like end the permit; the work then ends by itself, in order.
pub(super) async fn until_interrupted<T>(
    work: impl Future<Output = T>,
    holder: &PermitHolder,
) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        _ = asked_to_stop() => holder.end(WakeReason::Interrupt),
    }
    work.await
}

async fn repeat_runs(
    sandbox: &dyn Sandbox,
    permit: &WorkPermit,
    code: &str,
    repeat: u32,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let spec = RunnerSpec {
        hash_seed: 0,
        limits: Limits::default(),
    };
    let gaps = sandbox.gaps(permit.tree());
    for gap in gaps.iter().filter(|_| !as_json) {
        tracing::warn!("{gap}");
    }
    let began = clock::monotonic();
    let mut exit = Exit::Done;
    for _ in 0..repeat {
        let run = one_run(sandbox, permit, &spec, code).await?;
        exit = exit.max(exit_of(&run.seen.ending));
        if as_json {
            say(&run.json(sandbox, &spec.limits, &gaps).to_string())?;
        } else {
            run.show()?;
        }
    }
    let per_second = f64::from(repeat) / began.elapsed().as_secs_f64().max(f64::EPSILON);
    if as_json {
        say(&json!({ "jobs_per_second": per_second }).to_string())?;
    } else if repeat > 1 {
        hint(&format!("{per_second:.1} jobs a second"));
    }
    Ok(exit)
}

/// One repetition with its three times: until a sandbox was ready, from there to the ending, from there to nothing left.
struct Run {
    seen: Observation,
    ready_ms: f64,
    wall_ms: f64,
    gone_ms: f64,
}

async fn one_run(
    sandbox: &dyn Sandbox,
    permit: &WorkPermit,
    spec: &RunnerSpec,
    code: &str,
) -> Result<Run, SandboxError> {
    let job = Job::Program {
        code: code.to_owned(),
    };
    let start = clock::monotonic();
    let mut runner = sandbox.open(permit, spec).await?;
    let ready = clock::monotonic();
    let seen = runner.run(permit, &job).await;
    let ended = clock::monotonic();
    runner.close().await;
    let ms = |from: clock::Instant, to: clock::Instant| (to - from).as_secs_f64() * 1000.0;
    Ok(Run {
        seen: seen?,
        ready_ms: ms(start, ready),
        wall_ms: ms(ready, ended),
        gone_ms: ms(ended, clock::monotonic()),
    })
}

impl Run {
    fn json(&self, sandbox: &dyn Sandbox, limits: &Limits, gaps: &[String]) -> Json {
        json!({
            "backend": sandbox.backend(),
            "ending": self.seen.ending,
            "ready_ms": self.ready_ms,
            "wall_ms": self.wall_ms,
            "gone_ms": self.gone_ms,
            "limits": limits,
            "usage": {
                "cpu_ms": self.seen.cpu_ms,
                "wall_ms": self.seen.wall_ms,
                "output_bytes": self.seen.stdout.len() + self.seen.stderr.len(),
                "notes": self.seen.notes,
            },
            "not_enforced": gaps,
            "stdout": self.seen.stdout,
            "stderr": self.seen.stderr,
        })
    }

    fn show(&self) -> anyhow::Result<()> {
        if !self.seen.stdout.is_empty() {
            say(self.seen.stdout.trim_end_matches('\n'))?;
        }
        if !self.seen.stderr.is_empty() {
            tracing::warn!("{}", self.seen.stderr.trim_end());
        }
        let (ready, wall, gone) = (self.ready_ms, self.wall_ms, self.gone_ms);
        hint(&format!(
            "{} (ready after {ready:.0} ms, ran {wall:.0} ms, gone after {gone:.0} ms)",
            in_words(&self.seen.ending)
        ));
        Ok(())
    }
}

fn exit_of(ending: &Ending) -> Exit {
    match ending {
        Ending::Exited(0) => Exit::Done,
        Ending::Interrupted | Ending::Infra(_) => Exit::Undecided,
        Ending::Exited(_)
        | Ending::Signaled(_)
        | Ending::Wall
        | Ending::Cpu
        | Ending::Oom
        | Ending::Pids
        | Ending::Output
        | Ending::Disk => Exit::No,
    }
}

fn in_words(ending: &Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exited with {code}"),
        Ending::Signaled(signal) => format!("ended by signal {signal}"),
        Ending::Wall => "ended at its time limit".to_owned(),
        Ending::Cpu => "ended at its CPU time limit".to_owned(),
        Ending::Oom => "ended at its memory limit".to_owned(),
        Ending::Pids => "ended at its process limit".to_owned(),
        Ending::Output => "ended at its output limit".to_owned(),
        Ending::Disk => "ended at its file limit".to_owned(),
        Ending::Interrupted => "interrupted".to_owned(),
        Ending::Infra(why) => format!("could not be run: {why}"),
    }
}

async fn prepare(libraries: Option<Vec<String>>, context: &Context) -> anyhow::Result<Exit> {
    let settings = &context.settings.sandbox;
    let (image, mut exit) = prepare_image(context).await;
    let configured = Some(&settings.libraries).filter(|names| !names.is_empty());
    let wanted: Option<Vec<String>> = libraries.or_else(|| configured.cloned()).map(|names| {
        let names = names.into_iter().map(|name| name.trim().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    });
    let tree = Tree::open(&settings.namespace).context("the process tree")?;
    let (permit, holder) = permit::operator(Arc::new(tree));
    let preparing = libraries::prepare(settings, wanted.as_deref(), &permit);
    let sets = match until_interrupted(preparing, &holder).await {
        Ok(sets) => sets,
        Err(SandboxError::Interrupted(_)) => return Ok(Exit::Interrupted),
        // Nobody asked for any: then the image is all there is to say.
        Err(_) if wanted.is_none() => Vec::new(),
        Err(error) => {
            tracing::error!("{error}");
            exit = exit.max(Exit::Undecided);
            Vec::new()
        }
    };
    if context.json {
        let sets: Vec<Json> = sets.iter().map(as_json).collect();
        let told = json!({ "image": settings.image, "result": image, "libraries": sets });
        say(&told.to_string())?;
        return Ok(exit);
    }
    say(&format!("{}: {}", settings.image, image.replace('_', " ")))?;
    for set in &sets {
        show_set(set)?;
    }
    Ok(exit)
}

async fn prepare_image(context: &Context) -> (&'static str, Exit) {
    let settings = &context.settings.sandbox;
    if settings.choice == SandboxChoice::Bubblewrap {
        hint("bubblewrap uses this machine's own Python: nothing to prepare");
        return ("not_needed", Exit::Done);
    }
    match docker::prepare(&settings.image).await {
        Ok(Prepared::Present) => ("present", Exit::Done),
        Ok(Prepared::Pulled) => ("pulled", Exit::Done),
        Ok(Prepared::Built) => ("built", Exit::Done),
        Err(error) => {
            tracing::error!("{error}");
            if settings.choice == SandboxChoice::Auto {
                hint("without this image the sandbox is bubblewrap, which needs none");
            }
            ("failed", Exit::Undecided)
        }
    }
}

fn as_json(prepared: &libraries::Prepared) -> Json {
    let set = prepared.set.as_ref();
    json!({
        "backend": prepared.backend,
        "result": prepared.how.as_str(),
        "set": set.map(|set| &set.id),
        "libraries": set.map(|set| &set.libraries),
    })
}

fn show_set(prepared: &libraries::Prepared) -> anyhow::Result<()> {
    let Some(set) = &prepared.set else {
        return Ok(());
    };
    let names: Vec<String> = set
        .libraries
        .iter()
        .map(|library| format!("{} {}", library.name, library.version))
        .collect();
    let (backend, how) = (prepared.backend.as_str(), prepared.how.as_str());
    say(&format!(
        "libraries in {backend}: {how}: {}",
        names.join(", ")
    ))
}

async fn sweep(context: &Context) -> anyhow::Result<Exit> {
    let removed = match sandbox::sweep(&context.settings.sandbox.namespace).await {
        Ok(removed) => removed,
        Err(error) => {
            tracing::error!("{error}");
            return Ok(Exit::Undecided);
        }
    };
    if context.json {
        say(&json!({ "removed": removed }).to_string())?;
    } else {
        say(&format!("removed {removed}"))?;
    }
    Ok(Exit::Done)
}
