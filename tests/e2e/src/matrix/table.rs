//! `docs/players.md`: the table between its markers, and the list of what is known not to play.

use super::cells::{BROWSERS, PLAYERS};

const BEGIN: &str = "<!-- table: made by `make test-players` -->";
const END: &str = "<!-- end of the table -->";

/// What came of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It plays.
    Plays {
        /// Why it did not at the first try, if it took a second one.
        before: Option<String>,
    },
    /// The server has nothing for this player, and answers with this status.
    Refused(u16),
    /// Why it does not play.
    Fails(String),
}

/// What stands in the table; none has not been played.
#[must_use]
pub fn mark(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Plays { before: None }) => "yes",
        Some(Outcome::Plays { before: Some(_) }) => "yes²",
        Some(Outcome::Refused(_)) => "–",
        Some(Outcome::Fails(_)) => "no",
        None => "?",
    }
}

/// A line of the list: `| row | player | browser | reason |`, `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    cell: [String; 3],
    /// Why.
    pub reason: String,
}

impl Known {
    fn covers(&self, row: &str, player: &str, browser: &str) -> bool {
        let parts = [row, player, browser];
        self.cell
            .iter()
            .zip(parts)
            .all(|(own, part)| own == "*" || own.split(',').any(|name| name.trim() == part))
    }
}

/// Reads the list under "Known not to play".
#[must_use]
pub fn known(text: &str) -> Vec<Known> {
    let (_, list) = text.split_once("## Known not to play").unwrap_or_default();
    let list = list.split("\n## ").next().unwrap_or_default();
    let lines = list.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .filter_map(|line| {
            let parts: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [row, player, browser, reason] = parts.as_slice() else { return None };
            let cell = [row, player, browser].map(|part| (*part).to_owned());
            Some(Known { cell, reason: (*reason).to_owned() })
        })
        .collect()
}

/// The entry that covers a cell.
#[must_use]
pub fn listed<'a>(known: &'a [Known], row: &str, player: &str, browser: &str) -> Option<&'a Known> {
    known.iter().find(|entry| entry.covers(row, player, browser))
}

/// The table; `mark` says what stands in a cell.
#[must_use]
pub fn table(rows: &[&str], mark: impl Fn(&str, &str, &str) -> String) -> String {
    let mut out = format!("| recording | {} |\n|---|", PLAYERS.join(" | "));
    out.push_str(&"---|".repeat(PLAYERS.len()));
    for row in rows {
        out.push_str(&format!("\n| {row} |"));
        for player in PLAYERS {
            let marks: Vec<String> = BROWSERS.iter().map(|browser| mark(row, player, browser)).collect();
            out.push_str(&format!(" {} |", marks.join(" ")));
        }
    }
    out.push('\n');
    out
}

/// Puts a table between the markers.
///
/// # Errors
/// The text has no markers.
pub fn put(text: &str, table: &str) -> anyhow::Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| anyhow::anyhow!("no markers"))?;
    Ok(format!("{head}{BEGIN}\n\n{table}\n{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_covers_what_it_names() {
        let text = "## Known not to play\n\n| a | b | c | d |\n|---|---|---|---|\n\
                    | * | dash, shaka-dash | * | later |\n| VP8 | hls | firefox | never |\n\n## More\n| x | hls | * | no |\n";
        let known = known(text);
        assert_eq!(known.len(), 2);
        assert!(listed(&known, "H264", "dash", "firefox").is_some());
        assert_eq!(listed(&known, "VP8", "hls", "firefox").unwrap().reason, "never");
        assert!(
            listed(&known, "VP8", "hls", "chromium").is_none() && listed(&known, "x", "hls", "y").is_none()
        );
    }

    #[test]
    fn a_second_try_shows() {
        let plays = |before: Option<&str>| Outcome::Plays { before: before.map(str::to_owned) };
        let all =
            [plays(None), plays(Some("a stall")), Outcome::Refused(404), Outcome::Fails("a stall".into())];
        assert_eq!(all.each_ref().map(|outcome| mark(Some(outcome))), ["yes", "yes²", "–", "no"]);
        assert_eq!(mark(None), "?");
    }

    #[test]
    fn the_table_is_put_between_its_markers() {
        let table = table(&["H264"], |_, player, browser| format!("{}{}", &player[..1], &browser[..1]));
        assert!(table.contains("| H264 | hc hf | sc sf |"), "{table}");
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = put(&text, &table).unwrap();
        assert!(!new.contains("old") && new.starts_with("a\n") && new.ends_with("\nb\n"));
        assert_eq!(put(&new, &table).unwrap(), new);
        assert!(put("none", &table).is_err());
    }
}
