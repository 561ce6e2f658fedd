//! The peer without an SFU: what it takes, refuses and gives back. With a real one: `tests/e2e`.

use super::*;
use crate::media::Kind;
use crate::session::{ConsumerType, DtlsRole, Source};
use serde_json::{Value, json};

fn router() -> RtpCapabilities {
    serde_json::from_value(json!({
        "codecs": [
            {"kind":"audio","mimeType":"audio/opus","preferredPayloadType":100,"clockRate":48000,"channels":2,
             "rtcpFeedback":[{"type":"nack","parameter":""}]},
            {"kind":"video","mimeType":"video/VP8","preferredPayloadType":101,"clockRate":90000,
             "rtcpFeedback":[{"type":"nack","parameter":""},{"type":"nack","parameter":"pli"}]},
            {"kind":"video","mimeType":"video/rtx","preferredPayloadType":102,"clockRate":90000,
             "parameters":{"apt":101}}
        ],
        "headerExtensions": []
    }))
    .unwrap()
}

fn transport(candidates: Value) -> TransportParameters {
    let fingerprint = vec!["AB"; 32].join(":");
    serde_json::from_value(json!({
        "id": "t",
        "iceParameters": {"usernameFragment":"abcdefgh","password":"abcdefghijklmnopqrstuvwx","iceLite":true},
        "iceCandidates": candidates,
        "dtlsParameters": {"role":"auto","fingerprints":[{"algorithm":"sha-256","value":fingerprint}]}
    }))
    .unwrap()
}

/// Nobody is there: port 9 is the discard service's.
fn silent() -> TransportParameters {
    transport(json!([{"foundation":"u","priority":1,"ip":"127.0.0.1","protocol":"udp","port":9}]))
}

fn consumer(number: u32) -> Consumer {
    let rtp_parameters = json!({
        "mid": number.to_string(),
        "codecs": [
            {"mimeType":"video/VP8","payloadType":101,"clockRate":90000,
             "rtcpFeedback":[{"type":"nack","parameter":""},{"type":"nack","parameter":"pli"}]},
            {"mimeType":"video/rtx","payloadType":102,"clockRate":90000,"parameters":{"apt":101}}
        ],
        "headerExtensions": [],
        "encodings": [{"ssrc": 1000 + number, "rtx": {"ssrc": 100_000 + number}}],
        "rtcp": {"cname": "someone"}
    });
    Consumer {
        id: format!("c{number}"),
        producer_id: format!("p{number}"),
        peer_id: "a".into(),
        kind: Kind::Video,
        source: Source::Camera,
        rtp_parameters: serde_json::from_value(rtp_parameters).unwrap(),
        paused: false,
        kind_of: ConsumerType::Simple,
        layer: None,
    }
}

async fn open() -> (Peer, mpsc::Receiver<Event>) {
    Peer::open(Config::default(), &router(), silent()).await.unwrap()
}

#[tokio::test]
async fn our_fingerprint_is_known_before_any_consumer_is() {
    let (mut peer, _events) = open().await;
    let ours = peer.dtls_parameters();
    assert_eq!(ours.role, Some(DtlsRole::Client));
    let [fingerprint] = ours.fingerprints.as_slice() else { panic!() };
    assert_eq!((fingerprint.algorithm.as_str(), fingerprint.value.len()), ("sha-256", 32 * 3 - 1));
    assert_eq!(fingerprint.value, fingerprint.value.to_ascii_uppercase());
    peer.add(&consumer(0)).await.unwrap();
    let answer = peer.driver.answer().await;
    assert!(answer.to_ascii_uppercase().contains(&fingerprint.value), "and it is the one that is used");
    assert!(answer.contains("a=setup:active") && answer.contains("a=recvonly"), "{answer}");
}

#[tokio::test]
async fn an_sfu_without_a_usable_address_is_refused() {
    for candidates in [
        json!([]),
        json!([{"ip":"127.0.0.1","protocol":"tcp","port":1}]),
        json!([{"address":"no.such.host.invalid","protocol":"udp","port":1}]),
        json!([{"ip":"127.0.0.1","protocol":"udp","port":0}]),
    ] {
        let opened = Peer::open(Config::default(), &router(), transport(candidates)).await;
        assert!(matches!(opened, Err(Error::NoCandidate)));
    }
}

