//! Payloads as `@svta/cml-cmcd` 2.3.2 writes them, which hls.js 1.7, shaka 5.2 and dash.js 5.2 use, and broken ones.

use super::*;
use proptest::prelude::*;

const V1: &str = r#"bl=21300,br=3200,bs,cid="lesson \"4\"",d=2004,dl=21300,mtp=25400,nor="seg%2F4.m4s",nrr="0-99",ot=v,pr=1.08,rtp=15000,sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v,tb=6000"#;
const V2: &str = r#"bl=(21300;v 20100;a),br=(3200;v),bs,cid="lesson \"4\"",d=2004,dl=21300,mtp=(25400),nor=("seg/4.m4s";r="0-99" "a,b (c).mp4"),ot=v,pb=(3200),pr=1.08,rtp=15000,sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",sn=3,st=v,sta=p,tb=(6000),tpb=(6000),v=2"#;
const SID: &str = "6e2fb550-c457-11e9-bb97-0800200c9a66";

fn read(text: &str) -> Cmcd {
    let (cmcd, skipped) = Cmcd::read(text).unwrap();
    assert_eq!(skipped, Skipped::default(), "{text}");
    cmcd
}

/// What of a payload is skipped: malformed, refused, unknown.
fn skipped(text: &str) -> (u32, u32, u32) {
    let skipped = Cmcd::read(text).unwrap().1;
    (skipped.malformed, skipped.refused, skipped.unknown)
}

fn item(number: i64, object: Option<Object>) -> Item {
    Item { number, object }
}

#[test]
fn version_1_is_read() {
    let wanted = Cmcd {
        sid: Some(SID.to_owned()),
        cid: Some("lesson \"4\"".to_owned()),
        sf: Some(Format::Hls),
        st: Some(Stream::Recorded),
        ot: Some(Object::Video),
        d: Some(2004),
        bl: vec![item(21_300, None)],
        br: vec![item(3200, None)],
        tb: vec![item(6000, None)],
        mtp: vec![item(25_400, None)],
        dl: Some(21_300),
        rtp: Some(15_000),
        pr: Some(1080),
        bs: true,
        ..Cmcd::default()
    };
    assert_eq!(read(V1), wanted);
}

#[test]
fn version_2_is_read() {
    let cmcd = read(V2);
    assert_eq!((cmcd.v, cmcd.sn, cmcd.sta), (Some(2), Some(3), Some(State::Playing)));
    assert_eq!(cmcd.bl, [item(21_300, Some(Object::Video)), item(20_100, Some(Object::Audio))]);
    assert_eq!((cmcd.pb, cmcd.tpb), (vec![item(3200, None)], vec![item(6000, None)]));
    assert_eq!(Cmcd::of(&cmcd.bl, Some(Object::Audio)), Some(20_100));
    assert_eq!(Cmcd::of(&cmcd.bl, None), Some(21_300));
    assert_eq!(Cmcd::of(&cmcd.bl, Some(Object::Muxed)), None);
    assert_eq!(Cmcd::of(&cmcd.mtp, Some(Object::Video)), Some(25_400));
    assert_eq!(Cmcd::most(&cmcd.bl), Some(21_300));
}

#[test]
fn headers_together_are_the_same_payload() {
    let headers = [
        r#"bl=(21300;v 20100;a),dl=21300,mtp=(25400),nor=("seg/4.m4s";r="0-99" "a,b (c).mp4"),pb=(3200),sn=3,sta=p"#,
        "br=(3200;v),d=2004,ot=v,tb=(6000),tpb=(6000)",
        "bs,pr=1.08,rtp=15000",
        r#"cid="lesson \"4\"",sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=v,v=2"#,
    ];
    assert_eq!(Cmcd::read_all(headers), Ok((read(V2), Skipped::default())));
    assert_eq!(Cmcd::read_all([""; 4]), Ok((Cmcd::default(), Skipped::default())));
}

