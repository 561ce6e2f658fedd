//! How often somebody may ask, and an address may guess. What is over the limit is answered with 429 and the time after
//! which it would not be (RFC 6585 4).
//!
//! Segments, fills and downloads do not count: players ask for them at the pace of the media, and they are what this
//! service is made to give. Guesses count by address, IPv6 ones by their network of 64 bits, which one customer has.

use super::error::Problem;
use crate::auth::Subject;
use crate::id::ShareId;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Extensions, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Keys of a limiter above which those are forgotten that have not asked for a while.
const SWEPT_ABOVE: usize = 10_000;
/// A subject may ask for so many seconds' worth at once: a page that opens asks for much.
const BURST_SECONDS: u32 = 10;
/// Tokens that are refused, by address.
const SIGN_INS: (u32, Duration) = (60, Duration::from_secs(1));
/// Attempts to open a share, by address: a class may sit behind one.
const OPENINGS: (u32, Duration) = (60, Duration::from_secs(1));
/// Passwords that are tried, by share, from wherever.
const PASSWORDS: (u32, Duration) = (40, Duration::from_secs(10));
/// See [`Limits::body_pause`].
const BODY_PAUSE: Duration = Duration::from_secs(10);
/// Routes of bytes of media, and of the playlists that players ask for again and again.
const MEDIA: [&str; 2] = ["/stream/{track}/", "/download"];
/// A start has to join a room first; nothing else takes long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Counts who asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    subjects: Option<Counter>,
    sign_ins: Counter,
    openings: Counter,
    passwords: Counter,
    refused: AtomicU64,
    body_pause: Duration,
}

#[derive(Debug)]
struct Counter {
    limiter: DefaultKeyedRateLimiter<u64>,
    /// Keys are kept as hashes of a seed that nobody knows: small, and nobody can choose whom they collide with.
    seed: RandomState,
}

impl Counter {
    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::keyed(quota), seed: RandomState::new() }
    }

    /// After how long it would be admitted, if not now.
    fn count(&self, key: impl Hash) -> Result<(), Duration> {
        if self.limiter.len() > SWEPT_ABOVE {
            self.limiter.retain_recent();
        }
        let found = self.limiter.check_key(&self.seed.hash_one(key));
        found.map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}

/// So many at once, and one more after each period.
fn quota((burst, period): (u32, Duration)) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(period).unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst)
}

impl Limits {
    /// So many requests of one subject in a second, over some seconds; 0 is without a limit.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self::waiting(per_second, BODY_PAUSE)
    }

    pub(super) fn waiting(per_second: u32, body_pause: Duration) -> Self {
        let subjects = NonZeroU32::new(per_second).map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::new(BURST_SECONDS).unwrap_or(NonZeroU32::MIN));
            Counter::new(Quota::per_second(rate).allow_burst(burst))
        });
        Self(Arc::new(Shared {
            subjects,
            sign_ins: Counter::new(quota(SIGN_INS)),
            openings: Counter::new(quota(OPENINGS)),
            passwords: Counter::new(quota(PASSWORDS)),
            refused: AtomicU64::new(0),
            body_pause,
        }))
    }

    /// Until the next bytes of a body that a client sends.
    pub(super) fn body_pause(&self) -> Duration {
        self.0.body_pause
    }

    /// How many requests were refused.
    pub(super) fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    /// A request of somebody for a route.
    pub(super) fn admit(&self, subject: &Subject, route: &str) -> Result<(), Problem> {
        let Some(subjects) = &self.0.subjects else { return Ok(()) };
        let [streams, downloads] = MEDIA;
        if route.contains(streams) || route.ends_with(downloads) {
            return Ok(());
        }
        let whose = (&subject.user_id, subject.kind, subject.share);
        self.told(subjects.count(whose), "too many requests")
    }

    /// A token was refused.
    pub(super) fn sign_in_failed(&self, from: IpAddr) -> Result<(), Problem> {
        self.told(self.0.sign_ins.count(network(from)), "too many refused tokens")
    }

    /// Somebody tries to open a share.
    pub(super) fn opening(&self, from: IpAddr) -> Result<(), Problem> {
        self.told(self.0.openings.count(network(from)), "too many attempts to open a share")
    }

    /// A password of a share is tried.
    pub(super) fn password(&self, share: ShareId) -> Result<(), Problem> {
        self.told(self.0.passwords.count(share), "too many passwords were tried")
    }

    fn told(&self, counted: Result<(), Duration>, detail: &str) -> Result<(), Problem> {
        let Err(wait) = counted else { return Ok(()) };
        self.0.refused.fetch_add(1, Relaxed);
        let seconds = wait.as_secs().saturating_add(1);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .header(header::RETRY_AFTER, &seconds.to_string()))
    }
}

/// What one customer has of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & (u128::MAX << 64)).into()),
        ip => ip,
    }
}

/// Answers within [`TIMEOUT`]. An answer's body may take longer.
pub(super) async fn in_time(request: Request, next: Next) -> Result<Response, Problem> {
    tokio::time::timeout(TIMEOUT, next.run(request)).await.map_err(|_| {
        let detail = "the answer was not ready in time";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail).header(header::RETRY_AFTER, "10")
    })
}

/// From where a request comes.
pub(super) fn address(extensions: &Extensions) -> IpAddr {
    let found = extensions.get::<ConnectInfo<SocketAddr>>();
    found.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(from)| from.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use crate::time::WallTime;

    fn admitted(times: u32, mut attempt: impl FnMut() -> Result<(), Problem>) -> usize {
        (0..times).filter(|_| attempt().is_ok()).count()
    }

    #[test]
    fn each_subject_has_a_limit_of_their_own_and_media_has_none() {
        let limits = Limits::new(1);
        let user = |id: &str| Subject::of_token(id, Role::Student, WallTime(0));
        let (ada, bob) = (user("ada"), user("bob"));
        let admitted_of = |who: &Subject, route: &str| admitted(30, || limits.admit(who, route));
        assert!((10..30).contains(&admitted_of(&ada, "/api/v1/recordings/{id}")));
        assert!((10..30).contains(&admitted_of(&bob, "/api/v1/recordings/{id}")));
        assert_eq!(admitted_of(&ada, "/api/v1/recordings/{id}/stream/{track}/{file}"), 30);
        assert_eq!(admitted_of(&ada, "/api/v1/recordings/{id}/download"), 30);
        assert!(limits.refused() > 0);
        let none = Limits::new(0);
        assert_eq!(admitted(5000, || none.admit(&ada, "/")), 5000);
    }

    #[test]
    fn guesses_count_by_customer() {
        let limits = Limits::new(0);
        let one = |n: u16| format!("2001:db8:0:1::{n:x}").parse().unwrap();
        let mut n = 0;
        let of_one = admitted(100, || {
            n += 1;
            limits.opening(one(n))
        });
        assert!((60..100).contains(&of_one), "{of_one}");
        assert!(limits.opening("2001:db8:0:2::1".parse().unwrap()).is_ok());
        // By either way of writing it.
        let v4 = admitted(100, || limits.sign_in_failed("192.0.2.1".parse().unwrap()));
        assert!((60..100).contains(&v4), "{v4}");
        assert!(limits.sign_in_failed("::ffff:192.0.2.1".parse().unwrap()).is_err());
        assert!(limits.sign_in_failed("192.0.2.2".parse().unwrap()).is_ok());
    }
}
