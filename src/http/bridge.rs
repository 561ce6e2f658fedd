//! `GET /api/v1/bridge`: the WebSocket by which an application attaches a room. What is said over it is not known here:
//! [`Lobby`] takes texts and gives texts.

use super::App;
use super::audit::Relayed;
use super::error::Problem;
use super::extract::Bearer;
use super::openapi::params::Handshake;
use super::openapi::problems::{Refused, TooManyAttached, UpgradeRequired};
use super::sse::valid;
use crate::auth::{Action, Role, Subject};
use crate::sfu::bridge::{Heard, Lobby, SUBPROTOCOL, Said, Visitor, Wire};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{Extensions, StatusCode, header};
use axum::response::Response;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

/// Largest message, in bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// Messages that wait to be read by the session.
const INCOMING: usize = 64;
/// Messages that wait to be sent. A session whose application does not read loses its WebSocket.
const OUTGOING: usize = 256;
/// Between pings of ours.
const PING: Duration = Duration::from_secs(15);
/// Silence after which the WebSocket is taken for dead.
const DEAD: Duration = Duration::from_secs(45);
/// Until the other side has taken a message, or a goodbye.
const SLOW: Duration = Duration::from_secs(10);
/// For a goodbye that cannot be answered to arrive.
const LINGER: Duration = Duration::from_secs(1);
/// RFC 6455 7.4.1.
const NORMAL: u16 = 1000;
const UNSUPPORTED: u16 = 1003;
const ABNORMAL: u16 = 1006;
const TOO_BIG: u16 = 1009;
/// IANA's code for who is not authorized (any more): come again with a new token.
const EXPIRED: u16 = 3000;

/// Opens the WebSocket by which an application attaches a room.
///
/// Subprotocol `tureen-bridge.v1`; docs/design/bridge-protocol.md tells what is said over it.
#[utoipa::path(
    get, path = "/", operation_id = "attach", tag = "Attach",
    params(Handshake),
    responses(
        (status = 101, description = "A WebSocket."),
        Refused<(UpgradeRequired, TooManyAttached)>,
    ),
)]
pub(super) async fn attach(
    State(app): State<App>,
    bearer: Bearer,
    extensions: Extensions,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    bearer.permitted(Action::Attach)?;
    let from = origin(&extensions);
    let speak = format!("open a WebSocket with the subprotocol {SUBPROTOCOL}");
    let upgrade = |detail: &str| {
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", detail)
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "Upgrade")
            .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
    };
    let socket = socket.map_err(|_| upgrade(&speak))?.protocols([SUBPROTOCOL]);
    if socket.selected_protocol().is_none() {
        return Err(upgrade(&speak));
    }
    let lobby = app.recorder.lobby().clone();
    let permit = lobby.admit().ok_or_else(|| {
        let detail = "too many applications are attached";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-attached", detail)
            .header(header::RETRY_AFTER, "10")
    })?;
    let Subject { user_id, role, expires_at, .. } = bearer.subject;
    let until = Instant::now() + valid(expires_at);
    let takes_over = matches!(role, Role::Service | Role::Admin);
    let visitor = Visitor { user_id: user_id.to_string(), takes_over, from };
    Ok(socket.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).on_upgrade(async move |socket| {
        let _permit = permit;
        pump(socket, lobby, visitor, until).await;
    }))
}

/// Where an application comes from. What stands around a proxy that nobody vouches for, on this machine perhaps, is not
/// for those whom it lets through.
fn origin(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(from) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    extensions.get::<Relayed>().is_none().then(|| from.ip().to_canonical())
}

/// Carries messages both ways until either side has enough, or the visitor's token is void.
async fn pump(mut socket: WebSocket, lobby: Lobby, visitor: Visitor, until: Instant) {
    let (to_lobby, incoming) = mpsc::channel(INCOMING);
    let (outgoing, mut said) = mpsc::channel(OUTGOING);
    tokio::spawn(async move { lobby.receive(&visitor, Wire { incoming, outgoing }).await });
    let mut ticks = interval_at(Instant::now() + PING, PING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let end = loop {
        let step = tokio::select! {
            frame = socket.recv() => {
                heard = Instant::now();
                take(frame, &to_lobby).await
            }
            one = said.recv() => say(one, &mut socket).await,
            () = sleep_until(until) => Err(End::Close(EXPIRED, "the token has expired".to_owned())),
            _ = ticks.tick() => {
                if heard.elapsed() > DEAD {
                    Err(End::Gone(format!("nothing heard for {} s", DEAD.as_secs())))
                } else {
                    send(&mut socket, Message::Ping(Vec::new().into())).await
                }
            }
        };
        if let Err(end) = step {
            break end;
        }
    };
    match end {
        End::Closed(code, reason) => drop(to_lobby.send(Heard::Closed(code, reason)).await),
        End::Gone(reason) => drop(to_lobby.send(Heard::Closed(ABNORMAL, reason)).await),
        End::Close(code, reason) => {
            let _ = to_lobby.send(Heard::Closed(code, reason.clone())).await;
            let frame = CloseFrame { code, reason: reason.into() };
            // Until it is answered, so that the reason is read before the connection ends.
            let goodbye = async {
                let _ = socket.send(Message::Close(Some(frame))).await;
                while let Some(Ok(_)) = socket.recv().await {}
                if code == TOO_BIG {
                    // What we do not read of the message would break the connection before our reason is read.
                    sleep(LINGER).await;
                }
            };
            let _ = timeout(SLOW, goodbye).await;
        }
    }
}

/// Why a WebSocket ends.
enum End {
    /// The application closed it.
    Closed(u16, String),
    /// It broke.
    Gone(String),
    /// We close it.
    Close(u16, String),
}

async fn take(
    frame: Option<Result<Message, axum::Error>>,
    to_lobby: &mpsc::Sender<Heard>,
) -> Result<(), End> {
    match frame {
        Some(Ok(Message::Text(text))) => {
            let heard = Heard::Text(text.as_str().to_owned());
            to_lobby.send(heard).await.map_err(|_| End::Close(NORMAL, String::new()))
        }
        Some(Ok(Message::Binary(_))) => Err(End::Close(UNSUPPORTED, "messages are text".to_owned())),
        Some(Ok(Message::Close(Some(frame)))) => Err(End::Closed(frame.code, frame.reason.to_string())),
        Some(Ok(Message::Close(None))) => Err(End::Closed(NORMAL, String::new())),
        // Pings are answered by the WebSocket itself.
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) if error.to_string().contains("too long") => {
            Err(End::Close(TOO_BIG, format!("a message may have {MAX_MESSAGE} bytes")))
        }
        Some(Err(error)) => Err(End::Gone(error.to_string())),
        None => Err(End::Gone("the connection ended".to_owned())),
    }
}

async fn say(said: Option<Said>, socket: &mut WebSocket) -> Result<(), End> {
    match said {
        Some(Said::Text(text)) => send(socket, Message::Text(text.into())).await,
        Some(Said::Close(code, reason)) => Err(End::Close(code, reason)),
        // The session goes on over another one, or is over.
        None => Err(End::Close(NORMAL, String::new())),
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(SLOW, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Gone(error.to_string())),
        Err(_) => Err(End::Gone("it does not read".to_owned())),
    }
}
