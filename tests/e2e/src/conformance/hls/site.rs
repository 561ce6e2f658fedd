//! What a server serves: fetched once each, and read.

use super::group::Member;
use super::playlist::{ByteRange, Media, Multivariant};
use super::segments::Bytes;
use super::{
    Findings, Options, Report, Violation, bandwidth, boxes, group, iframes, low_latency, media, multivariant,
    reload, segments,
};
use anyhow::{Context, Result, ensure};
use bytes::Bytes as Body;
use reqwest::{Client, Method, Response, Url};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Longer than any blocking reload may take: three target durations of 4 s, and the time of a slow machine.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How often a playlist is asked for until it has changed.
const STEP: Duration = Duration::from_millis(200);

/// A URL, and a range of it by its offset and length.
type Place = (String, Option<(u64, u64)>);

/// A client that keeps media it has fetched.
pub(super) struct Site {
    client: Client,
    kept: Mutex<HashMap<Place, Body>>,
}

/// How a media playlist is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Variant,
    Rendition,
    Iframes,
}

/// A media playlist with its bytes.
pub(super) struct Playlist {
    pub url: String,
    pub place: String,
    pub role: Role,
    pub text: String,
    pub media: Media,
    pub bytes: Bytes,
}

impl Playlist {
    fn member(&self) -> Member<'_> {
        Member {
            place: self.place.clone(),
            media: &self.media,
            video: self.bytes.video(),
            begins: self.bytes.begins(&self.media),
        }
    }

    /// What its segments are, or are parts of.
    fn resources(&self) -> HashSet<String> {
        let all = self.media.segments.iter().filter_map(|segment| resolve(&self.url, &segment.uri).ok());
        all.map(|url| bare(&url)).collect()
    }
}

/// All that a multivariant playlist leads to.
pub(super) struct Shown {
    pub url: String,
    pub text: String,
    pub list: Multivariant,
    /// By URL.
    pub playlists: BTreeMap<String, Playlist>,
}

/// The last two parts of a URL's path.
pub(super) fn place(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let mut parts: Vec<&str> = path.rsplit('/').take(2).collect();
    parts.reverse();
    parts.join("/")
}

