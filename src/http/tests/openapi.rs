use super::*;
use crate::http::openapi::problems;
use std::collections::{BTreeMap, BTreeSet};

const METHODS: [&str; 8] = ["get", "head", "delete", "options", "patch", "post", "put", "trace"];

/// All operations of the document: path, method and what is told of it.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.map(|(path, item)| (path.as_str(), item.as_object().unwrap()));
    methods
        .flat_map(|(path, item)| item.iter().map(move |(method, told)| (path, method.as_str(), told)))
        .collect()
}

/// The router's own routes. axum tells them by `Debug` alone: an id with its methods, and an id with its path.
fn routes(router: &axum::Router) -> BTreeSet<(String, String)> {
    let text = format!("{router:?}");
    let own = text.split("fallback_router").next().unwrap();
    let (mut paths, mut methods) = (BTreeMap::new(), BTreeMap::new());
    for (id, rest) in own.split("RouteId(").skip(1).filter_map(|entry| entry.split_once("): ")) {
        if let Some(path) = rest.strip_prefix('"') {
            paths.insert(id, path.split('"').next().unwrap());
        } else {
            let has = |method: &&str| {
                rest.contains(&format!(" {method}: ")) && !rest.contains(&format!(" {method}: None"))
            };
            methods.insert(id, METHODS.into_iter().filter(has).collect::<Vec<_>>());
        }
    }
    assert_eq!(paths.keys().collect::<Vec<_>>(), methods.keys().collect::<Vec<_>>(), "{text}");
    let pairs = paths.iter().flat_map(|(id, path)| methods[id].iter().map(move |method| (*path, *method)));
    pairs.map(|(path, method)| (path.to_owned(), method.to_owned())).collect()
}

#[tokio::test]
async fn no_route_is_undocumented_and_nothing_else_is_documented() {
    let app = TestApp::new().await;
    let document = &app.contract.0;
    let told: BTreeSet<_> = operations(document)
        .into_iter()
        .map(|(path, method, _)| (path.to_owned(), method.to_owned()))
        .collect();
    assert!(told.len() > 25, "{told:?}");
    assert_eq!(routes(&app.router), told);
    // The walk would see one.
    let more = app.router.clone().route("/secret", axum::routing::put(|| async {}));
    assert!(routes(&more).contains(&("/secret".to_owned(), "put".to_owned())));
}

#[tokio::test]
async fn operations_and_their_answers_change_on_purpose() {
    let app = TestApp::new().await;
    let mut summary: Vec<String> = operations(&app.contract.0)
        .into_iter()
        .map(|(path, method, told)| {
            let statuses: Vec<&str> =
                told["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            format!("{path} {} {}", method.to_uppercase(), statuses.join(" "))
        })
        .collect();
    summary.sort();
    insta::assert_snapshot!(summary.join("\n"));
}

#[tokio::test]
async fn every_operation_is_told_well() {
    let app = TestApp::new().await;
    let document = &app.contract.0;
    let groups: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, method, told) in operations(document) {
        let place = format!("{method} {path}");
        let summary = told["summary"].as_str().unwrap_or_default();
        assert!(
            summary.ends_with('.') && summary.len() < 100 && !summary.contains('\n'),
            "{place}: {summary:?}"
        );
        assert!(ids.insert(told["operationId"].as_str().unwrap().to_owned()), "{place}: its id is another's");
        let tags = told["tags"].as_array().unwrap();
        assert!(tags.len() == 1 && groups.contains(&tags[0].as_str().unwrap()), "{place}: {tags:?}");
        let answers = told["responses"].as_object().unwrap();
        if path.starts_with("/api/v1") && path != "/api/v1/shares/open" {
            assert_eq!(told["security"], serde_json::json!([{"bearer": []}, {"token": []}]), "{place}");
            assert!(answers.contains_key("401") && answers.contains_key("403"), "{place}");
        } else {
            assert!(told["security"].is_null() && !answers.contains_key("401"), "{place}");
        }
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = told["parameters"].as_array().unwrap();
            let found = parameters.iter().find(|one| one["in"] == "path" && one["name"] == part);
            assert!(found.is_some_and(|one| one["required"] == true), "{place}: {part}");
        }
    }
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(schemas.contains_key(name), "{name} is named and not told");
    }
}

#[tokio::test]
async fn the_document_and_its_page_need_no_token_and_ask_no_other_host() {
    let app = TestApp::new().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let answer = app.send(get("/openapi.json")).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    assert!(!answer.text().contains(std::str::from_utf8(SECRET).unwrap()));
    let page = app.send(get("/api-docs")).await;
    if page.status == StatusCode::OK {
        assert!(page.header("content-security-policy").starts_with("default-src 'self';"));
        assert!(!page.text().contains("://"), "{}", page.text());
    } else {
        page.problem(503, "no-pages");
    }
}

#[test]
fn every_problem_is_told_to_people_too() {
    let told = include_str!("../../../docs/api.md");
    let mut names = BTreeSet::new();
    for known in problems::ALL {
        assert!(names.insert((known.name, known.status)), "{known:?} is there twice");
        let rows = told.lines().filter(|line| line.starts_with(&format!("| {} |", known.status)));
        let found = rows.into_iter().any(|row| row.contains(&format!("`{}`", known.name)));
        assert!(found, "docs/api.md does not tell of {known:?}");
    }
}