#[tokio::test]
async fn an_sfu_elsewhere_cannot_make_us_send_to_this_machine_or_its_network() {
    let url = "wss://8.8.8.8/".parse().unwrap();
    let site = Reach::public_and("SFU_ALLOW", []).resolve(&url).await.unwrap();
    let config = Config { reach: site.surroundings(), ..Config::default() };
    let to = |addresses: &[&str]| {
        let of = |ip: &&str| json!({"address":ip,"protocol":"udp","port":4000});
        transport(addresses.iter().map(of).collect::<Vec<_>>().into())
    };
    let refused =
        ["127.0.0.1", "169.254.169.254", "10.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "fd00::1"];
    let opened = Peer::open(config.clone(), &router(), to(&refused)).await;
    assert!(matches!(opened, Err(Error::NoCandidate)));
    let mut mixed = to(&["169.254.169.254", "8.8.8.8", "127.0.0.1"]);
    confine(&mut mixed, &config.reach);
    let kept: Vec<&str> = mixed.ice_candidates.iter().map(|c| c.address.as_str()).collect();
    assert_eq!(kept, ["8.8.8.8"]);
}

#[test]
fn loopback_is_bound_only_for_an_sfu_on_it() {
    let bound = |ip: &str| {
        let addresses = default_bind(&transport(json!([{"ip":ip,"port":1},{"ip":ip,"port":2}])));
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(bound("127.0.0.1"), ["127.0.0.1:0"]);
    assert_eq!(bound("192.0.2.7"), ["0.0.0.0:0"]);
    assert_eq!(bound("::1"), ["[::1]:0"]);
    assert_eq!(bound("2001:db8::1"), ["[::]:0"]);
}

#[tokio::test]
async fn consumers_come_and_go_and_their_events_end_with_the_peer() {
    let (mut peer, mut events) = open().await;
    peer.add(&consumer(0)).await.unwrap();
    peer.add_many(&[&consumer(1), &consumer(2)]).await.unwrap();
    assert_eq!(peer.statistics().len(), 3);
    peer.remove("c1").await.unwrap();
    assert!(matches!(peer.remove("c1").await, Err(Error::Unknown(id)) if id == "c1"));
    assert_eq!(peer.statistics().len(), 2);
    peer.add(&consumer(3)).await.unwrap();
    let answer = peer.driver.answer().await;
    let ports: Vec<_> = answer.lines().filter(|l| l.starts_with("m=")).map(|l| l.split(' ').nth(1)).collect();
    assert_eq!(ports, [Some("9"), Some("0"), Some("9"), Some("9")]);
    // All gone, and one more.
    for id in ["c0", "c2", "c3"] {
        peer.remove(id).await.unwrap();
    }
    peer.add(&consumer(4)).await.unwrap();
    peer.request_keyframes(&["c4", "c0"]).await;
    peer.close().await;
    while events.recv().await.is_some() {}
}

#[tokio::test]
async fn a_peer_that_is_dropped_is_closed() {
    let (mut peer, mut events) = open().await;
    peer.add(&consumer(0)).await.unwrap();
    drop(peer);
    // Ends only when the stack's task is gone, which holds the other end.
    while events.recv().await.is_some() {}
}

#[tokio::test]
async fn one_bad_consumer_leaves_the_others_untouched() {
    let (mut peer, _events) = open().await;
    peer.add(&consumer(0)).await.unwrap();
    let twin = Consumer { id: "twin".into(), ..consumer(0) };
    assert!(matches!(peer.add(&twin).await, Err(Error::Ssrc(1000))));
    let mut mute = consumer(1);
    mute.rtp_parameters.encodings.clear();
    assert!(matches!(peer.add_many(&[&consumer(2), &mute]).await, Err(Error::Consumer(_))));
    let mut rtx_taken = consumer(3);
    rtx_taken.rtp_parameters.encodings[0].rtx = consumer(0).rtp_parameters.encodings[0].rtx;
    assert!(matches!(peer.add_many(&[&consumer(2), &rtx_taken]).await, Err(Error::Ssrc(100_000))));
    assert_eq!(peer.statistics().len(), 1, "none of them stays");
    peer.add_many(&[&consumer(2), &consumer(4)]).await.unwrap();
}

#[tokio::test]
async fn hostile_parameters_are_errors_or_harmless_and_the_next_consumer_works() {
    let hostile: Vec<fn(&mut Consumer)> = vec![
        |c| c.rtp_parameters.mid = Some("\r\na=evil\r\n".into()),
        |c| c.rtp_parameters.mid = Some(String::new()),
        |c| c.rtp_parameters.mid = Some("x".repeat(100_000)),
        |c| c.rtp_parameters.codecs[0].mime_type = "video/".into(),
        |c| c.rtp_parameters.codecs[0].mime_type = "video/VP8/90000/\r\nm=".into(),
        |c| c.rtp_parameters.codecs[0].mime_type = String::new(),
        |c| c.rtp_parameters.codecs[0].payload_type = 255,
        |c| c.rtp_parameters.codecs[0].clock_rate = 0,
        |c| c.rtp_parameters.codecs.truncate(1),
        |c| c.kind = Kind::Audio,
        |c| {
            let extension = json!([{"uri":"urn:x","id":65535},{"uri":"","id":0},{"uri":"urn:x","id":1}]);
            c.rtp_parameters.header_extensions = serde_json::from_value(extension).unwrap();
        },
        |c| {
            let parameters = json!({"apt":"\u{0}","a b":"=;;","apt ":-1});
            c.rtp_parameters.codecs[1].parameters = parameters.as_object().unwrap().clone();
        },
        |c| c.rtp_parameters.rtcp.cname = Some("☃ \n".into()),
        |c| c.id = "\n".into(),
    ];
    for (index, spoil) in hostile.into_iter().enumerate() {
        let (mut peer, _events) = open().await;
        peer.add(&consumer(0)).await.unwrap();
        let mut bad = consumer(1);
        spoil(&mut bad);
        let taken = peer.add(&bad).await;
        peer.add(&consumer(2))
            .await
            .unwrap_or_else(|e| panic!("case {index} ({taken:?}) poisons the next: {e}"));
        let expected = if taken.is_ok() { 3 } else { 2 };
        assert_eq!(peer.statistics().len(), expected, "case {index}");
    }
}

#[tokio::test]
async fn an_offer_that_the_stack_refuses_is_taken_back() {
    let (mut peer, _events) = open().await;
    peer.add(&consumer(0)).await.unwrap();
    let sections = [consumer(0), consumer(1)].map(|consumer| Section::new(&consumer).unwrap());
    let broken = offer::offer(&peer.remote, &sections, 9).replace("a=mid:1\r\n", "");
    assert!(matches!(
        peer.driver.negotiate(broken).await,
        Err(Error::Stack { during: "taking the offer", .. })
    ));
    peer.add(&consumer(1)).await.unwrap();
}

#[tokio::test]
async fn a_hostile_transport_is_an_error_when_it_is_used() {
    let spoilt: [fn(&mut TransportParameters); 4] = [
        |t| t.dtls_parameters.fingerprints.clear(),
        |t| t.dtls_parameters.fingerprints[0].algorithm = "rot-13".into(),
        |t| t.ice_parameters.username_fragment.clear(),
        |t| t.ice_parameters.password = "\r\n".into(),
    ];
    for spoil in spoilt {
        let mut remote = silent();
        spoil(&mut remote);
        // Opening does not look at them.
        let (mut peer, _events) = Peer::open(Config::default(), &router(), remote).await.unwrap();
        let _ = peer.add(&consumer(0)).await;
        peer.close().await;
    }
}

#[tokio::test]
async fn a_transport_outlives_many_changes_of_camera() {
    let (mut peer, _events) = open().await;
    peer.add(&consumer(0)).await.unwrap();
    for number in 1..150 {
        peer.add(&consumer(number)).await.unwrap();
        peer.remove(&format!("c{number}")).await.unwrap();
    }
    assert_eq!(peer.statistics().len(), 1);
}

#[tokio::test]
async fn an_ice_restart_answers_with_other_credentials_and_takes_consumers_afterwards() {
    let (mut peer, _events) = open().await;
    let ice = |name: &str| IceParameters {
        username_fragment: name.to_owned(),
        password: "abcdefghijklmnopqrstuvwx".to_owned(),
        ice_lite: true,
    };
    peer.restart_ice(ice("before01")).await.unwrap();
    peer.add(&consumer(0)).await.unwrap();
    let ufrag = async |peer: &Peer| {
        let answer = peer.driver.answer().await;
        let line = answer.lines().find(|line| line.starts_with("a=ice-ufrag:")).unwrap_or_default();
        line.to_owned()
    };
    let before = ufrag(&peer).await;
    peer.add(&consumer(1)).await.unwrap();
    assert_eq!(ufrag(&peer).await, before, "a consumer more is no restart");
    peer.restart_ice(ice("behind01")).await.unwrap();
    let behind = ufrag(&peer).await;
    assert!(!behind.is_empty() && behind != before, "{before} {behind}");
    // With everything closed, and again.
    peer.remove("c0").await.unwrap();
    peer.remove("c1").await.unwrap();
    peer.restart_ice(ice("behind02")).await.unwrap();
    peer.add(&consumer(2)).await.unwrap();
    // Nonsense from the SFU is an error at most.
    let _ = peer.restart_ice(ice("")).await;
    peer.close().await;
}
