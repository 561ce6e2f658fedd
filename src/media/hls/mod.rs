//! HLS playlists (RFC 8216bis): a snapshot in, text out. What is printed is decided elsewhere.

pub mod iframes;
pub mod media;
pub mod multivariant;

/// A URI on a line of its own, without what would end or comment out the line.
fn line(uri: &str) -> String {
    let clean: String = uri.chars().filter(|c| !unprintable(*c)).collect();
    if clean.starts_with('#') { format!("./{clean}") } else { clean }
}

/// The inside of a quoted string (RFC 8216 4.2), which can hold neither quotes nor line breaks and has no escapes.
fn quoted(text: &str) -> String {
    let clean = text.chars().filter(|c| !unprintable(*c)).map(|c| if c == '"' { '\'' } else { c });
    clean.collect::<String>().trim().to_owned()
}

/// The inside of a quoted string that people chose: at most 256 characters. A URI is never cut short: it may end with
/// a token.
fn label(text: &str) -> String {
    quoted(&text.chars().filter(|c| !unprintable(*c)).take(256).collect::<String>())
}

/// Control characters, line and paragraph separators, and byte order marks (RFC 8216 4.1).
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}
