//! The body of `POST /{id}/progress`: one event or a batch, as JSON or as a form.

use super::Beacon;
use super::fields::{BadEvent, Fields};
use serde_json::{Map, Value};

/// Longest body that is read: `sendBeacon` refuses longer ones (Beacon 3.1, Fetch 4.6).
pub const MOST_BODY_BYTES: usize = 64 * 1024;
/// Events of a batch that are read.
pub const MOST_EVENTS: usize = 256;

/// Why a body is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// It is longer than [`MOST_BODY_BYTES`].
    #[error("a body of more than {MOST_BODY_BYTES} bytes")]
    TooLong,
    /// Neither a JSON object nor a form.
    #[error("neither a JSON object nor a form")]
    Syntax,
    /// No event of it could be taken; this is what was wrong with the first.
    #[error(transparent)]
    Event(#[from] BadEvent),
}

/// What was read of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The client's id of its session, if it has one: up to 64 letters, digits and `-_.:~`.
    pub session_id: Option<String>,
    /// At least one, at most [`MOST_EVENTS`], in the order in which they were written.
    pub events: Vec<Beacon>,
    /// Events that were refused.
    pub refused: u32,
    /// Members that were clamped or left out: a position just before 0, a rate out of bounds, an unknown event.
    pub clamped: u32,
    /// Members that nothing here knows.
    pub unknown: u32,
}

impl Batch {
    /// Reads a body that arrived at `at_ms` (milliseconds since 1970). What begins like a JSON object is JSON, whatever
    /// its content type says: `sendBeacon` of a text calls it `text/plain`.
    ///
    /// # Errors
    /// [`BadBody`]. Single bad events of a batch are counted and not an error.
    pub fn read(body: &[u8], at_ms: i64) -> Result<Self, BadBody> {
        if body.len() > MOST_BODY_BYTES {
            return Err(BadBody::TooLong);
        }
        let members = if body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice::<Map<String, Value>>(body).map_err(|_| BadBody::Syntax)?
        } else {
            let pairs = url::form_urlencoded::parse(body);
            pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
        };
        Self::of(&members, at_ms)
    }

    fn of(members: &Map<String, Value>, at_ms: i64) -> Result<Self, BadBody> {
        let whole = Fields { own: members, around: None };
        let mut batch = Self { session_id: whole.session_id()?, unknown: whole.unknown(), ..Self::default() };
        let Some(list) = members.get("events").and_then(Value::as_array) else {
            let (beacon, clamped) = whole.beacon(at_ms)?;
            batch.events.push(beacon);
            batch.clamped = clamped;
            return Ok(batch);
        };
        let mut first_wrong = None;
        for (index, value) in list.iter().enumerate() {
            if index >= MOST_EVENTS {
                batch.refused = batch.refused.saturating_add(1);
                continue;
            }
            match batch.take(value, members, at_ms) {
                Ok(()) => {}
                Err(wrong) => {
                    batch.refused = batch.refused.saturating_add(1);
                    first_wrong = first_wrong.or(Some(wrong));
                }
            }
        }
        if batch.events.is_empty() {
            return Err(BadBody::Event(first_wrong.unwrap_or(BadEvent::NoPosition)));
        }
        Ok(batch)
    }

    fn take(&mut self, value: &Value, around: &Map<String, Value>, at_ms: i64) -> Result<(), BadEvent> {
        // Kept once: it holds for the session.
        let around = self.events.is_empty().then_some(around);
        let fields = Fields { own: value.as_object().ok_or(BadEvent::Shape)?, around };
        let (beacon, clamped) = fields.beacon(at_ms)?;
        self.events.push(beacon);
        self.clamped = self.clamped.saturating_add(clamped);
        self.unknown = self.unknown.saturating_add(fields.unknown());
        Ok(())
    }
}