/// Without its query.
pub(super) fn bare(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

pub(super) fn resolve(base: &str, uri: &str) -> Result<String> {
    Ok(Url::parse(base)?.join(uri).with_context(|| format!("{uri:?} is no URI"))?.to_string())
}

impl Site {
    pub fn new() -> Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { client, kept: Mutex::default() })
    }

    pub async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.send().await?)
    }

    pub async fn text(&self, url: &str) -> Result<String> {
        let answer = self.ask(Method::GET, url, &[]).await?;
        ensure!(answer.status().is_success(), "{}: {}", place(url), answer.status());
        Ok(answer.text().await?)
    }

    pub async fn media(&self, url: &str) -> Result<Media> {
        Ok(Media::parse(&self.text(url).await?))
    }

    async fn bytes(&self, url: &str, range: Option<(u64, u64)>) -> Result<Body, String> {
        let key: Place = (url.to_owned(), range);
        if let Some(found) = self.kept.lock().await.get(&key) {
            return Ok(found.clone());
        }
        let told = range.map(|(from, length)| format!("bytes={from}-{}", from + length.max(1) - 1));
        let headers: Vec<(&str, &str)> = told.iter().map(|range| ("range", range.as_str())).collect();
        let answer = self.ask(Method::GET, url, &headers).await.map_err(|error| error.to_string())?;
        let wanted = if range.is_some() { 206 } else { 200 };
        if answer.status().as_u16() != wanted {
            return Err(format!("{}: {}", place(url), answer.status()));
        }
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        self.kept.lock().await.insert(key, body.clone());
        Ok(body)
    }

    /// Reads everything. What cannot be fetched of it is a violation.
    pub async fn read(&self, url: &str, into: &mut Vec<Violation>) -> Result<Shown> {
        let text = self.text(url).await?;
        let list = Multivariant::parse(&text);
        ensure!(!list.variants.is_empty(), "{} is no multivariant playlist:\n{text}", place(url));
        let mut wanted: Vec<(Role, usize, String)> = Vec::new();
        for variant in &list.variants {
            wanted.push((Role::Variant, variant.attributes.line, variant.uri.clone()));
        }
        for (role, all) in [(Role::Rendition, &list.renditions), (Role::Iframes, &list.iframes)] {
            let uris = all.iter().filter_map(|own| Some((role, own.line, own.text("URI")?.to_owned())));
            wanted.extend(uris);
        }
        let mut playlists = BTreeMap::new();
        for (role, line, uri) in wanted {
            let at = resolve(url, &uri)?;
            if playlists.contains_key(&at) {
                continue;
            }
            match self.playlist(&at, role).await {
                Ok(playlist) => {
                    playlists.insert(at, playlist);
                }
                Err(why) => Findings::new(&place(url), into).add("readable", line, format!("{uri}: {why}")),
            }
        }
        Ok(Shown { url: url.to_owned(), text, list, playlists })
    }

    async fn playlist(&self, url: &str, role: Role) -> Result<Playlist> {
        let text = self.text(url).await?;
        let media = Media::parse(&text);
        let mut bytes = Bytes::default();
        let maps = media.segments.iter().map(|segment| &segment.map);
        let maps = maps.chain(media.open.iter().map(|part| &part.map)).flatten();
        for map in maps {
            if !bytes.inits.contains_key(&map.uri) {
                let range = map.range.map(|(offset, length)| (offset.unwrap_or(0), length));
                let read = self.bytes(&resolve(url, &map.uri)?, range).await;
                bytes.inits.insert(map.uri.clone(), read.and_then(|body| boxes::init(&body)));
            }
        }
        let mut reached = HashMap::new();
        for (at, segment) in media.segments.iter().enumerate() {
            let range = absolute(segment.range, &segment.uri, &mut reached);
            let read = self.bytes(&resolve(url, &segment.uri)?, range).await;
            let torn = role == Role::Iframes;
            bytes.segments.push(read.clone().and_then(|body| boxes::content(&body, torn)));
            if segment.parts.is_empty() || torn {
                continue;
            }
            let mut joined = Vec::new();
            let mut ends = HashMap::new();
            for part in &segment.parts {
                let range = absolute(part.range, &part.uri, &mut ends);
                joined.extend_from_slice(
                    &self.bytes(&resolve(url, &part.uri)?, range).await.unwrap_or_default(),
                );
            }
            if read.is_ok_and(|whole| whole != joined) {
                bytes.unequal.push(at);
            }
        }
        let mut ends = HashMap::new();
        for (_, _, part) in media.parts() {
            let range = absolute(part.range, &part.uri, &mut ends);
            let read = self.bytes(&resolve(url, &part.uri)?, range).await;
            bytes.parts.push(read.and_then(|body| boxes::content(&body, false)));
        }
        Ok(Playlist { url: url.to_owned(), place: place(url), role, text, media, bytes })
    }

    /// Reloads all media playlists when the first has changed, as often as is asked for.
    pub async fn again(
        &self,
        url: &str,
        shown: &Shown,
        options: &Options,
        report: &mut Report,
    ) -> Result<()> {
        let mut follower = Follower::begin(shown);
        for _ in 0..options.reloads {
            self.changed(shown).await?;
            self.follow(&mut follower, &mut report.violations).await?;
        }
        let list = Multivariant::parse(&self.text(url).await?);
        let mut found = Findings::new(&place(url), &mut report.violations);
        found.want(list.variants.len() >= shown.list.variants.len(), "reload-variants", 0, || {
            "variants went away".to_owned()
        });
        Ok(())
    }

    /// Returns when a playlist that has not ended has changed.
    async fn changed(&self, shown: &Shown) -> Result<()> {
        let running = shown.playlists.values().find(|own| !own.media.ended && own.role != Role::Iframes);
        let Some(running) = running else { return Ok(()) };
        let deadline = Instant::now() + TIMEOUT;
        let before = self.text(&running.url).await?;
        while self.text(&running.url).await? == before && Instant::now() < deadline {
            tokio::time::sleep(STEP).await;
        }
        Ok(())
    }

    async fn follow(&self, follower: &mut Follower, into: &mut Vec<Violation>) -> Result<()> {
        for (url, (first, last)) in &mut follower.seen {
            let now = self.media(url).await?;
            let mut found = Findings::new(&place(url), into);
            reload::rules(last, &now, &mut found);
            reload::rules(first, &now, &mut found);
            *last = now;
        }
        Ok(())
    }
}

/// A range without an offset begins where the one before it of the same resource ended (4.4.4.2).
fn absolute(range: Option<ByteRange>, uri: &str, ends: &mut HashMap<String, u64>) -> Option<(u64, u64)> {
    let (offset, length) = range?;
    let from = offset.unwrap_or_else(|| ends.get(uri).copied().unwrap_or(0));
    ends.insert(uri.to_owned(), from + length);
    Some((from, length))
}

/// Media playlists as they were first and last seen.
struct Follower {
    seen: BTreeMap<String, (Media, Media)>,
}

impl Follower {
    fn begin(shown: &Shown) -> Self {
        let lists = shown.playlists.values();
        let seen = lists.map(|own| (own.url.clone(), (own.media.clone(), own.media.clone()))).collect();
        Self { seen }
    }
}

