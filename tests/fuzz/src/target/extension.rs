//! Header extensions: bodies of any length, and whatever numbers were negotiated.

use crate::media::rtp::extension::{self, Ids};

pub fn run(data: &[u8]) {
    let Some(([high, low], body)) = data.split_first_chunk::<2>() else { return };
    let id = u16::from_be_bytes([*high, *low]);
    let ids = Ids::new([(extension::CAPTURE_TIME, id), (extension::ORIENTATION, id)]);
    assert_eq!(ids.orientation.is_some(), (1..=255).contains(&id));
    if let Some(time) = extension::capture_time(body) {
        let _ = time.to_wall();
    }
    if let Some(turn) = extension::rotation(body) {
        assert_eq!(extension::rotation(&[(turn.degrees() / 90) as u8]), Some(turn));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![vec![0, 11, 1], [[0, 13].as_slice(), &[9; 8]].concat(), [[0, 13].as_slice(), &[9; 16]].concat()]
}
