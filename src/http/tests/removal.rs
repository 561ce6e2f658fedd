use super::*;
use crate::media::Codec;
use crate::playback::film::steady;
use crate::recorder::removal;
use axum::http::Method;
use serde_json::json;
use std::path::PathBuf;

/// Two people, each with a picture and a sound, in a recording that has ended.
async fn recorded() -> TestApp {
    let app = TestApp::new().await;
    for name in ["Ann", "Bob"] {
        let who = app.fixture.participant(name, 0).await;
        app.fixture.film(who, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 4)).await;
        app.fixture.film(who, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 4)).await;
    }
    app.fixture.finish(4000).await;
    app
}

impl TestApp {
    async fn delete(&self, path: &str, role: Role) -> Answer {
        self.call(Method::DELETE, &self.at(path), role, "").await
    }

    /// All files below the folder of recordings.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.fixture.folder.path().join("recordings")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}

#[tokio::test]
async fn what_is_hidden_comes_back() {
    let app = recorded().await;
    app.call(Method::POST, &app.at("/restore"), Role::Teacher, "").await.problem(409, "not-deleted");
    let deleted = app.delete("", Role::Teacher).await.json();
    assert_eq!(deleted["status"], "deleted");
    app.get(&app.at(""), Role::Teacher).await.problem(404, "not-found");
    app.delete("", Role::Teacher).await.problem(404, "not-found");
    app.call(Method::POST, &app.at("/restore"), Role::Student, "").await.problem(404, "not-found");
    let restored = app.call(Method::POST, &app.at("/restore"), Role::Teacher, "").await.json();
    assert_eq!(
        (&restored["status"], &restored["recording_id"]),
        (&json!("completed"), &deleted["recording_id"])
    );
    assert_eq!(app.get(&app.at(""), Role::Student).await.json()["status"], "completed");
    assert_eq!(app.get(&app.at("/stream/playlist.m3u8"), Role::Student).await.status, 200);
}

#[tokio::test]
async fn what_is_removed_for_good_leaves_no_byte() {
    let app = recorded().await;
    assert_eq!(app.files().len(), 8);
    app.delete("?permanent=true", Role::Student).await.problem(403, "forbidden");
    assert_eq!(app.delete("?permanent=true", Role::Teacher).await.status, 200);
    assert!(app.files().is_empty());
    let folder = app.fixture.folder.path().join("recordings").join(app.fixture.recording.to_string());
    assert!(!folder.exists());
    for method in [Method::DELETE, Method::POST] {
        let path = if method == Method::POST { "/restore" } else { "?permanent=true" };
        app.call(method, &app.at(path), Role::Teacher, "").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_held_recording_is_deleted_by_nobody() {
    let app = recorded().await;
    let hold = app.at("/legal-hold");
    app.call(Method::POST, &hold, Role::Teacher, "").await.problem(403, "forbidden");
    assert_eq!(app.call(Method::POST, &hold, Role::Admin, "").await.json()["legal_hold"], true);
    assert_eq!(app.get(&app.at(""), Role::Student).await.json()["legal_hold"], true);
    for path in ["", "?permanent=true", "/participants/peer-Ann"] {
        app.delete(path, Role::Admin).await.problem(409, "legal-hold");
    }
    assert_eq!(app.files().len(), 8);
    assert_eq!(app.call(Method::DELETE, &hold, Role::Admin, "").await.json()["legal_hold"], false);
    assert_eq!(app.delete("", Role::Teacher).await.status, 200);
}

#[tokio::test]
async fn a_running_recording_is_neither_hidden_nor_changed() {
    let app = TestApp::new().await;
    app.fixture.participant("Ann", 0).await;
    for path in ["", "?permanent=true", "/participants/peer-Ann"] {
        app.delete(path, Role::Admin).await.problem(409, "still-recording");
    }
}

#[tokio::test]
async fn an_erased_person_is_neither_served_nor_stored() {
    let app = recorded().await;
    // Everything is asked for once, so that it is kept.
    let manifest = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    let tracks = |manifest: &Value, who: usize| -> Vec<String> {
        let own = manifest["participants"][who]["tracks"].as_array().unwrap().iter();
        own.map(|track| track["id"].as_str().unwrap().to_owned()).collect()
    };
    let (anns, bobs) = (tracks(&manifest, 0), tracks(&manifest, 1));
    assert_eq!((anns.len(), bobs.len()), (2, 2));
    let playlists = |ids: &[String]| {
        ids.iter().map(|id| app.at(&format!("/stream/{id}/playlist.m3u8"))).collect::<Vec<_>>()
    };
    for path in playlists(&anns).iter().chain(&playlists(&bobs)) {
        assert_eq!(app.get(path, Role::Student).await.status, 200, "{path}");
    }
    let whole = app.get(&app.at("/download"), Role::Student).await;
    assert_eq!(whole.status, 200);
    let of_ann =
        app.at(&format!("/download?participant={}", manifest["participants"][0]["id"].as_str().unwrap()));
    assert_eq!(app.get(&of_ann, Role::Student).await.status, 200);

    app.delete("/participants/peer-Ann", Role::Student).await.problem(403, "forbidden");
    app.delete("/participants/nobody", Role::Teacher).await.problem(404, "not-found");
    let erased = app.delete("/participants/peer-Ann", Role::Teacher).await.json();
    assert_eq!(erased["participants"], json!([manifest["participants"][0]["id"]]));
    assert_eq!(erased["tracks"].as_array().unwrap().len(), 2);
    app.delete("/participants/peer-Ann", Role::Teacher).await.problem(404, "not-found");

    let left: Vec<String> =
        app.files().iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(left.len(), 4);
    assert!(left.iter().all(|name| bobs.contains(name)));
    for path in playlists(&anns) {
        app.get(&path, Role::Student).await.problem(404, "not-found");
    }
    app.get(&of_ann, Role::Student).await.problem(404, "not-found");
    for path in playlists(&bobs) {
        assert_eq!(app.get(&path, Role::Student).await.status, 200);
    }
    // Who is presented without being named is somebody who is still there.
    let again = app.get(&app.at("/download"), Role::Student).await;
    assert_eq!(again.status, 200);
    assert_ne!(again.header("etag"), whole.header("etag"));
    assert!(app.get(&app.at("/stream/playlist.m3u8"), Role::Student).await.text().contains(&bobs[0][..8]));
    for path in ["", "/info", "/manifest.json", "/events", "/stream/playlist.m3u8", "/stream/manifest.mpd"] {
        let text = app.get(&app.at(path), Role::Teacher).await.text();
        assert!(!text.contains("Ann"), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_removal_that_was_cut_off_is_finished() {
    // Behind the rows, before the first file.
    let app = recorded().await;
    let (catalog, store) = (&app.fixture.catalog, &app.fixture.store);
    let erased = catalog.erase(app.fixture.recording, "peer-Ann").await.unwrap();
    assert_eq!(app.files().len(), 8);
    // One file is gone already.
    store.remove_track(app.fixture.recording, erased.tracks[0]).await.unwrap();
    assert_eq!(removal::sweep(catalog, store).await.unwrap(), 2);
    assert_eq!((app.files().len(), removal::sweep(catalog, store).await.unwrap()), (4, 0));
    let listed = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    assert_eq!(listed["participants"].as_array().unwrap().len(), 1);

    catalog.condemn_recording(app.fixture.recording, SystemClock.wall()).await.unwrap();
    app.get(&app.at(""), Role::Teacher).await.problem(404, "not-found");
    app.call(Method::POST, &app.at("/restore"), Role::Teacher, "").await.problem(404, "not-found");
    assert_eq!((removal::sweep(catalog, store).await.unwrap(), app.files().len()), (1, 0));
    assert!(catalog.recording(app.fixture.recording).await.unwrap().is_none());
}

#[tokio::test]
async fn no_argument_of_a_list_is_more_than_a_text() {
    let app = recorded().await;
    let all = app.get(BASE, Role::Student).await.json();
    assert_eq!((&all["total"], all["recordings"].as_array().unwrap().len()), (&json!(1), 1));
    let texts = [
        "' OR '1'='1",
        "'; DROP TABLE recordings; --",
        "\" OR 1=1 --",
        "x') OR (1=1",
        "%",
        "_",
        "\\",
        "$1",
        "\0",
        "?",
    ];
    for text in texts {
        let escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for name in ["room_id", "user_id", "q"] {
            let found = app.get(&format!("{BASE}?{name}={escaped}"), Role::Student).await;
            assert_eq!((found.status.as_u16(), &found.json()["total"]), (200, &json!(0)), "{name}={text}");
        }
        for name in ["status", "from", "to", "limit", "offset", "cursor"] {
            let wrong = app.get(&format!("{BASE}?{name}={escaped}"), Role::Student).await;
            assert_eq!(wrong.problem(400, "bad-request")["field"], name, "{name}={text}");
        }
        let who = app.at(&format!("/participants/{}", escaped.replace('+', "%20")));
        app.call(Method::DELETE, &who, Role::Admin, "").await.problem(404, "not-found");
    }
    let long = "x".repeat(1025);
    assert_eq!(
        app.get(&format!("{BASE}?q={long}"), Role::Student).await.problem(400, "bad-request")["field"],
        "q"
    );
    assert_eq!(app.get(BASE, Role::Student).await.json()["total"], 1);
    assert_eq!(app.files().len(), 8);
}
