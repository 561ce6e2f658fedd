//! Playback analytics, pure: what players tell in, numbers with a published definition out. No I/O, no clock, no async.
//!
//! A raw event ([`event::Event`]) is what one player told at one moment, by one of three ways: our own beacon, a report
//! of CMCD, or CMCD on a request for a segment ([`cmcd`]). Raw events are kept as they came. A viewing session's numbers
//! ([`session::Summary`]) are a function of the SET of its raw events: neither the order nor the number of times in which
//! they arrived matters, so computing them again gives the same. What many sessions make together is in [`retention`].
//!
//! `docs/analytics.md` publishes every definition; the constants that it names are here.

pub mod cmcd;
pub mod event;
pub mod ranges;
pub mod retention;
pub mod session;
