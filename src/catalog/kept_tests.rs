use super::statement::sql;
use super::testing::{Database, on_both, spoil};
use super::tests::{run, segment, with_track};
use super::*;

on_both![rows_that_were_read_are_not_read_again, what_another_process_took_away_is_not_told,];

async fn rows_that_were_read_are_not_read_again(database: Database) {
    let catalog = database.open().await;
    let (recording, _, track) = with_track(&catalog).await;
    assert!(
        catalog.totals(recording).await.unwrap().is_empty()
            && catalog.segments(track).await.unwrap().is_empty()
    );
    catalog.add_run(&run(track, 0)).await.unwrap();
    let mut all: Vec<NewSegment> = (0..5).map(|number| segment(track, number)).collect();
    catalog.add_segments(&all).await.unwrap();
    let first = catalog.totals(recording).await.unwrap();
    assert_eq!((first.len(), first[0].segments, first[0].bytes), (1, 5, 5000));
    assert_eq!(catalog.segments(track).await.unwrap(), all);
    spoil(&catalog, track, 4).await;
    assert_eq!(catalog.totals(recording).await.unwrap(), first);
    assert_eq!(catalog.segments(track).await.unwrap(), all);
    // What is new comes to what is known.
    let new = [segment(track, 5), segment(track, 6)];
    catalog.add_segments(&new).await.unwrap();
    all.extend(new);
    assert_eq!(catalog.segments(track).await.unwrap(), all);
    let sums = catalog.totals(recording).await.unwrap();
    let end = all[6].start + all[6].duration;
    assert_eq!((sums[0].segments, sums[0].bytes, sums[0].samples), (7, 7000, 420));
    assert_eq!((sums[0].media, sums[0].end), (end - all[0].start, end));
    spoil(&catalog, track, 6).await;
    assert_eq!(catalog.totals(recording).await.unwrap(), sums);
    assert_eq!(catalog.segments(track).await.unwrap(), all);
    // Whoever has not read them finds them as they are.
    assert_eq!(database.open().await.segments(track).await.unwrap()[0].samples, 7);
}

async fn what_another_process_took_away_is_not_told(database: Database) {
    let catalog = database.open().await;
    let (recording, participant, track) = with_track(&catalog).await;
    catalog.add_run(&run(track, 0)).await.unwrap();
    catalog.add_segments(&[segment(track, 0), segment(track, 1)]).await.unwrap();
    assert_eq!(catalog.segments(track).await.unwrap().len(), 2);
    assert_eq!(catalog.totals(recording).await.unwrap().len(), 1);
    let other = database.open().await;
    let gone = sql("DELETE FROM recording_participants WHERE id = $1").bind(participant.to_string());
    assert_eq!(gone.execute(&other.writer).await.unwrap(), 1);
    assert!(catalog.segments(track).await.unwrap().is_empty());
    assert!(catalog.totals(recording).await.unwrap().is_empty());
}