#[test]
fn a_report_is_read_line_by_line() {
    let body = concat!(
        "bl=(4000),e=ps,sid=\"s\",sn=4,sta=r,ts=1732000000123,v=2\n",
        "e=b,sn=1,ts=1,v=2,bg=?0\n",
        "e=e,ec=(\"bufferStalledError\" \"x\"),sn=2,ts=2,v=2\r\n",
        "e=e,ec=27,ts=2,v=2\n\n",
        "e=rr,rc=200,sn=9,ts=5,ttfb=12,ttlb=40.6,url=\"https://h/a/1.m4s?x=\\\"y\\\"\",v=2\n",
        "e=pr,pr=1,ts=3,v=2\n",
        "cen=\"my\",com.example-k=3,e=ce,ts=3,v=2\n",
    );
    let report = Report::read(body.as_bytes()).unwrap();
    assert_eq!((report.records.len(), report.refused, report.skipped.unknown), (7, 0, 1));
    let of = |index: usize| &report.records[index];
    assert_eq!(
        (of(0).e, of(0).sta, of(0).ts),
        (Some(EventKind::PlayState), Some(State::Rebuffering), Some(1_732_000_000_123))
    );
    assert_eq!((of(1).e, of(1).bg), (Some(EventKind::Background), Some(false)));
    assert_eq!(
        (of(2).ec.as_slice(), of(3).ec.as_slice()),
        (&["bufferStalledError".to_owned(), "x".to_owned()][..], &["27".to_owned()][..])
    );
    assert_eq!(
        (of(4).rc, of(4).ttlb, of(4).url.as_deref()),
        (Some(200), Some(41), Some("https://h/a/1.m4s?x=\"y\""))
    );
    assert_eq!((of(5).pr, of(6).cen.as_deref()), (Some(1000), Some("my")));
}

#[test]
fn lines_that_are_no_records_are_counted() {
    let long = format!("e=t,ts=1,cid=\"{}\"", "x".repeat(MOST_BYTES));
    let body = [
        b"e=t,ts=1\n".as_slice(),
        b"\xff\xfe\n",
        b"e=t\n",
        b"ts=1\n",
        b"e=zz,ts=1\n",
        b"{}\n",
        long.as_bytes(),
    ]
    .concat();
    let report = Report::read(&body).unwrap();
    assert_eq!((report.records.len(), report.refused), (1, 6));
    let many = "e=t,ts=1\n".repeat(MOST_RECORDS + 5);
    let report = Report::read(many.as_bytes()).unwrap();
    assert_eq!((report.records.len(), report.refused), (MOST_RECORDS, 5));
    assert_eq!(Report::read(&vec![b'\n'; MOST_REPORT_BYTES + 1]), Err(BadReport::TooLong));
    assert_eq!(Report::read(b""), Ok(Report::default()));
}

#[test]
fn a_broken_pair_leaves_the_others() {
    assert_eq!(skipped(""), (0, 0, 0));
    assert_eq!(skipped("BL=3,=4,b l=5,bl=,br=()x"), (5, 0, 0));
    for broken in ["cid=\"never ends", "bl=(1 2", "cid=\"a\\", "nor=(\"x"] {
        let (cmcd, skipped) = Cmcd::read(&format!("d=1,{broken},br=7,su")).unwrap();
        assert_eq!(
            (cmcd.d, cmcd.br.as_slice(), cmcd.su, skipped.malformed),
            (Some(1), &[item(7, None)][..], true, 1),
            "{broken}"
        );
    }
}

#[test]
fn values_that_a_key_cannot_have_are_refused() {
    for refused in [
        "bl=-1",
        "d=-5",
        "pr=-1.0",
        "d=1e9",
        "d=NaN",
        "d=Infinity",
        "ts=99999999999999999999",
        "sta=z",
        "sta=5",
        "su=1",
        "bs=\"x\"",
        "bl=(1 -2)",
        "bl=x",
        "ec=()x;",
        "sid=5",
        "ot=?1",
        "sid=\"\"",
    ] {
        let (cmcd, count) = Cmcd::read(refused).unwrap();
        assert!(cmcd.is_empty(), "{refused}");
        assert_eq!(count.malformed + count.refused, 1, "{refused}");
    }
    let long = format!("sid=\"{}\",cid=\"{}\"", "s".repeat(65), "c".repeat(200));
    let (cmcd, count) = Cmcd::read(&long).unwrap();
    assert_eq!((cmcd.sid, cmcd.cid.unwrap().len(), count.refused), (None, 128, 1));
}

