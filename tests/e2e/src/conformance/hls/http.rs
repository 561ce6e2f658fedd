//! How the server answers: compression, conditions, HEAD; and for low latency blocking reloads, delta updates and
//! rendition reports (RFC 8216bis 6.2.5).

use super::playlist::Media;
use super::site::{Playlist, Role, Shown, Site, bare, place, resolve};
use super::{Findings, Options, Violation, low_latency};
use anyhow::Result;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use reqwest::{Method, Url};
use std::time::Duration;
use tokio::time::Instant;

/// A reload that need not wait is answered within this, on a busy machine too. Blocking for a part takes longer by
/// nature only where there is one to come.
const AT_ONCE: Duration = Duration::from_secs(3);

/// How many segments delta updates left out.
pub(super) async fn rules(
    site: &Site,
    url: &str,
    shown: &Shown,
    options: &Options,
    into: &mut Vec<Violation>,
) -> Result<u64> {
    let mut skipped = 0;
    playlist(site, url, options, &mut Findings::new(&place(url), into)).await?;
    for own in shown.playlists.values() {
        let found = &mut Findings::new(&own.place, into);
        playlist(site, &own.url, options, found).await?;
        if let Some(segment) = own.media.segments.first() {
            segment_answers(site, &resolve(&own.url, &segment.uri)?, segment.line, found).await?;
        }
        if own.role != Role::Iframes {
            skipped += reloads(site, own, options, found).await?;
        }
    }
    reports(site, shown, into).await?;
    Ok(skipped)
}

/// Rules `content-type`, `gzip`, `head`, `etag`.
async fn playlist(site: &Site, url: &str, options: &Options, found: &mut Findings<'_>) -> Result<()> {
    let answer = site.ask(Method::GET, url, &[("accept-encoding", "gzip")]).await?;
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let kind = header(CONTENT_TYPE).unwrap_or_default();
    let right = kind.starts_with("application/vnd.apple.mpegurl") || kind.starts_with("audio/mpegurl");
    found.want(right, "content-type", 0, || format!("{kind:?} is not of playlists"));
    let packed = header(CONTENT_ENCODING).as_deref() == Some("gzip");
    found.want(packed, "gzip", 0, || "not compressed for a client that takes gzip".to_owned());
    let head = site.ask(Method::HEAD, url, &[]).await?;
    let same = head.headers().get(CONTENT_TYPE) == answer.headers().get(CONTENT_TYPE);
    let good = head.status() == 200 && same;
    found.want(good, "head", 0, || format!("HEAD: {} {:?}", head.status(), head.headers()));
    // One that has ended does not change between two requests.
    match header(ETAG) {
        None => found.want(!options.low_latency, "etag", 0, || "no ETag".to_owned()),
        Some(tag) => {
            let ended = answer.text().await.is_ok();
            let again = site.ask(Method::GET, url, &[("if-none-match", &tag)]).await?;
            let now = again.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let weak = |tag: &str| tag.trim_start_matches("W/").to_owned();
            let unchanged = now.as_deref().map(weak) == Some(weak(&tag));
            found.want(!ended || !unchanged || again.status() == 304, "etag", 0, || {
                format!("{tag} is answered with {}", again.status())
            });
        }
    }
    Ok(())
}

/// Rules `etag`, `head` of a segment.
async fn segment_answers(site: &Site, url: &str, line: usize, found: &mut Findings<'_>) -> Result<()> {
    let answer = site.ask(Method::GET, url, &[]).await?;
    let Some(tag) = answer.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned)
    else {
        found.add("etag", line, "a segment without ETag");
        return Ok(());
    };
    let length = answer.headers().get(CONTENT_LENGTH).cloned();
    let again = site.ask(Method::GET, url, &[("if-none-match", &tag)]).await?;
    found.want(again.status() == 304, "etag", line, || format!("{tag} is answered with {}", again.status()));
    let head = site.ask(Method::HEAD, url, &[]).await?;
    let same = head.headers().get(CONTENT_LENGTH).cloned() == length && length.is_some();
    found.want(head.status() == 200 && same, "head", line, || {
        format!("HEAD: {}, length {:?} beside {length:?}", head.status(), head.headers().get(CONTENT_LENGTH))
    });
    Ok(())
}

fn with(url: &str, arguments: &[(&str, u64)]) -> Result<String> {
    let mut url = Url::parse(url)?;
    for (name, value) in arguments {
        url.query_pairs_mut().append_pair(name, &value.to_string());
    }
    Ok(url.to_string())
}

