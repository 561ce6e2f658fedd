//! `tureen serve`

use super::{asked_to_end, say, tell};
use crate::audit::{Appender, Audit};
use crate::auth::{Keys, Published, Sealer, Verifier};
use crate::catalog::Catalog;
use crate::clock::SystemClock;
use crate::config::{
    self, AtShutdown, Auto, Downloads, Listen, Media, Place, Restart, STRONG_SECRET_BYTES, Secret, Sfus,
    Tokens, Webhooks,
};
use crate::http::{self, Access, App, Doors, HOLD, Inbox, Limits, Listeners, Views};
use crate::media::segment::Policy;
use crate::peer;
use crate::playback::fetch::Source;
use crate::playback::filled::Fills;
use crate::playback::placed::Places;
use crate::playback::playlists::Playlists;
use crate::playback::rows::Rows;
use crate::reach::Reach;
use crate::recorder::{Means, Shutdown, Supervisor, auto, removal};
use crate::sfu::bridge::Lobby;
use crate::storage::Store;
use crate::webhook::{self, Office, Stats, target};
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Requests that are still running this long after all recordings were closed are cut off.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    access: config::Access,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    sfus: Sfus,
    #[command(flatten)]
    restart: Restart,
    #[command(flatten)]
    auto: Auto,
    #[command(flatten)]
    webhooks: Webhooks,
    #[command(flatten)]
    audit: config::Audit,
    #[command(flatten)]
    media: Media,
    #[command(flatten)]
    downloads: Downloads,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { place, tokens, access, listen, sfus, restart, auto, webhooks, audit, media, downloads } =
        options;
    let secret = tokens.secret(&place.recordings_dir)?;
    let development = secret.as_ref().is_some_and(|secret| secret.made);
    let address = listen.address(development)?;
    let (reach, most, mediasoup) = (sfus.reach(development)?, sfus.most()?, sfus.mediasoup()?);
    let verifier = verifier(&tokens, secret.as_ref(), &reach)?;
    let sealer = Sealer::derived(&tokens.url_secret(&place.recordings_dir, secret.as_ref())?)?;
    let frames = access.frames()?;
    let store = Store::open(place.recordings_dir.clone())
        .await
        .with_context(|| format!("cannot use the folder {}", place.recordings_dir.display()))?;
    let catalog = Catalog::open_with(&place.database(), place.database_connections).await?;
    catalog.enrol(&store.name().await?).await?;
    let audit = Audit::begin(catalog.clone(), Arc::new(SystemClock), audit.config(&place)?).await;
    let audit = audit.context("cannot begin the audit")?;
    let stats = Arc::new(Stats::default());
    let office = office(&webhooks, &catalog, &reach, &stats).await?;
    let policy = Policy { fragment_micros: media.part_micros()?, ..Policy::default() };
    let recorder =
        supervisor(catalog.clone(), store.clone(), policy, reach.clone(), most, audit.appender.clone());
    if let Err(error) = removal::sweep(&catalog, &store).await {
        tracing::error!(%error, "what was to be removed cannot be; the next start tries again");
    }
    let within = Duration::from_secs(restart.adopt_within);
    recorder.adopt(within).await.context("cannot take up interrupted recordings")?;
    let closed = CancellationToken::new();
    if catalog.is_shared() {
        tokio::spawn(recorder.clone().live_beside_others(within, closed.clone()));
    }
    tokio::spawn(auto::run(recorder.clone(), auto::Rooms::new(&auto.auto_record)));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another with PORT or --port"))?;
    let bound = listener.local_addr()?;
    announce(bound, secret.as_ref());

    let (rows, edges) = (Rows::new(catalog.clone()), recorder.edges().clone());
    let fills = Fills::default();
    let popular = downloads.popular();
    let source = Source {
        catalog: catalog.clone(),
        store: store.clone(),
        rows: rows.clone(),
        edges: edges.clone(),
        fills: fills.clone(),
        popular: popular.clone(),
    };
    let views = Views::new(catalog.clone());
    let places = Places::new(catalog.clone(), rows.clone(), edges.clone());
    let inbox = Inbox::open(views.clone(), places, HOLD);
    let app = App {
        catalog: catalog.clone(),
        files: downloads.files(source),
        store: store.clone(),
        recorder: recorder.clone(),
        rows,
        fills,
        popular,
        playlists: Playlists::new(catalog.clone(), store, edges),
        mediasoup,
        reach,
        audit: audit.clone(),
        access: Access::new(catalog.clone(), access.participants_may_view),
        limits: Limits::new(access.rate_limit),
        doors: Doors::default(),
        frames: frames.into(),
        verifier: Arc::new(verifier),
        sealer,
        webhooks: stats,
        views: views.clone(),
        inbox: inbox.clone(),
        listeners: Listeners::default(),
        closing: closed.clone(),
    };
    tokio::spawn(views.keep_fresh(closed.clone()));
    let delivering = tokio::spawn(office.run(closed.clone()));
    let router = http::router(app, &listen.origins());
    let serving = tokio::spawn(http::serve(listener, router, closed.clone().cancelled_owned()));
    asked_to_end().await;
    tracing::info!("closing all recordings");
    // The API answers until they are closed, so that whoever watches sees them end.
    recorder.shutdown(at_shutdown(restart.shutdown)).await;
    closed.cancel();
    match tokio::time::timeout(LAST_REQUESTS, serving).await {
        Ok(served) => served.context("the server broke")?.context("the server failed")?,
        Err(_) => tracing::warn!("some requests were cut off"),
    }
    inbox.end().await;
    let _ = delivering.await;
    audit.end().await;
    catalog.retire().await?;
    catalog.close().await;
    Ok(())
}

