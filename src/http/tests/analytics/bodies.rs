//! What a body may be.

use super::*;

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_breaks() {
    let app = recorded().await;
    let deep = format!("{{\"position\":1,\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for (body, field) in [
        ("", Some("position")),
        ("{", None),
        ("[]", Some("position")),
        ("null", Some("position")),
        (r#"{"position":NaN}"#, None),
        (r#"{"position":1e999}"#, None),
        (deep.as_str(), None),
        (r#"{"session_id":"s"}"#, Some("position")),
        (r#"{"session_id":"s","position":"NaN"}"#, Some("position")),
        (r#"{"session_id":"s","position":"inf"}"#, Some("position")),
        (r#"{"session_id":"s","position":-5}"#, Some("position")),
        (r#"{"session_id":"s","position":1e12}"#, Some("position")),
        (r#"{"session_id":"s","position":{}}"#, Some("position")),
        (r#"{"session_id":"with space","position":1}"#, Some("session_id")),
        (r#"{"session_id":"@20000","position":1}"#, Some("session_id")),
        (r#"{"session_id":7,"position":1}"#, Some("session_id")),
        (r#"{"session_id":"s","position":1,"seq":-1}"#, Some("seq")),
        (r#"{"session_id":"s","position":1,"seq":1.5}"#, Some("seq")),
        (r#"{"session_id":"s","position":1,"seq":"NaN"}"#, Some("seq")),
        (r#"{"session_id":"s","position":1,"t":-1}"#, Some("t")),
        (r#"{"session_id":"s","position":1,"t":1e300}"#, Some("t")),
        (r#"{"session_id":"s","events":[]}"#, Some("position")),
        (r#"{"session_id":"s","events":[3]}"#, Some("events")),
        ("position=NaN", Some("position")),
        ("session_id=%00&position=1", Some("session_id")),
        ("\u{0}\u{0}\u{0}", Some("position")),
    ] {
        let problem = app.tell(Role::Student, body).await.problem(400, "bad-request");
        assert_eq!(problem["field"].as_str(), field, "{}", &body[..body.len().min(80)]);
    }
    let longest = format!(r#"{{"position":1,"x":"{}"}}"#, "x".repeat(65 << 10));
    app.tell(Role::Student, &longest).await.problem(413, "too-large");
    let garbage = Request::post(app.at("/progress"))
        .header("authorization", format!("Bearer {}", token(Role::Student)))
        .body(Body::from(vec![b'{', 0xff, 0xfe, b'}']))
        .unwrap();
    app.send(garbage).await.problem(400, "bad-request");
    assert_eq!(app.analytics(Role::Teacher).await["total_sessions"], 0);

    let odd = r#"{"session_id":"c","seq":0,"t":0,"position":-0.5,"playback_rate":99,"event":"dance","x":1}"#;
    let told = app.told(Role::Student, odd).await;
    assert_eq!(
        told,
        json!({"position": 0.0, "taken": 1, "known": 0, "refused": 0, "clamped": 3, "unknown": 1})
    );
    let mixed = json!([{"seq": 1, "t": 9, "position": 1}, {"position": "x"}, 7]);
    let told = app.told(Role::Student, &batch("c", mixed.as_array().unwrap())).await;
    assert_eq!((&told["taken"], &told["refused"]), (&json!(1), &json!(2)));
    let many: Vec<Value> = (0..300).map(|seq| json!({"seq": seq, "t": seq, "position": 1})).collect();
    let told = app.told(Role::Student, &batch("many", &many)).await;
    assert_eq!((&told["taken"], &told["refused"]), (&json!(256), &json!(44)));
    // A clock that lies by days, and a playhead that is everywhere, make nothing seen.
    let forged: Vec<Value> = (0..50)
        .map(|seq| json!({"seq": seq, "t": seq * 86_400_000_i64 % 2_000_000_000, "event": "playing", "position": seq * 7919 % 100}))
        .collect();
    app.told(Role::Student, &batch("forged", &forged)).await;
    let found = app.analytics(Role::Teacher).await;
    let session =
        found["sessions"].as_array().unwrap().iter().find(|one| one["session_id"] == "forged").unwrap();
    assert!(session["seen_seconds"].as_f64().unwrap() < 100.0, "{session}");
    for wrong in ["from=yesterday", "to=2026-13-01", "from=%00"] {
        app.get(&app.at(&format!("/analytics?{wrong}")), Role::Teacher).await.problem(400, "bad-request");
    }
    let metrics = app.bare(Method::GET, "/metrics", "").await.text();
    for line in [
        "tureen_view_told_total{what=\"events\",outcome=\"refused\"} 46",
        "tureen_view_told_total{what=\"members\",outcome=\"clamped\"} 3",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    app.rebuilds_to_the_same(3).await;
}

#[tokio::test]
async fn forms_and_texts_are_taken_with_the_token_in_the_query() {
    let app = recorded().await;
    let path = app.at(&format!("/progress?token={}", token(Role::Student)));
    let form = "session_id=f&seq=0&t=0&event=playing&position=1.5&bitrate_kbps=900&player=old";
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let told = app.beside(Method::POST, &path, "192.0.2.7:1", &kind, form).await;
    assert_eq!((told.status, &told.json()["position"]), (StatusCode::OK, &json!(1.5)));
    let text = r#" {"session_id":"f","seq":1,"t":2000,"event":"progress","position":3.5}"#;
    let kind = [("content-type", "text/plain;charset=UTF-8")];
    let told = app.beside(Method::POST, &path, "192.0.2.7:1", &kind, text).await;
    assert_eq!((&told.json()["position"], &told.json()["taken"]), (&json!(3.5), &json!(1)));
    // An older client has neither a session nor numbers.
    for position in [10, 20] {
        let told =
            app.told(Role::Student, &json!({"position": position, "seq": 0, "t": 0}).to_string()).await;
        assert_eq!(told["taken"], 1);
    }
    let found = app.analytics(Role::Student).await;
    assert_eq!((&found["total_sessions"], &found["total_playtime"]), (&json!(2), &json!(2.0)));
    let of = |session: Value| {
        found["sessions"].as_array().unwrap().iter().find(|one| one["session_id"] == session).unwrap().clone()
    };
    assert_eq!((&of(json!("f"))["bitrate_kbps"], &of(json!("f"))["player"]), (&json!(900), &json!("old")));
    assert_eq!(
        (&of(json!(null))["source"], &of(json!(null))["position"]),
        (&json!("progress"), &json!(20.0))
    );
}
