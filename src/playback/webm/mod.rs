//! The stored media as WebM.

pub mod segment;