/// Follows a recording from when it runs until it has ended: each look is compared with the one before and the first.
pub struct Watch {
    site: Site,
    follower: Follower,
    /// What was found so far.
    pub violations: Vec<Violation>,
}

impl Watch {
    /// Reads the multivariant playlist at `url`.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub async fn new(url: &str) -> Result<Self> {
        let site = Site::new()?;
        let mut violations = Vec::new();
        let shown = site.read(url, &mut violations).await?;
        Ok(Self { site, follower: Follower::begin(&shown), violations })
    }

    /// Looks again.
    ///
    /// # Errors
    /// A playlist that cannot be fetched any more.
    pub async fn look(&mut self) -> Result<()> {
        self.site.follow(&mut self.follower, &mut self.violations).await
    }
}

impl Shown {
    /// All rules that need no server.
    pub fn rules(&self, options: &Options, report: &mut Report) {
        let into = &mut report.violations;
        let mut found = Findings::new(&place(&self.url), into);
        multivariant::rules(&self.text, &self.list, &mut found);
        let pictures = self.playlists.values().any(|own| own.role != Role::Iframes && own.bytes.video());
        let demanded = options.iframes && pictures;
        found.want(!demanded || !self.list.iframes.is_empty(), "iframes-missing", 0, || {
            "no EXT-X-I-FRAME-STREAM-INF".to_owned()
        });
        for own in self.playlists.values() {
            let mut found = Findings::new(&own.place, into);
            media::rules(&own.text, &own.media, &mut found);
            if own.role == Role::Iframes {
                iframes::rules(&own.media, &own.bytes, &mut found);
                match self.variant_of(own) {
                    Some(variant) => group::iframes(&variant.member(), &own.member(), &mut found),
                    None => found.add("iframe-variant", 0, "no variant lists what it does"),
                }
                report.iframe_playlists += 1;
            } else {
                segments::rules(&own.media, &own.bytes, &mut found);
                low_latency::rules(&own.media, options, &mut found);
                report.playlists += 1;
            }
            report.segments += own.bytes.segments.len();
            report.parts += own.bytes.parts.len();
        }
        let mut found = Findings::new(&place(&self.url), into);
        group::rules(&self.members(), &mut found);
        self.declarations(&mut found);
    }

    fn members(&self) -> Vec<Member<'_>> {
        let of = |role: Role| self.playlists.values().filter(move |own| own.role == role);
        of(Role::Variant).chain(of(Role::Rendition)).map(Playlist::member).collect()
    }

    /// The variant that an I-frame playlist is of: the one with which it shares most.
    fn variant_of(&self, iframes: &Playlist) -> Option<&Playlist> {
        let listed = iframes.resources();
        let variants = self.playlists.values().filter(|own| own.role == Role::Variant);
        let shared = variants.map(|own| (own.resources().intersection(&listed).count(), own));
        let most = shared.filter(|(count, _)| *count > 0).max_by_key(|(count, _)| *count);
        most.map(|(_, own)| own)
    }

    /// What the multivariant playlist says of its media playlists.
    fn declarations(&self, found: &mut Findings<'_>) {
        let at = |uri: &str| self.playlists.get(&resolve(&self.url, uri).ok()?);
        for variant in &self.list.variants {
            let Some(own) = at(&variant.uri) else { continue };
            segments::declared(&variant.attributes, &own.media, &own.bytes, found);
            let group = variant.attributes.raw("AUDIO");
            let beside =
                self.list.renditions.iter().filter(|own| group.is_some() && own.raw("GROUP-ID") == group);
            let beside: Vec<&Playlist> = beside.filter_map(|own| at(own.text("URI")?)).collect();
            for sound in &beside {
                segments::declared_sound(&variant.attributes, &sound.bytes, found);
            }
            let heaviest = |of: fn(&bandwidth::Rates) -> f64| {
                let all = beside.iter().map(|own| bandwidth::of(&own.media, &own.bytes));
                all.map(|rates| of(&rates)).fold(0.0, f64::max)
            };
            let peak = heaviest(|rates| rates.peak);
            let average = heaviest(|rates| rates.average);
            let rates = [bandwidth::of(&own.media, &own.bytes), bandwidth::Rates { peak, average }];
            bandwidth::rules(&variant.attributes, &rates, found);
        }
        for iframes in &self.list.iframes {
            let Some(own) = iframes.text("URI").and_then(at) else { continue };
            segments::declared(iframes, &own.media, &own.bytes, found);
        }
        let independent = self.list.independent;
        let all = self.playlists.values().filter(|own| own.role != Role::Iframes);
        let broken = all.filter(|own| independent && !own.bytes.independent()).map(|own| own.place.clone());
        for place in broken {
            found.add("independent", 0, format!("claimed for all, but {place} has a segment that is not"));
        }
    }
}
