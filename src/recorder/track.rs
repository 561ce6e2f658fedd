//! One track.

/// Counts of one track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came.
    pub packets: u64,
    /// Packets that came by retransmission.
    pub recovered: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Samples stored.
    pub samples: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Media stored, in microseconds.
    pub duration_micros: i64,
}
