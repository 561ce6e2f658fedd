//! Packets to frames: order first ([`reorder`]), then the payload formats ([`depacketize`]).

pub mod depacketize;
pub mod extension;
pub mod loss;
pub mod packet;
pub mod reorder;
