//! Bytes that arrive in pieces: one piece is given on as it is, several are joined once, at the end.

use bytes::{Bytes, BytesMut};

/// The pieces so far.
#[derive(Default)]
pub(super) struct Parts {
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Parts {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.pieces.push(piece);
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.bytes = 0;
    }

    /// All of it, as one; nothing is left.
    pub(super) fn join(&mut self) -> Bytes {
        let joined = match self.pieces.as_slice() {
            [piece] => piece.clone(),
            pieces => {
                let mut joined = BytesMut::with_capacity(self.bytes);
                pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
                joined.freeze()
            }
        };
        self.clear();
        joined
    }
}
