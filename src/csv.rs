//! Lines of CSV (RFC 4180), for spreadsheets.

/// A text as a cell. Spreadsheets take what begins with one of these for a formula, and would run what a stranger has put
/// into a name or a user agent; with an apostrophe before it, it is text.
#[must_use]
pub fn text(text: &str) -> String {
    let dangerous = text
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let guarded = if dangerous { format!("'{text}") } else { text.to_owned() };
    if dangerous || guarded.contains([',', '"', '\r', '\n', ';', '\'']) {
        return format!("\"{}\"", guarded.replace('"', "\"\""));
    }
    guarded
}

/// A line of cells, with its end.
#[must_use]
pub fn line(cells: &[String]) -> String {
    let mut line = cells.join(",");
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_never_is_a_formula() {
        for (given, expected) in [
            ("plain", "plain"),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn a_line_ends_as_the_rfc_says() {
        assert_eq!(line(&["-1".to_owned(), text("a,b"), String::new()]), "-1,\"a,b\",\r\n");
    }
}
