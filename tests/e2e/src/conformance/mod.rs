//! Checkers of what is served against its specifications. They share no code with the product and read media with
//! other people's parsers.

pub mod hls;
