//! Bytes to packets and moments, and back for seeds.
//!
//! A step is a byte of flags, what the flags announce, and, for a packet, a length of 16 bits and the payload:
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | marker |
//! | 1, 2 | sequence number: the next; one is left out; signed byte follows; signed 32 bits follow |
//! | 3, 4 | timestamp: the same; a picture later; signed 16 bits follow; 32 bits follow |
//! | 5, 6 | arrival: 1 ms later; byte of 10 ms follows; 16 bits of seconds follow; 33 ms later |
//! | 7 | an [`Event`] follows instead of a packet |

use crate::media::Rotation;
use crate::media::rtp::packet::Packet;
use crate::time::{Moment, NtpTime};
use bytes::Bytes;

/// Something other than a packet happens.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Only time passes.
    Poll,
    /// Our queue was full.
    Overflow,
    /// The consumer is gone and another one comes.
    Again,
    /// A sender report: its NTP time and RTP timestamp.
    Report(NtpTime, u32),
    /// What another stream of the participant says of delays.
    Share(i64),
    /// The producer is paused, or goes on.
    Mute(bool),
    /// The whole recording is paused for so many microseconds.
    Pause(i64),
    /// The participant leaves and comes again after so many microseconds.
    Leave(i64),
    /// The next packet has these.
    Extensions,
}

/// One step of a stream.
pub enum Step {
    /// A packet comes.
    Packet(Packet),
    /// Something else, at a moment.
    Event(Event, Moment),
}

/// Reads steps.
pub struct Input<'a> {
    rest: &'a [u8],
    sequence: u64,
    timestamp: u32,
    now: Moment,
    captured: Option<NtpTime>,
    rotation: Option<Rotation>,
}

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            sequence: 1 << 32,
            timestamp: 0xffff_0000,
            now: Moment(5_000_000),
            captured: None,
            rotation: None,
        }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*value)
    }

    fn move_on(&mut self, flags: u8) -> Option<()> {
        let sequence = match flags >> 1 & 3 {
            0 => 1,
            1 => 2,
            2 => i64::from(i8::from_be_bytes(self.take()?)),
            _ => i64::from(i32::from_be_bytes(self.take()?)),
        };
        self.sequence = self.sequence.wrapping_add_signed(sequence);
        self.timestamp = match flags >> 3 & 3 {
            0 => self.timestamp,
            1 => self.timestamp.wrapping_add(3000),
            2 => self.timestamp.wrapping_add_signed(i16::from_be_bytes(self.take()?).into()),
            _ => u32::from_be_bytes(self.take()?),
        };
        let millis = match flags >> 5 & 3 {
            0 => 1,
            1 => 10 * i64::from(u8::from_be_bytes(self.take()?)),
            2 => 1000 * i64::from(u16::from_be_bytes(self.take()?)),
            _ => 33,
        };
        self.now = self.now.plus(millis * 1000);
        Some(())
    }

    fn while_away(&mut self) -> Option<i64> {
        Some(10_000 * i64::from(u16::from_be_bytes(self.take()?)))
    }

    fn event(&mut self) -> Option<Event> {
        let [kind] = self.take()?;
        Some(match kind % 10 {
            0 => Event::Poll,
            1 => Event::Overflow,
            2 => Event::Again,
            3 => {
                let time = NtpTime(u64::from_be_bytes(self.take()?));
                Event::Report(time, u32::from_be_bytes(self.take()?))
            }
            4 => Event::Share(i64::from_be_bytes(self.take()?)),
            5 => Event::Mute(true),
            6 => Event::Mute(false),
            7 => Event::Pause(self.while_away()?),
            8 => Event::Leave(self.while_away()?),
            _ => {
                self.captured = Some(NtpTime(u64::from_be_bytes(self.take()?)));
                self.rotation = Some(
                    [Rotation::None, Rotation::Right, Rotation::Half, Rotation::Left][usize::from(kind >> 6)],
                );
                Event::Extensions
            }
        })
    }
}

impl Iterator for Input<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let [flags] = self.take()?;
        self.move_on(flags)?;
        if flags & 0x80 != 0 {
            let (now, event) = (self.now, self.event()?);
            if let Event::Pause(micros) | Event::Leave(micros) = event {
                self.now = now.plus(micros);
            }
            return Some(Step::Event(event, now));
        }
        let length = usize::from(u16::from_be_bytes(self.take()?)).min(self.rest.len());
        let (payload, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(Step::Packet(Packet {
            sequence: self.sequence,
            timestamp: self.timestamp,
            marker: flags & 1 != 0,
            arrival: self.now,
            payload: Bytes::copy_from_slice(payload),
            captured: self.captured.take(),
            rotation: self.rotation.take(),
            ..Packet::default()
        }))
    }
}

/// The step of a packet that follows the one before it, in the same frame or in the next.
pub fn step(out: &mut Vec<u8>, begins: bool, marker: bool, payload: &[u8]) {
    let flags = if begins { 1 << 3 | 3 << 5 } else { 0 };
    out.push(flags | u8::from(marker));
    out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    out.extend_from_slice(payload);
}
