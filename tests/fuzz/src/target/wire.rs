//! What the WebRTC stack reads for us from decrypted datagrams, RTP and RTCP, and what we make of sender reports.
//! The stack's code is not ours; whatever makes it panic would take our task with it.

use crate::media::rtp::extension;
use crate::media::rtp::packet::SenderReport;
use crate::rtp::Header;
use crate::time::{Moment, NtpTime};
use bytes::Bytes;
use rtc_rtcp::sender_report::SenderReport as StackReport;
use rtc_shared::marshal::Unmarshal;

pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let mut bytes = Bytes::copy_from_slice(data);
    if kind & 1 == 0 {
        if let Ok(packet) = rtc_rtp::Packet::unmarshal(&mut bytes) {
            let extension = |id| packet.header.get_extension(id);
            let _ = extension(11).map(|body| extension::rotation(&body));
            let _ = extension(13).map(|body| extension::capture_time(&body));
        }
        return;
    }
    let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut bytes) else { return };
    for packet in &packets {
        if let Some(report) = packet.as_any().downcast_ref::<StackReport>() {
            let report =
                SenderReport { ntp: NtpTime(report.ntp_time), rtp: report.rtp_time, arrival: Moment(0) };
            let wall = report.ntp.to_wall();
            let back = NtpTime::from_wall(wall).to_wall();
            assert!(back.since(wall).abs() <= 1);
        }
    }
}

/// A packet with an extension, a sender report with a source description, and feedback.
pub fn seeds() -> Vec<Vec<u8>> {
    let header = Header { marker: true, payload_type: 101, sequence: 1, timestamp: 2, ssrc: 3 };
    let report =
        [&[1, 0x80, 200, 0, 6, 0, 0, 0, 3][..], &[9; 20], &[0x81, 202, 0, 2, 0, 0, 0, 3, 1, 1, b'x', 0]]
            .concat();
    vec![
        [&[0][..], &header.packet(&[(11, &[1])], &[7; 30])].concat(),
        report,
        vec![1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3],
        vec![1, 0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 0, 3],
        vec![1, 0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 0, 4, 0, 0, 0, 0, 0x20, 4, 4, 4],
        vec![
            1, 0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0,
        ],
        vec![1, 0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
    ]
}
