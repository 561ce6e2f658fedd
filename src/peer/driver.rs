//! The stack's asynchronous layer. Only this file knows it: sockets, the task that drives the connection, and the
//! negotiation. Its sans-IO core could take its place here.

use super::queue::Queue;
use super::streams::Streams;
use super::{Error, Event, engine};
use crate::session::{DtlsFingerprint, DtlsParameters, DtlsRole, RtpCapabilities};
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::transport::RTCDtlsRole;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCCertificate,
    RTCConfigurationBuilder, RTCPeerConnectionState, RTCSessionDescription, SettingEngineBuilder, crypto,
};
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

/// Silence after which the path counts as lost.
const DISCONNECTED: Duration = Duration::from_secs(5);
/// And after which it is given up.
const FAILED: Duration = Duration::from_secs(25);
/// Between STUN consent checks (RFC 7675 5.1): mediasoup gives up a transport that sends none for 10 to 60 s.
const CONSENT: Duration = Duration::from_secs(2);
/// Between ICE checks before there is a path, and how many are sent. By default they are 200 ms apart, of which the
/// first always comes too early for an address of ours, and end after 1.4 s.
const CHECK: (Duration, u16) = (Duration::from_millis(50), 200);
/// Packets remembered by SRTP's replay protection (RFC 3711 3.3.2). Where there is no RTX, a retransmission is the
/// packet itself, up to 2 s late.
const REPLAY_WINDOW: usize = 4096;

pub(super) struct Driver {
    connection: Arc<dyn PeerConnection>,
    fingerprints: Vec<DtlsFingerprint>,
    closing: Arc<AtomicBool>,
}

impl Driver {
    pub(super) async fn open(
        bind: Vec<SocketAddr>,
        receive_buffer: usize,
        router: &RtpCapabilities,
        streams: Arc<Streams>,
        queue: Arc<Queue>,
    ) -> Result<Self, Error> {
        let (certificate, fingerprints) = certificate()?;
        let (media, registry) = engine::build(router, streams, queue.clone())?;
        let settings = SettingEngineBuilder::default()
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_include_loopback_candidate(bind.iter().any(|address| address.ip().is_loopback()))
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .with_ice_timeouts(Some(DISCONNECTED), Some(FAILED), Some(CONSENT))
            .with_ice_connection_attempts(Some(CHECK.0), Some(CHECK.1))
            .with_discard_local_candidates_during_ice_restart(true)
            .with_srtp_replay_protection_window(REPLAY_WINDOW)
            .build();
        let closing = Arc::new(AtomicBool::new(false));
        let connection = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::default().with_certificates(vec![certificate]).build(),
            )
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler { queue, closing: closing.clone() }))
            .with_runtime(Arc::new(LargeBuffers { inner: TokioRuntime, receive_buffer }))
            .with_udp_addrs(bind)
            .build()
            .await
            .map_err(|error| stack("opening", error))?;
        Ok(Self { connection: Arc::new(connection), fingerprints, closing })
    }

    pub(super) fn dtls_parameters(&self) -> DtlsParameters {
        DtlsParameters { role: Some(DtlsRole::Client), fingerprints: self.fingerprints.clone() }
    }

    /// Take an offer and answer it, to ourselves: the SFU hears nothing of it. An offer that fails leaves the
    /// connection as it was.
    pub(super) async fn negotiate(&self, offer: String) -> Result<(), Error> {
        let negotiated = self.exchange(offer).await;
        if negotiated.is_err() {
            // Else the stack waits for an answer to what it did not understand, and takes no other offer.
            let rolled = RTCSessionDescription::rollback(None)
                .map(|back| self.connection.set_remote_description(back));
            if let Ok(rolling) = rolled
                && let Err(error) = rolling.await
            {
                tracing::debug!(%error, "nothing to roll back");
            }
        }
        negotiated
    }

    async fn exchange(&self, offer: String) -> Result<(), Error> {
        let description =
            RTCSessionDescription::offer(offer).map_err(|error| stack("reading the offer", error))?;
        let taken = self.connection.set_remote_description(description).await;
        taken.map_err(|error| stack("taking the offer", error))?;
        let answer = self.connection.create_answer(None).await.map_err(|error| stack("answering", error))?;
        self.connection.set_local_description(answer).await.map_err(|error| stack("taking the answer", error))
    }

    /// The description that we answered with.
    #[cfg(test)]
    pub(super) async fn answer(&self) -> String {
        self.connection.local_description().await.map(|description| description.sdp).unwrap_or_default()
    }

    pub(super) async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing the connection");
        }
    }
}

/// The stack's task would live on, and its consent checks would keep the SFU's transport alive, for ever.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.closing.swap(true, Ordering::Relaxed) {
            return;
        }
        let connection = self.connection.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { connection.close().await });
        }
    }
}

fn stack(during: &'static str, error: impl std::fmt::Display) -> Error {
    Error::Stack { during, reason: error.to_string() }
}

/// Our own certificate, so that its fingerprint is known before any consumer is.
fn certificate() -> Result<(RTCCertificate, Vec<DtlsFingerprint>), Error> {
    let during = "making a certificate";
    let provider = crypto::default_provider().map_err(|error| stack(during, error))?;
    let parameters =
        CertificateParams::new(vec!["tureen".to_owned()]).map_err(|error| stack(during, error))?;
    let scheme = crypto::SignatureScheme::EcdsaP256Sha256;
    let certificate = RTCCertificate::generate(provider.crypto(), scheme, parameters)
        .map_err(|error| stack(during, error))?;
    let fingerprints =
        certificate.get_fingerprints(provider.crypto()).map_err(|error| stack(during, error))?;
    // mediasoup compares text: the algorithm in lower case, the value in upper.
    let write = |algorithm: String, value: String| DtlsFingerprint {
        algorithm: algorithm.to_ascii_lowercase(),
        value: value.to_ascii_uppercase(),
    };
    Ok((certificate, fingerprints.into_iter().map(|f| write(f.algorithm, f.value)).collect()))
}

struct Handler {
    queue: Arc<Queue>,
    closing: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.queue.connection(Event::Connected),
            RTCPeerConnectionState::Disconnected
            | RTCPeerConnectionState::Failed
            | RTCPeerConnectionState::Closed
                if !self.closing.load(Ordering::Relaxed) =>
            {
                self.queue.connection(Event::Disconnected(state.to_string()));
            }
            _ => {}
        }
    }
}

/// Tokio with larger receive buffers: a burst of key frames must fit while other work is done.
#[derive(Debug)]
struct LargeBuffers {
    inner: TokioRuntime,
    receive_buffer: usize,
}

type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for LargeBuffers {
    fn spawn(&self, future: Task<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn(future)
    }

    fn spawn_reactor(&self, size: usize, future: Task<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn_reactor(size, future)
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        if let Err(error) = socket2::SockRef::from(&socket).set_recv_buffer_size(self.receive_buffer) {
            tracing::warn!(%error, bytes = self.receive_buffer, "the receive buffer stays small");
        }
        self.inner.wrap_udp_socket(socket)
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> Task<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Task<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Task<'static, ()> {
        self.inner.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }
}
