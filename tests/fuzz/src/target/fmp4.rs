//! The reader of files, with any bytes as a file.

use super::track;
use crate::media::Kind;
use crate::media::fmp4::index::{Index, encode};
use crate::media::fmp4::{describe, fragment, init, read};
use crate::media::segment::{Policy, from_fragments, from_index};
use crate::time::{Ticks, Timescale};

pub fn run(data: &[u8]) {
    let scan = read::scan(data);
    assert!(scan.valid <= data.len() as u64);
    for found in &scan.fragments {
        assert!(found.range.end <= scan.valid && found.run <= scan.inits.len());
        for sample in &found.samples {
            assert!(sample.offset + u64::from(sample.size) <= scan.valid);
        }
    }
    let again = read::scan(data.get(..scan.valid as usize).expect("within"));
    assert_eq!((again.valid, &again.fragments), (scan.valid, &scan.fragments), "what is valid stays so");
    recover(&scan);
    let text = describe::text(data);
    assert_eq!(text.is_empty(), data.is_empty());
    assert!(text.len() <= 4096 + 64 * data.len(), "text grows with the file only");
    let _ = init::origin(data);
    let mut moved = data.to_vec();
    if fragment::shift(&mut moved, Ticks(90_000)).is_ok() {
        assert_eq!(moved.len(), data.len());
        assert!(fragment::shift(&mut moved, Ticks(-90_000)).is_ok());
        assert_eq!(moved, data);
    }
    let index = Index::parse(data);
    assert!(index.bytes() <= data.len() as u64);
    assert!(data.starts_with(&encode(&index.entries)));
    let _ = from_index(&index.entries, Ticks(0), 0);
}

/// Segments of a file whose index is lost.
fn recover(scan: &read::Scan) {
    let _ = Index::rebuild(scan);
    for kind in [Kind::Audio, Kind::Video] {
        let segments = from_fragments(&scan.fragments, Policy::default(), Timescale::VIDEO, kind, 0);
        let samples: usize = scan.fragments.iter().map(|found| found.samples.len()).sum();
        assert_eq!(segments.iter().map(|segment| segment.samples as usize).sum::<usize>(), samples);
    }
}

/// A file of each codec, and its index.
pub fn seeds() -> Vec<Vec<u8>> {
    track::seeds().iter().flat_map(|seed| track::files(seed)).collect()
}
