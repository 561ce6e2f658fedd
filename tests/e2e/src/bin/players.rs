//! `make test-players`: records rooms of a real mediasoup, checks what is served of each, plays it in every player and
//! browser, prints the table and writes it to `docs/players.md`. Ends with status 1 if a check finds something, or if
//! something fails that is not listed there, or plays although it is.
//!
//! `PLAYERS_DIR` keeps the recordings, and plays them again when they are there. `PLAYERS_ONLY=row,player,browser` leaves
//! out all cells whose names hold none of these words; the table is not written then.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use tureen_e2e::matrix::cells::{BROWSERS, Cell, PLAYERS, play};
use tureen_e2e::matrix::checks;
use tureen_e2e::matrix::judge::verdict;
use tureen_e2e::matrix::rows::{self, Row};
use tureen_e2e::matrix::table::{self, Outcome};
use tureen_e2e::readers::root;
use tureen_e2e::recorder::Recorder;

/// A cell that fails is played so often: a starved machine shows as a stall.
const TRIES: usize = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = std::env::var_os("PLAYERS_DIR").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder");
    let recorder = Recorder::start(&folder).await;
    println!("recording {} rooms into {}, unless they are there", rows::NAMES.len(), folder.display());
    let rows = rows::record(&recorder, &folder).await;
    for row in &rows {
        let drawn = row.pictures.iter().filter(|picture| picture.number.is_some()).count();
        let end = row.pictures.last().map_or(0.0, |picture| picture.to);
        println!("  {}: {} pictures, {drawn} with numbers, {end:.2} s", row.name, row.pictures.len());
    }
    let words = std::env::var("PLAYERS_ONLY").unwrap_or_default();
    let words: Vec<&str> = words.split(',').filter(|word| !word.is_empty()).collect();
    let text = std::fs::read_to_string(root().join("docs/players.md")).expect("docs/players.md");
    let known = table::known(&text);
    let faults = check(&recorder, &rows, &words).await;
    let outcomes = all(&recorder, &rows, &words, &known).await;
    let bad = report(&rows, &outcomes, &known, words.is_empty().then_some(&*text));
    println!("\n{faults} faults in what is served, {bad} cells are not as docs/players.md lists them");
    if faults + bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each word is a part of the cell's name.
fn wanted(cell: &Cell<'_>, words: &[&str]) -> bool {
    let name = cell.name();
    words.iter().all(|word| name.split(" | ").any(|part| part == *word))
}

/// Checks the rows of which a cell is wanted; how many faults there are.
async fn check(recorder: &Recorder, rows: &[Row], words: &[&str]) -> usize {
    let mut faults = 0;
    for row in rows {
        let of = |browser| PLAYERS.map(|player| Cell { row, player, browser });
        if !BROWSERS.into_iter().flat_map(of).any(|cell| wanted(&cell, words)) {
            continue;
        }
        let checked = checks::check(recorder, &row.recording).await;
        println!(
            "  {}: {} stored pictures, {} playlists of HLS with {} segments checked",
            row.name, checked.pictures, checked.playlists, checked.segments
        );
        for fault in &checked.faults {
            println!("{}: {fault}", row.name);
        }
        faults += checked.faults.len();
    }
    faults
}

async fn all(
    recorder: &Recorder,
    rows: &[Row],
    words: &[&str],
    known: &[table::Known],
) -> HashMap<String, Outcome> {
    let mut outcomes = HashMap::new();
    let mut open = Vec::new();
    for (row, player, browser) in rows
        .iter()
        .flat_map(|row| PLAYERS.map(|player| BROWSERS.map(|browser| (row, player, browser))))
        .flatten()
    {
        let cell = Cell { row, player, browser };
        if !wanted(&cell, words) {
            continue;
        }
        match cell.refused(recorder).await {
            Some(status) => drop(outcomes.insert(cell.name(), Outcome::Refused(status))),
            None => open.push(cell),
        }
    }
    for again in 0..TRIES {
        let of = |browser| open.iter().filter(|cell| cell.browser == browser).collect::<Vec<_>>();
        let [first, second] = BROWSERS.map(of);
        // Both browsers at once; what failed so is played by one alone.
        let seen = if again == 0 {
            tokio::join!(play(recorder, &first), play(recorder, &second))
        } else {
            (play(recorder, &first).await, play(recorder, &second).await)
        };
        let seen: Vec<_> = first.into_iter().zip(seen.0).chain(second.into_iter().zip(seen.1)).collect();
        let mut failed = Vec::new();
        for (cell, seen) in seen {
            let judged = verdict(cell.row, &seen);
            if judged.faults.is_empty() {
                let before = match outcomes.remove(&cell.name()) {
                    Some(Outcome::Fails(why)) => Some(why),
                    _ => None,
                };
                outcomes.insert(cell.name(), Outcome::Plays { before });
            } else {
                outcomes.insert(cell.name(), Outcome::Fails(judged.tell()));
                if table::listed(known, &cell.row.name, cell.player, cell.browser).is_none() {
                    failed.push(cell.clone());
                }
            }
        }
        open = failed;
    }
    outcomes
}

/// Prints the table, and writes it into `text`, that of `docs/players.md`, if it is whole. How many cells are not as that
/// lists them.
fn report(
    rows: &[Row],
    outcomes: &HashMap<String, Outcome>,
    known: &[table::Known],
    text: Option<&str>,
) -> usize {
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let of = |row: &str, player: &str, browser: &str| outcomes.get(&format!("{row} | {player} | {browser}"));
    let made = table::table(&names, |row, player, browser| table::mark(of(row, player, browser)).to_owned());
    println!("\n{made}");
    let mut bad = 0;
    for row in rows {
        for player in PLAYERS {
            for browser in BROWSERS {
                let listed = table::listed(known, &row.name, player, browser);
                let name = format!("{} | {player} | {browser}", row.name);
                let why = match of(&row.name, player, browser) {
                    Some(Outcome::Plays { before }) => {
                        if let Some(why) = before {
                            println!("{name}: plays at the second try; at the first: {why}");
                        }
                        if let Some(listed) = listed {
                            println!("{name}: plays, though it is listed: {} (NOT TRUE)", listed.reason);
                            bad += 1;
                        }
                        continue;
                    }
                    Some(Outcome::Refused(status)) => format!("the server answers {status}"),
                    Some(Outcome::Fails(why)) => why.clone(),
                    None => continue,
                };
                match listed {
                    Some(listed) => println!("{name}: {why} (known: {})", listed.reason),
                    None => {
                        println!("{name}: {why} (NOT KNOWN)");
                        bad += 1;
                    }
                }
            }
        }
    }
    if let Some(text) = text {
        let text = table::put(text, &made).expect("markers");
        std::fs::write(root().join("docs/players.md"), text).expect("docs/players.md");
    }
    bad
}
