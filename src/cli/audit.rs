//! `tureen audit`: the trail, read from the database or from an export.

use super::{say, tell};
use crate::audit::{Action, CSV_HEADER, Outcome, PublicKey, Record, Verifier, csv, read_record, records};
use crate::catalog::{AuditCursor, AuditFilter, AuditHead, AuditRow, Catalog};
use crate::config::Place;
use crate::time::WallTime;
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Rows that are read at one time.
const PAGE: u32 = 1000;

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print rows, newest first
    Query(Query),
    /// Write rows, or all records that verify offline
    Export(Export),
    /// Verify the database, or an export, and name the first bad row
    Verify(Verify),
    /// Print the newest signed head of each chain, to be kept elsewhere
    Head {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
struct Filters {
    /// By this user
    #[arg(long)]
    actor: Option<String>,
    /// Concerning this user
    #[arg(long)]
    target: Option<String>,
    /// On this recording
    #[arg(long)]
    recording: Option<String>,
    /// Of this room
    #[arg(long)]
    room: Option<String>,
    /// view, download, stream, delete, share, ...
    #[arg(long, value_parser = action)]
    action: Option<Action>,
    /// success, failed or partial
    #[arg(long, value_parser = outcome)]
    result: Option<Outcome>,
    /// From this address
    #[arg(long)]
    address: Option<String>,
    /// At or after this time (RFC 3339, or a day)
    #[arg(long, value_parser = time)]
    from: Option<WallTime>,
    /// Before this time
    #[arg(long, value_parser = time)]
    to: Option<WallTime>,
}

#[derive(Args)]
struct Query {
    #[command(flatten)]
    filters: Filters,
    /// Most rows
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Export {
    #[command(flatten)]
    filters: Filters,
    /// JSON Lines verify; CSV is for people
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// File to write [default: standard output]
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

#[derive(Args)]
struct Verify {
    /// An export in JSON Lines [default: the database]
    file: Option<PathBuf>,
    /// Heads that were kept elsewhere, one a line
    #[arg(long, value_name = "FILE")]
    head: Vec<PathBuf>,
    /// Public key, or a file that holds it [default: those of the heads]
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.command {
        Command::Query(options) => query(options).await?,
        Command::Export(options) => export(options).await?,
        Command::Verify(options) => return verify(options).await,
        Command::Head { place } => head(&place).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn action(name: &str) -> Result<Action, String> {
    let names = || Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    Action::from_name(name).ok_or_else(|| format!("not one of {}", names()))
}

fn outcome(name: &str) -> Result<Outcome, String> {
    Outcome::from_name(name).ok_or_else(|| "not success, failed or partial".to_owned())
}

fn time(text: &str) -> Result<WallTime, String> {
    WallTime::read(text).ok_or_else(|| "not a time such as 2026-01-31T12:00:00Z".to_owned())
}

impl Filters {
    fn filter(self) -> AuditFilter {
        AuditFilter {
            actor: self.actor,
            target: self.target,
            recording: self.recording,
            room: self.room,
            action: self.action.map(Action::name),
            result: self.result.map(Outcome::name),
            phase: None,
            address: self.address,
            from: self.from,
            to: self.to,
        }
    }
}

/// Reading makes no database.
pub(super) async fn open(place: &Place) -> anyhow::Result<Catalog> {
    let url = place.database();
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
        if !Path::new(path).is_file() {
            bail!("there is no database {path}");
        }
    }
    Ok(Catalog::open(&url).await?)
}

async fn query(options: Query) -> anyhow::Result<()> {
    let catalog = open(&options.place).await?;
    let page = catalog.audit_page(&options.filters.filter(), None, options.limit.max(1)).await?;
    for row in &page.rows {
        say(&line(row));
    }
    if page.next.is_some() {
        tell("there are more: see --limit");
    }
    Ok(())
}

fn line(row: &AuditRow) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or("-", |text| text).escape_debug().to_string();
    let bytes = row.bytes.map(|bytes| format!(" {bytes} B")).unwrap_or_default();
    let phase = if row.phase == "once" { String::new() } else { format!(" {}", row.phase) };
    format!(
        "{} {}{phase} {} by {} ({}) from {} on {} of {}{bytes}  [{} {}]",
        row.at,
        row.action,
        row.result,
        text(&row.who),
        if row.role.is_empty() { "-" } else { &row.role },
        text(&row.address),
        text(&row.recording_id),
        text(&row.room_id),
        row.chain,
        row.seq,
    )
}

async fn export(options: Export) -> anyhow::Result<()> {
    let catalog = open(&options.place).await?;
    let filter = options.filters.filter();
    let to: Box<dyn Write> = match &options.out {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let mut to = BufWriter::new(to);
    if options.format == Format::Jsonl && filter == AuditFilter::default() {
        let mut all = records(&catalog).await?;
        while let Some(record) = all.next().await? {
            writeln!(to, "{}", record.line())?;
        }
        return Ok(to.flush()?);
    }
    match options.format {
        Format::Csv => to.write_all(CSV_HEADER.as_bytes())?,
        Format::Jsonl => writeln!(to, "{}", Record::Export { version: 1, complete: false }.line())?,
    }
    let mut cursor: Option<AuditCursor> = None;
    loop {
        let page = catalog.audit_page(&filter, cursor, PAGE).await?;
        for row in page.rows {
            match options.format {
                Format::Csv => to.write_all(csv(&row).as_bytes())?,
                Format::Jsonl => writeln!(to, "{}", Record::Row(Box::new(row)).line())?,
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(to.flush()?),
        }
    }
}

async fn head(place: &Place) -> anyhow::Result<()> {
    let catalog = open(place).await?;
    for (number, _) in catalog.audit_chains().await? {
        if let Some(head) = catalog.audit_heads(number).await?.last() {
            say(&serde_json::to_string(head)?);
        }
    }
    Ok(())
}

async fn verify(options: Verify) -> anyhow::Result<ExitCode> {
    let keys = options.key.iter().map(|text| key(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let heads = options.head.iter().map(|path| heads(path)).collect::<anyhow::Result<Vec<_>>>()?.concat();
    let verified = match Verifier::new(&keys, &heads) {
        Err(fault) => Err(fault),
        Ok(verifier) => match &options.file {
            Some(path) => file(verifier, path)?,
            None => database(verifier, &options.place).await?,
        },
    };
    match verified {
        Ok(report) => {
            say(&report.to_string());
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            say(&fault.to_string());
            Ok(ExitCode::FAILURE)
        }
    }
}

type Verified = Result<crate::audit::Report, crate::audit::Fault>;

async fn database(mut verifier: Verifier, place: &Place) -> anyhow::Result<Verified> {
    let catalog = open(place).await?;
    let mut all = records(&catalog).await?;
    while let Some(record) = all.next().await? {
        if let Err(fault) = verifier.push(&record) {
            return Ok(Err(fault));
        }
    }
    Ok(verifier.finish())
}

fn file(mut verifier: Verifier, path: &Path) -> anyhow::Result<Verified> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line?;
        let record =
            read_record(&line).with_context(|| format!("line {} is no record of an export", index + 1))?;
        if let Err(fault) = verifier.push(&record) {
            tell(&format!("at line {}", index + 1));
            return Ok(Err(fault));
        }
    }
    Ok(verifier.finish())
}

fn key(text: &str) -> anyhow::Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let read = std::fs::read_to_string(text).with_context(|| format!("cannot read the key {text}"))?;
    read.parse().with_context(|| format!("{text} holds no public key"))
}

/// Heads as they are kept: those of each chain that are the furthest are what matters, the others are checked as well.
fn heads(path: &Path) -> anyhow::Result<Vec<AuditHead>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).context("a line is no head")).collect()
}
