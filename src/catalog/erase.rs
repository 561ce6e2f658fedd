//! Erasing one person from a recording: rows, events and what the application told, in one transaction. The files follow
//! (`garbage`).

use super::events::append;
use super::garbage::put_garbage;
use super::participants::participant;
use super::recordings::summarise;
use super::row::{Connection, json as json_of};
use super::statement::sql;
use super::states::changeable;
use super::viewing::erase_from_viewing;
use super::{Catalog, Error, EventKind, NewEvent, Participant};
use crate::id::{ParticipantId, RecordingId, TrackId};
use serde_json::{Value, json};
use sqlx::Row as _;

/// Who was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Whom the catalogue knew them as: several, if they were there with several devices.
    pub participants: Vec<ParticipantId>,
    /// Their tracks, whose files are to be removed.
    pub tracks: Vec<TrackId>,
}

impl Catalog {
    /// Erases a person from a recording that has ended: everybody in it whose id, peer id or user id this is, and whoever
    /// has the same user id. Their tracks go, and every place that holds their names or ids: events, turns, the recording's
    /// metadata and rules, and viewing sessions. Events stay in their places, without the person. What is left says nothing of them but that
    /// somebody was erased.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::StillRunning`], [`Error::Held`], [`Error::Elsewhere`].
    pub async fn erase(&self, recording: RecordingId, who: &str) -> Result<Erased, Error> {
        let mut change = self.begin().await?;
        let row = changeable(&mut change, recording, self.folder()).await?;
        let people = people(&mut change, recording, who).await?;
        let mut tracks = Vec::new();
        for person in &people {
            tracks.extend(put_garbage(&mut change, recording, person.id).await?);
            // Tracks, runs, segments, gaps and turns go with it.
            sql("DELETE FROM recording_participants WHERE id = $1")
                .bind(person.id.to_string())
                .execute(&mut *change)
                .await?;
        }
        let names = names(&people);
        erase_from_events(&mut change, recording, &people, &names).await?;
        let (mut source, mut metadata) = (row.source, row.metadata);
        if let Some(rules) = source.get_mut("rules") {
            scrub(rules, &names);
        }
        scrub(&mut metadata, &names);
        let users: Vec<String> = people.iter().filter_map(|person| person.user_id.clone()).collect();
        erase_from_viewing(&mut change, recording, &users, &names).await?;
        sql("UPDATE recordings SET source = $2, metadata = $3 WHERE id = $1")
            .bind(recording.to_string())
            .bind(source.to_string())
            .bind(metadata.to_string())
            .execute(&mut *change)
            .await?;
        summarise(&mut change, recording).await?;
        let participants: Vec<ParticipantId> = people.iter().map(|person| person.id).collect();
        let data = json!({ "participants": participants, "tracks": tracks });
        append(&mut change, &NewEvent { recording, kind: EventKind::ParticipantErased, data }).await?;
        change.commit().await?;
        self.generations.changed(recording);
        self.told(1);
        Ok(Erased { participants, tracks })
    }
}

/// Whoever is meant, and their other devices.
async fn people(
    change: &mut Connection,
    recording: RecordingId,
    who: &str,
) -> Result<Vec<Participant>, Error> {
    let rows = sql("SELECT * FROM recording_participants WHERE recording_id = $1
            AND (id = $2 OR peer_id = $2 OR user_id = $2
                 OR user_id IN (SELECT user_id FROM recording_participants
                                WHERE recording_id = $1 AND (id = $2 OR peer_id = $2)))
         ORDER BY joined_at, id")
    .bind(recording.to_string())
    .bind(who)
    .fetch_all(change)
    .await?;
    if rows.is_empty() {
        return Err(Error::Missing { what: "participant" });
    }
    rows.iter().map(participant).collect()
}

/// What they are called anywhere.
fn names(people: &[Participant]) -> Vec<String> {
    let mut names = Vec::new();
    for person in people {
        let own = [Some(person.peer_id.clone()), Some(person.display_name.clone()), person.user_id.clone()];
        names.extend(own.into_iter().flatten().filter(|name| !name.is_empty()));
        names.push(person.id.to_string());
    }
    names
}

async fn erase_from_events(
    change: &mut Connection,
    recording: RecordingId,
    people: &[Participant],
    names: &[String],
) -> Result<(), Error> {
    let rows = sql("SELECT position, data FROM events WHERE recording_id = $1")
        .bind(recording.to_string())
        .fetch_all(&mut *change)
        .await?;
    for row in &rows {
        let mut data = json_of(row, "data")?;
        if !erase_from_event(&mut data, people, names) {
            continue;
        }
        sql("UPDATE events SET data = $2 WHERE position = $1")
            .bind(row.try_get::<i64, _>("position")?)
            .bind(data.to_string())
            .execute(&mut *change)
            .await?;
    }
    Ok(())
}

/// Whether it told of them. Ids that the recorder made stay, so that who was told of the event knows which it was; nothing
/// leads from them to the person any more.
fn erase_from_event(data: &mut Value, people: &[Participant], names: &[String]) -> bool {
    let about = data.get("participant_id").and_then(Value::as_str).map(str::to_owned);
    let before = data.clone();
    if let Some(metadata) = data.get_mut("metadata") {
        scrub(metadata, names);
    }
    if people.iter().any(|person| about == Some(person.id.to_string()))
        && let Some(members) = data.as_object_mut()
    {
        for member in ["peer_id", "display_name", "user_id"] {
            members.insert(member.to_owned(), Value::Null);
        }
        members.insert("erased".to_owned(), Value::Bool(true));
    }
    *data != before
}

/// Takes every text that is one of these names out of a value: out of lists, and as the name of a member; elsewhere it
/// becomes null.
fn scrub(value: &mut Value, names: &[String]) {
    let named = |text: &str| names.iter().any(|name| name == text);
    match value {
        Value::String(text) if named(text) => *value = Value::Null,
        Value::Array(items) => {
            items.retain(|item| !item.as_str().is_some_and(named));
            items.iter_mut().for_each(|item| scrub(item, names));
        }
        Value::Object(members) => {
            members.retain(|name, _| !named(name));
            members.values_mut().for_each(|member| scrub(member, names));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_wherever_they_are() {
        let names = ["ada".to_owned(), "Ada L.".to_owned()];
        let mut value = json!({"course": 7, "host": "Ada L.", "marks": {"ada": 1, "bob": 2}, "list": ["ada", "bob", 3],
            "deep": [{"who": "ada"}], "near": "ada lovelace"});
        scrub(&mut value, &names);
        let left = json!({"course": 7, "host": null, "marks": {"bob": 2}, "list": ["bob", 3], "deep": [{"who": null}],
            "near": "ada lovelace"});
        assert_eq!(value, left);
    }
}
