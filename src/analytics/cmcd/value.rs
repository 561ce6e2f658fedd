//! The syntax of a payload: dictionaries, inner lists and items of structured fields (RFC 9651 3), read leniently.

use super::{MOST_ITEMS, Object};

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// `?1`, `?0`, or a key alone.
    Boolean(bool),
    /// A decimal number in thousandths.
    Number(i64),
    /// A token, or what an older sender wrote without quotes.
    Token(&'a str),
    /// A quoted string without its quotes and escapes.
    Text(String),
    /// An inner list, each item with the kind of object that its parameters name.
    List(Vec<(Value<'a>, Option<Object>)>),
}

/// Largest number in thousandths: integers have up to 15 digits (RFC 9651 3.3.1).
const MOST_NUMBER: i64 = 999_999_999_999_999;

/// The pairs of a payload. `Err` is one that cannot be read.
pub(super) struct Pairs<'a>(&'a str);

/// A pair could not be read.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed;

impl<'a> Pairs<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a str, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches([' ', '\t', ',', '\r', '\n']);
        if rest.is_empty() {
            self.0 = rest;
            return None;
        }
        let (pair, rest) = split(rest);
        self.0 = rest;
        Some(read_pair(pair))
    }
}

/// The pair up to a comma that is outside quotes and parentheses, and what follows. Where a quote or a parenthesis never
/// ends, the pair ends at the next comma, so that one broken value does not hide all that follow.
fn split(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b',' if !quoted && depth == 0 => return text.split_at_checked(at).unwrap_or((text, "")),
            _ => {}
        }
    }
    if quoted || depth > 0 {
        return text.split_once(',').unwrap_or((text, ""));
    }
    (text, "")
}

fn read_pair(pair: &str) -> Result<(&str, Value<'_>), Malformed> {
    let pair = pair.trim_matches([' ', '\t']);
    let end = pair.find(['=', ';']).unwrap_or(pair.len());
    let (key, rest) = pair.split_at_checked(end).ok_or(Malformed)?;
    let is_of_keys = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.*".contains(c);
    if key.is_empty() || !key.chars().all(is_of_keys) {
        return Err(Malformed);
    }
    let Some(written) = rest.strip_prefix('=') else { return Ok((key, Value::Boolean(true))) };
    let (value, rest) = match written.strip_prefix('(') {
        Some(list) => read_list(list)?,
        None => read_item(written)?,
    };
    let (_, rest) = read_parameters(rest)?;
    if rest.is_empty() { Ok((key, value)) } else { Err(Malformed) }
}

/// Behind the opening parenthesis: the list, and what follows.
fn read_list(list: &str) -> Result<(Value<'_>, &str), Malformed> {
    let mut rest = list.trim_start_matches(' ');
    let mut items = Vec::new();
    while !rest.is_empty() && !rest.starts_with(')') {
        let (value, behind) = read_item(rest)?;
        let (object, behind) = read_parameters(behind)?;
        if items.len() < MOST_ITEMS {
            items.push((value, object));
        }
        rest = behind.trim_start_matches(' ');
    }
    let rest = rest.strip_prefix(')').ok_or(Malformed)?;
    Ok((Value::List(items), rest))
}

/// A bare item, and what follows.
fn read_item(text: &str) -> Result<(Value<'_>, &str), Malformed> {
    if let Some(rest) = text.strip_prefix('"') {
        return read_text(rest);
    }
    let end = text.find([';', ' ', ')', '"', '(']).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).ok_or(Malformed)?;
    let value = match word {
        "" => return Err(Malformed),
        "?1" | "true" => Value::Boolean(true),
        "?0" | "false" => Value::Boolean(false),
        word => read_number(word).map_or(Value::Token(word), Value::Number),
    };
    Ok((value, rest))
}

/// Behind the opening quote (RFC 9651 4.2.5).
fn read_text(text: &str) -> Result<(Value<'_>, &str), Malformed> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let rest = text.get(at + 1..).ok_or(Malformed)?;
                return Ok((Value::Text(out), rest));
            }
            '\\' => out.push(chars.next().ok_or(Malformed)?.1),
            c if c.is_control() => return Err(Malformed),
            c => out.push(c),
        }
    }
    Err(Malformed)
}

/// Parameters of an item: `;v`, or `;ot=v`, names the kind of object. Others are passed over.
fn read_parameters(mut text: &str) -> Result<(Option<Object>, &str), Malformed> {
    let mut object = None;
    while let Some(rest) = text.strip_prefix(';') {
        let rest = rest.trim_start_matches(' ');
        let end = rest.find(['=', ';', ' ', ')']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(end).ok_or(Malformed)?;
        text = behind;
        let mut named = name;
        if let Some(value) = behind.strip_prefix('=') {
            let (value, behind) = read_item(value)?;
            text = behind;
            named = match value {
                Value::Token(token) if name == "ot" => token,
                _ => continue,
            };
        }
        object = object.or_else(|| Object::read(named));
    }
    Ok((object, text))
}

/// A decimal number in thousandths, rounded. Without exponents: so it is always finite.
fn read_number(word: &str) -> Option<i64> {
    let (negative, digits) = word.strip_prefix('-').map_or((false, word), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) || whole.len() > 15 || fraction.len() > 20 {
        return None;
    }
    let fraction =
        fraction.bytes().chain([b'0'; 4]).take(4).fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let thousandths = whole.parse::<i64>().ok()?.checked_mul(1000)?.checked_add((fraction + 5) / 10)?;
    let bounded = thousandths.min(MOST_NUMBER * 1000);
    Some(if negative { -bounded } else { bounded })
}