#[test]
fn unknown_keys_are_counted() {
    assert_eq!(skipped("com.example-x=1,zz,q=\"1\",df=4,nor=\"x\",cdn=\"y\",smrt=\"z\""), (0, 0, 4));
}

#[test]
fn the_forms_of_senders_that_are_not_quite_right_are_read() {
    let cmcd = read("sid=6e2fb550,cid=abc, bl=1234.5 ,su=?1,bs=?0,ot=\"v\",br=(5;ot=v),d=(7)");
    assert_eq!((cmcd.sid.as_deref(), cmcd.cid.as_deref()), (Some("6e2fb550"), Some("abc")));
    assert_eq!((cmcd.bl, cmcd.su, cmcd.bs), (vec![item(1235, None)], true, false));
    assert_eq!(
        (cmcd.ot, cmcd.br, cmcd.d),
        (Some(Object::Video), vec![item(5, Some(Object::Video))], Some(7))
    );
    assert_eq!(read("d=1,d=2").d, Some(2));
}

#[test]
fn payloads_are_bounded() {
    assert_eq!(Cmcd::read(&"x".repeat(MOST_BYTES + 1)), Err(BadCmcd::TooLong));
    let half = "d=1,".repeat(MOST_BYTES / 8 + 1);
    assert_eq!(Cmcd::read_all([half.as_str(), half.as_str()]), Err(BadCmcd::TooLong));
    assert_eq!(skipped(&"su,".repeat(200)), (200 - MOST_PAIRS as u32, 0, 0));
    assert_eq!(read(&format!("bl=({})", "1 ".repeat(100))).bl.len(), MOST_ITEMS);
}

#[test]
fn its_json_is_short_and_read_again() {
    let cmcd = read(V2).kept();
    let json = serde_json::to_string(&cmcd).unwrap();
    let wanted = r#"{"v":2,"sf":"h","st":"v","sta":"p","sn":3,"ot":"v","d":2004,"bl":[[21300,"v"],[20100,"a"]],"br":[[3200,"v"]],"pb":[[3200,null]],"pr":1080,"bs":true}"#;
    assert_eq!(json, wanted);
    assert_eq!(serde_json::from_str::<Cmcd>(&json).unwrap(), cmcd);
    assert_eq!(serde_json::from_str::<Cmcd>(r#"{"later":1}"#).unwrap(), Cmcd::default());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = Cmcd::read(&text);
    }

    #[test]
    fn nothing_of_its_syntax_does(text in "([a-z]{1,3}(=([0-9.-]{0,20}|[?]?[a-z0-9]{0,4}|\"[^\"]{0,5}\"?|[(][0-9 ;av\"=]{0,12}[)]?))?,?){0,20}") {
        let (cmcd, _) = Cmcd::read(&text).unwrap();
        let lists = [&cmcd.bl, &cmcd.br, &cmcd.mtp, &cmcd.bsd];
        prop_assert!(lists.into_iter().flatten().all(|item| item.number >= 0));
        prop_assert!(cmcd.pr.is_none_or(|rate| rate >= 0) && cmcd.ts.is_none_or(|ts| ts >= 0));
        let json = serde_json::to_string(&cmcd).unwrap();
        prop_assert_eq!(serde_json::from_str::<Cmcd>(&json).unwrap(), cmcd);
    }

    #[test]
    fn no_bytes_of_a_report_do(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let report = Report::read(&bytes).unwrap();
        prop_assert!(report.records.len() <= MOST_RECORDS);
    }
}
