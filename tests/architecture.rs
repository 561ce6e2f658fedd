//! Keeps the layers of `docs/ARCHITECTURE.md`: a module imports only what lies below it, and each foreign crate has
//! one home. Reads the source text, so that a forbidden import fails here and not in review.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module and layer. Modules of one layer may import one another only where `MAY_ALSO` says so.
const LAYERS: &[(&str, u32)] = &[
    ("time", 0),
    ("clock", 0),
    ("csv", 0),
    ("id", 0),
    ("level", 0),
    ("reach", 0),
    ("analytics", 1),
    ("media", 1),
    ("session", 1),
    ("sfu", 2),
    ("peer", 2),
    ("storage", 2),
    ("catalog", 2),
    ("live", 2),
    ("auth", 2),
    ("audit", 2),
    ("recorder", 3),
    ("playback", 3),
    ("webhook", 3),
    ("http", 4),
    ("cli", 4),
    ("config", 4),
    ("telemetry", 4),
];

/// Imports within one layer that are part of the design.
const MAY_ALSO: &[(&str, &str)] = &[
    ("clock", "time"),
    ("session", "media"),
    ("audit", "catalog"),
    ("http", "config"),
    ("cli", "http"),
    ("cli", "config"),
    ("cli", "telemetry"),
];

/// A crate and the only modules that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("webrtc", &["peer"]),
    ("rtc", &["peer"]),
    ("sqlx", &["catalog"]),
    ("axum", &["http"]),
    ("tower_http", &["http"]),
    ("utoipa", &["http"]),
    ("utoipa_axum", &["http"]),
    ("jsonwebtoken", &["auth"]),
    ("argon2", &["auth"]),
    ("governor", &["http"]),
    ("hyper", &["http"]),
    ("tokio_io_timeout", &["http"]),
    ("hyper_util", &["http"]),
    ("tokio_tungstenite", &["sfu"]),
    ("standardwebhooks", &["webhook"]),
    ("reqwest", &["auth", "reach", "sfu", "webhook"]),
    ("mp4_atom", &["media"]),
    ("retina", &["media"]),
    ("clap", &["cli", "config"]),
    ("indicatif", &["cli"]),
    ("anyhow", &["cli", "main"]),
    ("rust_embed", &["http"]),
    ("aws_lc_rs", &["audit", "auth"]),
    ("ipnet", &["audit"]),
];

/// What pure modules never name.
const IMPURE: &[&str] =
    &["tokio::", "std::fs", "UdpSocket", "TcpStream", "SystemTime", "Instant::now", "async fn", ".await"];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
                let module = first.trim_end_matches(".rs").to_owned();
                found.push(Source { text: production(&fs::read_to_string(&path).unwrap()), path, module });
            }
        }
    }
    assert!(found.len() > 30, "the walk finds the sources: {}", found.len());
    found
}

/// The text without comments and without what follows the first `#[cfg(test)]`.
fn production(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// Top-level modules that a text names by `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            let inner = list.split('}').next().unwrap_or_default();
            found.extend(inner.split(',').map(|item| first_word(item.trim())));
        } else {
            found.insert(first_word(rest));
        }
    }
    found.remove("");
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn layer(module: &str) -> Option<u32> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

#[test]
fn every_module_has_a_layer() {
    for source in sources() {
        if source.module != "lib" && source.module != "main" {
            assert!(layer(&source.module).is_some(), "{} has no layer", source.path.display());
        }
    }
}

#[test]
fn modules_import_only_lower_layers() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test_file(&source.path)) {
        let Some(own) = layer(&source.module) else { continue };
        for import in imports(&source.text) {
            let allowed = import == source.module
                || layer(&import).is_none_or(|other| other < own)
                || MAY_ALSO.contains(&(source.module.as_str(), import.as_str()));
            if !allowed {
                broken.push(format!("{} imports {import}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn foreign_crates_stay_in_their_homes() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test_file(&source.path)) {
        for (name, homes) in HOMES {
            let named = source.text.contains(&format!("use {name}::"))
                || source.text.contains(&format!("use {name};"))
                || words_before(&source.text, &format!("{name}::"));
            if named && !homes.contains(&source.module.as_str()) {
                broken.push(format!("{} names {name}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// `pattern` occurs and is not the tail of a longer path or word.
fn words_before(text: &str, pattern: &str) -> bool {
    text.match_indices(pattern).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[test]
fn pure_modules_do_no_input_or_output() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test_file(&source.path)) {
        if !["analytics", "media", "session"].contains(&source.module.as_str()) {
            continue;
        }
        for word in IMPURE {
            if source.text.contains(word) {
                broken.push(format!("{} names {word}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_rules_see_what_they_forbid() {
    assert_eq!(
        imports("use crate::catalog::Row;\nuse crate::{peer::Peer, time::Ticks};"),
        ["catalog", "peer", "time"].map(str::to_owned).into()
    );
    assert!(words_before("let x = axum::Router::new();", "axum::"));
    assert!(!words_before("use my_axum::Router;", "axum::"));
    assert_eq!(production("a\n// use crate::http\n#[cfg(test)]\nuse crate::http;"), "a");
}
