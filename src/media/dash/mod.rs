//! DASH manifests (ISO/IEC 23009-1): a snapshot in, text out. What is printed is decided elsewhere.

pub mod mpd;
mod xml;
