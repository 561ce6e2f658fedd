//! Bodies of beacons, good and bad, and the form in which events are kept.

use super::*;
use proptest::prelude::*;

const AT: i64 = 1_764_000_000_000;

fn one(body: &str) -> Beacon {
    let batch = Batch::read(body.as_bytes(), AT).unwrap();
    assert_eq!((batch.events.len(), batch.refused), (1, 0), "{body}");
    batch.events[0].clone()
}

fn refused(body: &str) -> BadBody {
    Batch::read(body.as_bytes(), AT).unwrap_err()
}

#[test]
fn json_and_forms_say_the_same() {
    let json = r#"{"session_id":"a-1","seq":3,"event":"seeking","position":61.25,"from":12.5,"t":13000.4,
        "playback_rate":1.5,"bitrate":2500400,"height":720,"startup_ms":412,"live":false,"participant":"ada",
        "player":"hls.js","player_version":"1.7.4"}"#;
    let form = "session_id=a-1&seq=3&event=seeking&position=61.25&from=12.5&t=13000.4&playback_rate=1.5&bitrate=2500400\
        &height=720&startup_ms=412&live=false&participant=ada&player=hls.js&player_version=1.7.4";
    let wanted = Beacon {
        at_ms: AT,
        seq: Some(3),
        event: Kind::Seeking,
        t_ms: Some(13_000),
        position_ms: Some(61_250),
        from_ms: Some(12_500),
        rate: Some(1500),
        kbps: Some(2500),
        height: Some(720),
        startup_ms: Some(412),
        live: Some(false),
        code: None,
        participant: Some("ada".to_owned()),
        player: Some("hls.js 1.7.4".to_owned()),
    };
    assert_eq!(one(json), wanted);
    assert_eq!(one(form), wanted);
    assert_eq!(Batch::read(form.as_bytes(), AT).unwrap().session_id.as_deref(), Some("a-1"));
}

#[test]
fn older_clients_send_a_position_alone() {
    for body in [
        "position=12.5",
        r#"{"position":12.5}"#,
        r#"{"position":"12.5","session_id":""}"#,
        "current_time=12.5",
    ] {
        let beacon = one(body);
        assert_eq!(
            (beacon.position_ms, beacon.event, beacon.sequence()),
            (Some(12_500), Kind::Progress, None)
        );
    }
    assert_eq!(one("position=1&event=timeupdate").event, Kind::Progress);
    assert_eq!(one("position=1&event=PAUSED").event, Kind::Pause);
    assert_eq!(one("position=3&seq=1").sequence(), None);
}

#[test]
fn a_batch_shares_what_is_of_the_session() {
    let body = r#"{"session_id":"a","player":"shaka","position":99,"events":[
        {"seq":0,"event":"play","position":0,"t":0},{"seq":1,"event":"playing","position":0,"t":300}]}"#;
    let batch = Batch::read(body.as_bytes(), AT).unwrap();
    let of = |index: usize| &batch.events[index];
    assert_eq!((of(0).player.as_deref(), of(1).player.as_deref()), (Some("shaka"), None));
    assert_eq!((of(0).position_ms, of(1).t_ms, batch.unknown), (Some(0), Some(300), 0));
    // A position around them is nobody's.
    assert_eq!(
        refused(r#"{"position":5,"events":[{"event":"play"}]}"#),
        BadBody::Event(BadEvent::NoPosition)
    );
}