/// What checks tokens. Published keys are fetched in the meantime; until they are there, nobody is let in by them.
fn verifier(tokens: &Tokens, secret: Option<&Secret>, reach: &Reach) -> anyhow::Result<Verifier> {
    let keys = tokens.jwks()?.map(|url| {
        // The operator has named it, so it may be anywhere.
        let source = Published::new(url.clone(), reach.clone().and_host_of(&url));
        let keys = Keys::new(Box::new(source), Arc::new(SystemClock), tokens.stale());
        let fetching = keys.clone();
        tokio::spawn(async move { fetching.refresh().await });
        keys
    });
    Ok(Verifier::new(tokens.policy()?, secret.map(|secret| secret.bytes.as_slice()), keys))
}

/// What delivers webhooks, once it runs.
async fn office(
    webhooks: &Webhooks,
    catalog: &Catalog,
    reach: &Reach,
    stats: &Arc<Stats>,
) -> anyhow::Result<Office> {
    if let Some(url) = webhooks.url() {
        target::address(url).context("WEBHOOK_URL")?;
    }
    if let Some(secret) = webhooks.secret() {
        target::signer(secret).context("WEBHOOK_SECRET")?;
    }
    catalog.configure_webhook(webhooks.url()).await?;
    let config = webhook::Config {
        secret: webhooks.secret().map(str::to_owned),
        retry_for: webhooks.retry_for(),
        reach: reach.clone(),
    };
    Ok(Office::new(catalog.clone(), Arc::new(SystemClock), config, Arc::clone(stats)))
}

fn at_shutdown(configured: AtShutdown) -> Shutdown {
    match configured {
        AtShutdown::Complete => Shutdown::Complete,
        AtShutdown::Suspend => Shutdown::Suspend,
    }
}

/// The recorder of a service.
pub(crate) fn supervisor(
    catalog: Catalog,
    store: Store,
    policy: Policy,
    reach: Reach,
    most: usize,
    audit: Appender,
) -> Supervisor {
    let peer = peer::Config { reach, ..peer::Config::default() };
    let (clock, lobby, audit) = (Arc::new(SystemClock), Lobby::default(), Some(audit));
    Supervisor::new(Means { catalog, store, clock, policy, peer, lobby, most, audit })
}

fn announce(bound: SocketAddr, secret: Option<&Secret>) {
    tracing::info!(address = %bound, "listening");
    say(&format!("tureen {} listens on http://{bound}", env!("CARGO_PKG_VERSION")));
    let Some(secret) = secret else { return };
    if secret.made {
        tell(
            "JWT_SECRET is not set: using one made for development, kept in the recordings folder, and listening \
             on loopback only.\nA token to record: tureen token --role teacher\nA token to watch:  tureen token \
             --role student",
        );
    } else if secret.bytes.len() < STRONG_SECRET_BYTES {
        tracing::warn!(
            "JWT_SECRET has fewer than {STRONG_SECRET_BYTES} bytes (RFC 7518 3.2): use a longer one"
        );
    }
}