/// Rules `block-part`, `block-segment`, `block-far`, `block-end`, `delta`. How many segments a delta update left out.
async fn reloads(site: &Site, own: &Playlist, options: &Options, found: &mut Findings<'_>) -> Result<u64> {
    let able = own.media.control.as_ref().is_some_and(|control| control.yes("CAN-BLOCK-RELOAD"));
    if own.media.ended {
        at_once(site, &own.url, &own.media, found).await?;
        return Ok(0);
    }
    if !able {
        found.want(!options.low_latency, "server-control", 0, || "no CAN-BLOCK-RELOAD".to_owned());
        return Ok(0);
    }
    let now = site.media(&own.url).await?;
    let open = now.sequence + now.segments.len() as u64;
    let next = (open, now.open.len() as u64);
    let url = with(&own.url, &[("_HLS_msn", next.0), ("_HLS_part", next.1)])?;
    let then = site.media(&url).await?;
    let whole = |of: &Media| of.sequence + of.segments.len() as u64;
    found.want(
        then.ended || low_latency::last(&then) >= next || whole(&then) > next.0,
        "block-part",
        0,
        || format!("asked for {next:?}, answered with {:?}", low_latency::last(&then)),
    );
    let then = site.media(&with(&own.url, &[("_HLS_msn", open)])?).await?;
    found.want(then.ended || whole(&then) > open, "block-segment", 0, || {
        format!("asked for segment {open}, answered with {} segments", whole(&then))
    });
    for arguments in [&[("_HLS_msn", open + 100)][..], &[("_HLS_part", 0)][..]] {
        let answer = site.ask(Method::GET, &with(&own.url, arguments)?, &[]).await?;
        found.want(answer.status() == 400, "block-far", 0, || format!("{arguments:?}: {}", answer.status()));
    }
    skips(site, own, found).await
}

/// What has ended does not wait.
async fn at_once(site: &Site, url: &str, media: &Media, found: &mut Findings<'_>) -> Result<()> {
    let begun = Instant::now();
    let next = media.sequence + media.segments.len() as u64;
    let answer = site.ask(Method::GET, &with(url, &[("_HLS_msn", next)])?, &[]).await?;
    let quick = begun.elapsed() < AT_ONCE;
    found.want(answer.status() == 200 && quick, "block-end", 0, || {
        format!(
            "what has ended answers a blocking reload with {} after {:?}",
            answer.status(),
            begun.elapsed()
        )
    });
    Ok(())
}

async fn skips(site: &Site, own: &Playlist, found: &mut Findings<'_>) -> Result<u64> {
    let full = site.media(&own.url).await?;
    let until = full.control.as_ref().and_then(|control| control.float("CAN-SKIP-UNTIL"));
    let Some(until) = until else { return Ok(0) };
    let mut url = Url::parse(&own.url)?;
    url.query_pairs_mut().append_pair("_HLS_skip", "YES");
    let text = site.text(url.as_str()).await?;
    let short = Media::parse(&text);
    // Whether a segment may be skipped depends on where it ends: of what is little longer than the boundary perhaps none.
    if short.skipped.is_some() || full.length() > until + full.target.unwrap_or(0) as f64 {
        low_latency::delta(&full, &short, found);
    }
    Ok(short.skipped.unwrap_or(0))
}

async fn reports(site: &Site, shown: &Shown, into: &mut Vec<Violation>) -> Result<()> {
    let live = || shown.playlists.values().filter(|own| own.role != Role::Iframes);
    for own in live().filter(|own| own.media.part_target.is_some() && !own.media.ended) {
        let mut before = Vec::new();
        for other in live().filter(|other| other.url != own.url) {
            before.push((other.url.clone(), site.media(&other.url).await?));
        }
        let now = site.media(&own.url).await?;
        let mut after = Vec::new();
        for (url, _) in &before {
            after.push(site.media(url).await?);
        }
        let others: Vec<(String, &Media, &Media)> =
            before.iter().zip(&after).map(|((url, before), after)| (bare(url), before, after)).collect();
        let resolved = |uri: &str| resolve(&own.url, uri).map(|url| bare(&url)).unwrap_or_default();
        if !now.ended {
            low_latency::reports(&now, resolved, &others, &mut Findings::new(&own.place, into));
        }
    }
    Ok(())
}