#[test]
fn positions_that_cannot_be_are_refused() {
    for position in
        ["NaN", "nan", "inf", "-inf", "1e999", "-1.01", "-5", "700000", "1e30", "x", "12,5", "0x10"]
    {
        assert_eq!(
            refused(&format!("position={position}")),
            BadBody::Event(BadEvent::Position),
            "{position}"
        );
        let json = refused(&format!(r#"{{"position":"{position}"}}"#));
        assert_eq!(json, BadBody::Event(BadEvent::Position), "{position}");
    }
    for position in ["NaN", "Infinity", "1e999", "+1"] {
        assert_eq!(refused(&format!(r#"{{"position":{position}}}"#)), BadBody::Syntax, "{position}");
    }
    for position in ["{}", "[1]", "true"] {
        assert_eq!(refused(&format!(r#"{{"position":{position}}}"#)), BadBody::Event(BadEvent::Position));
    }
    assert_eq!(refused(r#"{"position":null}"#), BadBody::Event(BadEvent::NoPosition));
    assert_eq!(one("event=error&code=3").code.as_deref(), Some("3"));
}

#[test]
fn a_position_just_before_the_beginning_is_at_it() {
    let batch = Batch::read(b"position=-0.02", AT).unwrap();
    assert_eq!((batch.events[0].position_ms, batch.clamped), (Some(0), 1));
}

#[test]
fn rates_are_clamped_and_other_measures_left_out() {
    let batch = Batch::read(b"position=1&playback_rate=99&height=-3&bitrate=nan&startup_ms=1e9", AT).unwrap();
    let beacon = &batch.events[0];
    assert_eq!(
        (beacon.rate, beacon.height, beacon.kbps, beacon.startup_ms),
        (Some(16_000), None, None, None)
    );
    assert_eq!(batch.clamped, 1);
    assert_eq!(one("position=1&playback_rate=0").rate, None);
    assert_eq!(one("position=1&playback_rate=-2").rate, None);
}

#[test]
fn numbers_and_clocks_that_cannot_be_are_refused() {
    for (body, bad) in [
        ("position=1&seq=-1", BadEvent::Sequence),
        ("position=1&seq=1.5", BadEvent::Sequence),
        ("position=1&seq=1e300", BadEvent::Sequence),
        ("position=1&seq=x", BadEvent::Sequence),
        ("position=1&t=-1", BadEvent::Clock),
        ("position=1&t=1e15", BadEvent::Clock),
        ("position=1&t=NaN", BadEvent::Clock),
    ] {
        assert_eq!(refused(body), BadBody::Event(bad), "{body}");
    }
}

#[test]
fn session_ids_are_opaque_and_bounded() {
    let id = "x".repeat(64);
    assert_eq!(
        Batch::read(format!("position=1&session_id={id}").as_bytes(), AT).unwrap().session_id,
        Some(id)
    );
    for id in ["x".repeat(65), "a b".to_owned(), "a/b".to_owned(), "é".to_owned(), "a\"b".to_owned()] {
        let body = serde_json::json!({ "position": 1, "session_id": id }).to_string();
        assert_eq!(refused(&body), BadBody::Event(BadEvent::SessionId), "{id}");
    }
    assert_eq!(refused(r#"{"position":1,"session_id":5}"#), BadBody::Event(BadEvent::SessionId));
}

#[test]
fn a_bad_event_of_a_batch_is_refused_alone() {
    let body = r#"{"events":[{"position":1},{"position":"NaN"},7,null,{"position":2,"what":1}],"zzz":1}"#;
    let batch = Batch::read(body.as_bytes(), AT).unwrap();
    assert_eq!((batch.events.len(), batch.refused, batch.unknown), (2, 3, 2));
    assert_eq!(refused(r#"{"events":[]}"#), BadBody::Event(BadEvent::NoPosition));
    assert_eq!(refused(r#"{"events":[7]}"#), BadBody::Event(BadEvent::Shape));
}

#[test]
fn bodies_are_bounded() {
    assert_eq!(refused(&" ".repeat(MOST_BODY_BYTES + 1)), BadBody::TooLong);
    let many = format!(r#"{{"events":[{}]}}"#, vec![r#"{"position":1}"#; MOST_EVENTS + 9].join(","));
    let batch = Batch::read(many.as_bytes(), AT).unwrap();
    assert_eq!((batch.events.len(), batch.refused), (MOST_EVENTS, 9));
    for body in ["", "{", "{}x", "[]", "\u{0}"] {
        assert!(Batch::read(body.as_bytes(), AT).is_err(), "{body}");
    }
    assert_eq!(refused(&format!("{{\"a\":{}", "[".repeat(5000))), BadBody::Syntax);
    let long = one(&format!("position=1&player={}", "p\n".repeat(300)));
    assert_eq!(long.player, Some("p".repeat(64)));
}

#[test]
fn an_unknown_event_still_has_a_position() {
    let batch = Batch::read(b"position=5&event=levitate", AT).unwrap();
    assert_eq!((batch.events[0].event, batch.clamped), (Kind::Progress, 1));
}

#[test]
fn the_form_in_which_events_are_kept_never_changes() {
    let segment = Segment {
        track: "t".to_owned(),
        video: true,
        start_ms: 2000,
        end_ms: 4000,
        height: Some(720),
        fill: true,
        last: true,
    };
    let (cmcd, _) = Cmcd::read("bl=(1000;v),e=ps,sta=p,ts=5,sn=1").unwrap();
    let all = [
        (
            Event::Beacon(Beacon {
                seq: Some(1),
                t_ms: Some(2),
                position_ms: Some(3),
                at_ms: 9,
                ..Beacon::default()
            }),
            r#"{"source":"beacon","at_ms":9,"seq":1,"event":"progress","t_ms":2,"position_ms":3}"#,
        ),
        (
            Event::Report(Reported { at_ms: 9, cmcd: cmcd.clone(), zero_ms: 7, segment: None }),
            r#"{"source":"report","at_ms":9,"cmcd":{"sta":"p","e":"ps","ts":5,"sn":1,"bl":[[1000,"v"]]},"zero_ms":7}"#,
        ),
        (
            Event::Request(Requested { at_ms: 9, segment, bytes: 5, ..Requested::default() }),
            r#"{"source":"request","at_ms":9,"segment":{"track":"t","video":true,"start_ms":2000,"end_ms":4000,"height":720,"fill":true,"last":true},"bytes":5}"#,
        ),
    ];
    for (event, json) in all {
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<Event>(json).unwrap(), event);
        let later = json.replacen('{', r#"{"later":{"x":1},"#, 1);
        assert_eq!(serde_json::from_str::<Event>(&later).unwrap(), event);
    }
}

#[test]
fn events_with_numbers_have_keys() {
    let key = |event: &Event| event.key();
    let beacon = |seq, t_ms| Event::Beacon(Beacon { seq, t_ms, ..Beacon::default() });
    assert_eq!(key(&beacon(Some(7), Some(1))).as_deref(), Some("b7"));
    assert_eq!(key(&beacon(Some(7), None)), None);
    let (cmcd, _) = Cmcd::read("ts=5,sn=1").unwrap();
    assert_eq!(key(&Event::Report(Reported { cmcd, ..Reported::default() })).as_deref(), Some("e5.1"));
    assert_eq!(key(&Event::Request(Requested::default())), None);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,200}") {
        let _ = Batch::read(&bytes, AT);
        let _ = Batch::read(text.as_bytes(), AT);
        let _ = Batch::read(format!("{{{text}").as_bytes(), AT);
    }

    #[test]
    fn what_is_taken_is_in_bounds(position: f64, t: f64, seq: f64, rate: f64) {
        let body = format!("position={position}&t={t}&seq={seq}&rate={rate}");
        if let Ok(batch) = Batch::read(body.as_bytes(), AT) {
            let beacon = &batch.events[0];
            prop_assert!(beacon.position_ms.is_some_and(|at| (0..=8 * 86_400_000).contains(&at)));
            prop_assert!(beacon.t_ms.is_some_and(|t| t >= 0) && beacon.rate.is_none_or(|rate| rate > 0));
        }
    }
}
