use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn reach(list: &str) -> Reach {
    Reach::public_and(
        "SFU_ALLOW",
        list.split(',').filter(|entry| !entry.is_empty()).map(|entry| entry.parse().unwrap()),
    )
}

async fn may(reach: &Reach, url: &str) -> bool {
    match reach.resolve(&url.parse().unwrap()).await {
        Ok(_) => true,
        Err(Error::Forbidden { .. }) => false,
        Err(other) => panic!("{url}: {other}"),
    }
}

#[tokio::test]
async fn only_public_addresses_are_dialled_unasked() {
    let none = reach("");
    for url in
        ["ws://8.8.8.8/", "wss://[2606:4700:4700::1111]/", "http://100.63.255.255/", "ws://172.32.0.1:9/"]
    {
        assert!(may(&none, url).await, "{url}");
    }
    for url in [
        "ws://127.0.0.1/",
        "ws://127.1/",
        "ws://2130706433/",
        "ws://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://192.0.0.192/",
        "http://198.18.0.1/",
        "http://203.0.113.7/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[fd00:ec2::254]/",
        "http://[ff02::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[::7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b:1::1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:4136:e378::1]/",
        "http://[2001:db8::1]/",
        "http://[100::1]/",
        "http://localhost/",
        "http://LocalHost/",
    ] {
        assert!(!may(&none, url).await, "{url}");
        assert!(may(&Reach::anywhere(), url).await, "{url}");
    }
}

#[tokio::test]
async fn what_is_listed_is_dialled_and_nothing_beside_it() {
    for (list, url, allowed) in [
        ("127.0.0.1", "ws://127.0.0.1:4443/", true),
        ("127.0.0.1", "ws://127.0.0.2:4443/", false),
        ("127.0.0.1:4443", "ws://127.0.0.1:4443/", true),
        ("127.0.0.1:4443", "ws://127.0.0.1:5432/", false),
        ("127.0.0.1:443", "wss://127.0.0.1/", true),
        ("10.0.0.0/8", "http://10.255.0.1/", true),
        ("10.0.0.0/8", "http://[::ffff:10.255.0.1]/", true),
        ("10.0.0.0/8", "http://[64:ff9b::a01:203]/", true),
        ("10.0.0.0/8", "http://11.0.0.1/", true),
        ("10.0.0.0/8", "http://192.168.0.1/", false),
        ("0.0.0.0/0", "http://169.254.169.254/", true),
        ("0.0.0.0/0", "http://[::1]/", false),
        ("fd00::/8", "http://[fd12::1]/", true),
        ("[::1]:3000", "http://[::1]:3000/", true),
        ("[::1]:3000", "http://[::1]:3001/", false),
        ("localhost", "http://LOCALHOST:9/", true),
        ("localhost:9", "http://localhost:10/", false),
        ("sfu.internal,localhost.:9", "http://localhost:9/", true),
        // A name is listed, not its address: nobody else's name may lead there.
        ("localhost", "http://127.0.0.1/", false),
    ] {
        assert_eq!(may(&reach(list), url).await, allowed, "{list}: {url}");
    }
}

#[tokio::test]
async fn the_host_of_a_configured_url_is_listed_with_its_port() {
    let reach = reach("").and_host_of(&"http://127.0.0.1:3000/base".parse().unwrap());
    assert!(may(&reach, "http://127.0.0.1:3000/").await);
    assert!(!may(&reach, "http://127.0.0.1:3001/").await);
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    for text in
        ["", " ", "10.0.0.0/33", "::/129", "sfu/8", "sfu:x", "sfu:70000", "[::1", "a b", "http://x/", "*"]
    {
        assert!(text.parse::<Rule>().is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_told_from_a_forbidden_one() {
    let url = "http://no-such-host.invalid/".parse().unwrap();
    assert!(matches!(reach("").resolve(&url).await, Err(Error::Unresolved { .. })));
    assert!(matches!(reach("").resolve(&"data:x".parse().unwrap()).await, Err(Error::Url(_))));
}

#[tokio::test]
async fn media_goes_where_the_signalling_was_and_not_to_this_machine() {
    let to = |ip: &str| ip.parse::<IpAddr>().unwrap();
    let of =
        async |reach: &Reach, url: &str| reach.resolve(&url.parse().unwrap()).await.unwrap().surroundings();
    let public = of(&reach(""), "wss://8.8.8.8/").await;
    assert!(public.allows_media(to("8.8.8.8")) && public.allows_media(to("1.1.1.1")));
    for ip in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert!(!public.allows_media(to(ip)), "{ip}");
    }
    let inside = of(&reach("10.0.0.1"), "ws://10.0.0.1/").await;
    assert!(inside.allows_media(to("10.0.0.1")) && inside.allows_media(to("192.168.7.7")));
    assert!(!inside.allows_media(to("127.0.0.1")) && !inside.allows_media(to("169.254.169.254")));
    let beside = of(&reach("127.0.0.1"), "ws://127.0.0.1:4443/").await;
    assert!(beside.allows_media(to("127.0.0.1")) && !beside.allows_media(to("10.0.0.1")));
    let named = of(&reach("localhost"), "ws://localhost/").await;
    assert!(named.allows_media(to("127.0.0.1")) || named.allows_media(to("::1")));
    let anywhere = of(&Reach::anywhere(), "ws://8.8.8.8/").await;
    assert!(anywhere.allows_media(to("127.0.0.1")));
}

/// A server that answers one request, and says which host was asked for.
async fn once(answer: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = [0; 4096];
        let length = stream.read(&mut text).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    });
    (address, asked)
}

#[tokio::test]
async fn the_connection_goes_to_the_checked_address_under_the_hosts_name() {
    let (address, asked) = once("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let site = Site {
        host: "sfu.example.org".to_owned(),
        addresses: vec![address],
        secure: false,
        reach: Reach::anywhere(),
    };
    let url = format!("http://sfu.example.org:{}/x", address.port());
    let answer = site.client().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    let asked = asked.await.unwrap();
    assert!(asked.to_lowercase().contains(&format!("host: sfu.example.org:{}", address.port())), "{asked}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_other_names_lead_nowhere() {
    let (address, asked) =
        once("HTTP/1.1 302 Found\r\nlocation: http://localhost:1/\r\ncontent-length: 0\r\n\r\n").await;
    let url: Url = format!("http://{address}/").parse().unwrap();
    let client = Reach::anywhere().resolve(&url).await.unwrap().client().unwrap();
    assert_eq!(client.get(url).send().await.unwrap().status(), 302);
    asked.await.unwrap();
    let error = client.get("http://localhost:1/").send().await.unwrap_err();
    assert!(chain(&error).contains("was not checked"), "{}", chain(&error));
}

#[test]
fn certificates_must_be_some() {
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(reach("").and_authorities(pem.as_bytes()), Err(Error::Certificates(_))), "{pem:?}");
    }
}

proptest! {
    #[test]
    fn an_address_in_other_clothes_is_the_same_address(bits: u32) {
        let ip = Ipv4Addr::from(bits);
        let public = special::public(ip.into());
        let [a, b, c, d] = ip.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for clothed in [
            ip.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ] {
            prop_assert_eq!(special::public(clothed.into()), public, "{}", clothed);
        }
    }

    #[test]
    fn failure_34_any_entry_is_read_or_refused(text in "\\PC*") {
        let _ = text.parse::<Rule>();
    }
}
