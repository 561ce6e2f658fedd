//! The command line.

mod analytics;
mod audit;
mod check;
mod inspect;
mod record;
mod serve;
mod token;

use crate::telemetry::{self, Format};
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

#[cfg(test)]
pub(crate) use analytics::rebuild;
#[cfg(test)]
pub(crate) use serve::supervisor;

/// Records mediasoup rooms and serves the recordings
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// How logs are written: text or json
    #[arg(long, env = "LOG_FORMAT", default_value = "text", global = true)]
    log_format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: the API, the watch page and the recorder
    Serve(Box<serve::Options>),
    /// Record one room without a service
    Record(record::Options),
    /// Print the boxes of a recorded file
    Inspect(inspect::Options),
    /// Print a token for development
    Token(token::Options),
    /// Verify that rows and files agree
    Check(check::Options),
    /// Query, export and verify the audit
    Audit(audit::Options),
    /// Make the numbers of playback analytics again
    Analytics(analytics::Options),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init(cli.log_format);
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Threads that wait for disks. Few, and kept: the allocator gives each a heap of its own, which grows to what that
/// thread once needed at most and stays so when another thread comes after it.
const DISK_THREADS: usize = 8;
const KEPT: Duration = Duration::from_secs(86_400);

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().max_blocking_threads(DISK_THREADS).thread_keep_alive(KEPT);
        builder.build().context("cannot start threads")
    };
    match command {
        Command::Serve(options) => runtime()?.block_on(serve::run(*options))?,
        Command::Record(options) => return runtime()?.block_on(record::run(options)),
        Command::Inspect(options) => inspect::run(&options)?,
        Command::Token(options) => token::run(&options)?,
        Command::Check(options) => return runtime()?.block_on(check::run(options)),
        Command::Analytics(options) => runtime()?.block_on(analytics::run(options))?,
        Command::Audit(options) => return runtime()?.block_on(audit::run(options)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A line on standard output. Whoever closed it does not want to know.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on standard error.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Ends when the operator says so: Ctrl-C or SIGTERM.
async fn asked_to_end() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
