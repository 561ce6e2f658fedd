//! The JSON of the signalling, and what it leads to: capabilities, consumers, offers.

use super::session;
use crate::signalling::protoo;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(consumer) = protoo::read(text) {
        session::offered(&consumer);
    }
}

/// One message of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let parameters = session::PARAMETERS;
    let router = session::ROUTER;
    let transport = session::TRANSPORT;
    [
        format!(
            r#"{{"request":true,"id":1,"method":"newConsumer","data":{{"peerId":"a","producerId":"p","id":"c","kind":"video","rtpParameters":{parameters},"type":"simulcast","appData":{{"share":true,"source":"x"}},"producerPaused":true}}}}"#
        ),
        format!(
            r#"{{"request":true,"id":1,"method":"newConsumer","data":{{"peerId":"a","producerId":"p","consumerId":"c","kind":"video","source":"screen","rtpParameters":{parameters},"type":"simple","spatialLayer":1}}}}"#
        ),
        format!(r#"{{"response":true,"id":1,"ok":true,"data":{router}}}"#),
        format!(r#"{{"response":true,"id":1,"ok":true,"data":{{"routerRtpCapabilities":{router}}}}}"#),
        format!(r#"{{"response":true,"id":1,"ok":true,"data":{transport}}}"#),
        r#"{"response":true,"id":1,"ok":true,"data":{"peers":[{"id":"a","displayName":"Ann"},{"peerId":"b"}]}}"#.into(),
        r#"{"response":true,"id":1,"ok":false,"errorCode":403,"errorReason":"no"}"#.into(),
        r#"{"notification":true,"method":"newPeer","data":{"peer":{"peerId":"a","displayName":"Ann"}}}"#.into(),
        r#"{"notification":true,"method":"consumerLayersChanged","data":{"consumerId":"c","layers":{"spatialLayer":2,"temporalLayer":1}}}"#.into(),
        r#"{"notification":true,"method":"consumerScore","data":{"consumerId":"c","score":{"score":9,"producerScore":10}}}"#.into(),
        r#"{"notification":true,"method":"activeSpeaker","data":{"peerId":null}}"#.into(),
        r#"{"notification":true,"method":"peerClosed","data":{"peerId":"a"}}"#.into(),
    ]
    .map(String::into_bytes)
    .into()
}
