//! The command tree: one line a command, each handed to the file of its family. Loads the settings, starts the runtime
//! and turns an error into words and an exit code.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use super::{
    Context, Exit, config, doctor, dream, experience, journal, knowledge, learning, lessons,
    models, sandbox, service, verify, wake_test,
};
use crate::config::{ConfigErrors, Settings, Sources};
use crate::telemetry;

/// Turns your own docs and code into verified training data while you are away.
#[derive(Debug, Parser)]
#[command(name = "dreamer", version, arg_required_else_help = true)]
struct Cli {
    /// Read settings from this file instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say more on stderr; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Dream now
    Dream(dream::Args),
    /// Run the service in the foreground, as systemd and launchd start it
    Run(service::RunArgs),
    /// Hand the service to systemd or launchd, or take it back
    #[command(subcommand)]
    Service(service::install::Command),
    /// What the dreamer is doing, and the totals
    Status,
    /// Why it does not dream: every gate with its reading and its threshold
    Why,
    /// End the session that runs
    Wake,
    /// No dreaming for a while, or until `resume`
    Pause(service::PauseArgs),
    /// End a pause
    Resume,
    /// Live checks of everything that dreaming needs, each with what mends it
    Doctor,
    /// Take files and folders into the knowledge
    Ingest(knowledge::IngestArgs),
    /// What is known, and how to forget it
    #[command(subcommand)]
    Knowledge(knowledge::KnowledgeCommand),
    /// Prove or reject candidate files
    Verify(verify::Args),
    /// Run one program in the sandbox, prepare it, clear away what was left
    Sandbox(sandbox::Args),
    /// Read and review the dreams
    #[command(subcommand)]
    Journal(journal::Command),
    /// Measure how fast a key press makes this machine yours again
    WakeTest(wake_test::Args),
    /// What was learned
    #[command(subcommand)]
    Lessons(lessons::Command),
    /// What recorded tries say about the next ones
    #[command(subcommand)]
    Learning(learning::Command),
    /// Models and the servers that run them
    #[command(subcommand)]
    Models(models::Command),
    /// What happened: the experience stream's accounts, its newest events, draws from it
    #[command(subcommand)]
    Experience(experience::Command),
    /// Settings: where each comes from, whether they hold, a commented file of them
    #[command(subcommand)]
    Config(config::Command),
    /// Completions for a shell
    Completions { shell: clap_complete::Shell },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::memory::give_back();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and version are answers, everything else is bad usage.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return ExitCode::from(exit as u8);
        }
    };
    let exit = run(cli).unwrap_or_else(|error| {
        complain(&error);
        let is_usage = error.is::<ConfigErrors>()
            || error.is::<super::UsageError>()
            || error.is::<telemetry::TelemetryError>();
        if is_usage {
            Exit::Usage
        } else {
            Exit::Undecided
        }
    });
    ExitCode::from(exit as u8)
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    if let Command::Completions { shell } = cli.command {
        return completions(shell);
    }
    if let Command::Config(config::Command::Generate { env }) = cli.command {
        return config::generate(env);
    }
    let sources = Sources::from_process(cli.config);
    let mut output = telemetry::Output::from_process(&sources, cli.verbose);
    if let Command::Run(args) = &cli.command {
        output.file.clone_from(&args.log);
    }
    telemetry::start(&output)?;
    let (settings, origins) = Settings::load(&sources)?;
    for note in &origins.notes {
        tracing::warn!("{note}");
    }
    let context = Context {
        colour: colour(&sources),
        json: cli.json,
        settings,
        origins,
    };
    if let Command::Run(service::RunArgs {
        simulate: Some(file),
        ..
    }) = &cli.command
    {
        return service::simulate::run(file, &context);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(answer(cli.command, &context, &sources));
    // Nothing that matters runs any more; a stuck look at a sensor must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    exit
}

async fn answer(command: Command, context: &Context, sources: &Sources) -> anyhow::Result<Exit> {
    match command {
        Command::Dream(args) => dream::run(args, context).await,
        Command::Run(_) => service::run(context, sources).await,
        Command::Service(command) => service::install::run(&command, context, sources),
        Command::Status => service::status(context).await,
        Command::Why => service::why(context).await,
        Command::Wake => service::wake(context).await,
        Command::Pause(args) => service::pause(args, context).await,
        Command::Resume => service::resume(context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Ingest(args) => knowledge::ingest(args, context).await,
        Command::Knowledge(command) => knowledge::knowledge(command, context).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Sandbox(args) => sandbox::run(args, context).await,
        Command::WakeTest(args) => wake_test::run(args, context).await,
        Command::Journal(command) => journal::run(command, context).await,
        Command::Lessons(command) => lessons::run(command, context).await,
        Command::Learning(command) => learning::run(command, context).await,
        Command::Models(command) => models::run(command, context).await,
        Command::Experience(command) => experience::run(command, context).await,
        Command::Config(command) => config::run(command, context).await,
        Command::Completions { shell } => completions(shell),
    }
}

/// Colours only for a terminal, and only where nobody asked for none.
fn colour(sources: &Sources) -> bool {
    sources.variable("NO_COLOR").is_none() && std::io::stdout().is_terminal()
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dreamer", &mut script);
    super::say(String::from_utf8(script)?.trim_end())?;
    Ok(Exit::Done)
}

/// The error, its causes, and what mends it.
fn complain(error: &anyhow::Error) {
    let mut text = format!("error: {error}\n");
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Transparent wrappers repeat their source.
        if cause != said {
            text.push_str("caused by: ");
            text.push_str(&cause);
            text.push('\n');
            said = cause;
        }
    }
    // Where stderr is closed, nobody reads it.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
