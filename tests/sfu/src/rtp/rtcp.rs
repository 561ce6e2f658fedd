//! The little RTCP that a publisher needs: sender reports out, requests for key frames in.

/// Seconds between the epochs of NTP (1900) and Unix (1970).
const NTP_EPOCH: u64 = 2_208_988_800;

/// What a sender report says (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: u32,
    /// Wall time in microseconds since 1970.
    pub wall_us: u64,
    /// The RTP timestamp of the same instant.
    pub timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

impl SenderReport {
    /// A compound packet: this report and the CNAME (RFC 3550 6.1).
    pub fn compound(&self, cname: &str) -> Vec<u8> {
        let mut out = vec![0x80, 200, 0, 6];
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&ntp(self.wall_us));
        for word in [self.timestamp, self.packets, self.octets] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        // SDES with one item, ended by zeros up to a whole word (6.5).
        let mut item = self.ssrc.to_be_bytes().to_vec();
        item.extend_from_slice(&[1, cname.len() as u8]);
        item.extend_from_slice(cname.as_bytes());
        item.resize(item.len() + 4 - item.len() % 4, 0);
        out.extend_from_slice(&[0x81, 202]);
        out.extend_from_slice(&((item.len() / 4) as u16).to_be_bytes());
        out.extend_from_slice(&item);
        out
    }
}

/// Wall time in microseconds since 1970 as a 64-bit NTP timestamp (RFC 5905 6).
pub fn ntp(wall_us: u64) -> [u8; 8] {
    let seconds = wall_us / 1_000_000 + NTP_EPOCH;
    let fraction = ((wall_us % 1_000_000) << 32) / 1_000_000;
    (seconds << 32 | fraction).to_be_bytes()
}

/// How many requests for a key frame, PLI (RFC 4585 6.3.1) or FIR (RFC 5104 4.3.1), a datagram holds.
pub fn keyframe_requests(mut data: &[u8]) -> u64 {
    let mut count = 0;
    while let [first, kind, high, low, ..] = *data {
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        if kind == 206 && matches!(first & 0x1f, 1 | 4) {
            count += 1;
        }
        data = data.get(length..).unwrap_or_default();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_maps_wall_time_to_rtp_time() {
        let report = SenderReport { ssrc: 1, wall_us: 1_500_000, timestamp: 2, packets: 3, octets: 4 };
        let bytes = report.compound("ab");
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(bytes[..8], [0x80, 200, 0, 6, 0, 0, 0, 1]);
        assert_eq!(bytes[8..12], 2_208_988_801_u32.to_be_bytes());
        assert_eq!(bytes[12..16], 0x8000_0000_u32.to_be_bytes());
        assert_eq!(bytes[28..], [0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0]);
    }

    #[test]
    fn requests_are_counted_in_compounds() {
        let receiver_report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(keyframe_requests(&[&receiver_report[..], &pli, &pli].concat()), 2);
        assert_eq!(keyframe_requests(&[0x81, 206]), 0);
    }
}
