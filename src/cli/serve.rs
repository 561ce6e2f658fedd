//! `tureen serve`

use super::{asked_to_end, say, tell};
use crate::auth::Verifier;
use crate::catalog::Catalog;
use crate::clock::SystemClock;
use crate::config::{
    AtShutdown, Auto, Downloads, Listen, Media, Place, Restart, STRONG_SECRET_BYTES, Secret, Sfus, Signing,
    Webhooks,
};
use crate::http::{self, App, Listeners};
use crate::media::segment::Policy;
use crate::peer;
use crate::playback::fetch::Source;
use crate::playback::playlists::Playlists;
use crate::playback::rows::Rows;
use crate::reach::Reach;
use crate::recorder::{Shutdown, Supervisor, auto, removal};
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
    signing: Signing,
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
    media: Media,
    #[command(flatten)]
    downloads: Downloads,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { place, signing, listen, sfus, restart, auto, webhooks, media, downloads } = options;
    let secret = signing.secret(&place.recordings_dir)?;
    let address = listen.address(&secret)?;
    let (reach, most, mediasoup) = (sfus.reach(secret.made)?, sfus.most()?, sfus.mediasoup()?);
    let store = Store::open(place.recordings_dir.clone())
        .await
        .with_context(|| format!("cannot use the folder {}", place.recordings_dir.display()))?;
    let catalog = Catalog::open_with(&place.database(), place.database_connections).await?;
    catalog.enrol(&store.name().await?).await?;
    let stats = Arc::new(Stats::default());
    let office = office(&webhooks, &catalog, &reach, &stats).await?;
    let policy = Policy { fragment_micros: media.part_micros()?, ..Policy::default() };
    let recorder = supervisor(catalog.clone(), store.clone(), policy, reach.clone(), most);
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
    announce(bound, &secret);

    let (rows, edges) = (Rows::new(catalog.clone()), recorder.edges().clone());
    let source =
        Source { catalog: catalog.clone(), store: store.clone(), rows: rows.clone(), edges: edges.clone() };
    let app = App {
        catalog: catalog.clone(),
        files: downloads.files(source),
        store: store.clone(),
        recorder: recorder.clone(),
        rows,
        playlists: Playlists::new(catalog.clone(), store, edges),
        mediasoup,
        reach,
        verifier: Arc::new(Verifier::hs256(&secret.bytes)),
        webhooks: stats,
        listeners: Listeners::default(),
        closing: closed.clone(),
    };
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
    let _ = delivering.await;
    catalog.retire().await?;
    catalog.close().await;
    Ok(())
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
) -> Supervisor {
    let (clock, lobby) = (Arc::new(SystemClock), Lobby::default());
    let peer = peer::Config { reach, ..peer::Config::default() };
    Supervisor::new(catalog, store, clock, policy, peer, lobby, most)
}

fn announce(bound: SocketAddr, secret: &Secret) {
    tracing::info!(address = %bound, "listening");
    say(&format!("tureen {} listens on http://{bound}", env!("CARGO_PKG_VERSION")));
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
