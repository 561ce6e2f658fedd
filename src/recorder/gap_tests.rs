//! Rooms in simulated time: cameras and microphones go off and on, the network fails.

use super::recording::{Action, Recording};
use super::recording_tests::{consumer, errors, peer, recording};
use super::testing::{Stored, at, h264, opus, sized, stored, vp8};
use super::track::Output;
use super::writer::Write;
use crate::catalog::{Cause, Gap, Pause, Shown};
use crate::id::TrackId;
use crate::media::{Codec, Kind};
use crate::session::{Consumer, Source};
use crate::time::{Ticks, WallTime};

/// What a consumer delivers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sends {
    /// A packet each 20 ms.
    Sound,
    /// A picture each 40 ms, a key frame each 2 s.
    Pictures,
    /// The same with another size each 0.4 s.
    Flapping,
    Nothing,
}

pub(super) struct Live {
    pub(super) id: String,
    sends: Sends,
    sequence: u64,
    since: u64,
}

/// A room in steps of 20 ms.
pub(super) struct Sim {
    pub(super) recording: Recording,
    pub(super) now: i64,
    pub(super) live: Vec<Live>,
    pub(super) out: Vec<Action>,
}

impl Sim {
    pub(super) fn new() -> Self {
        Self { recording: recording(), now: 0, live: Vec::new(), out: Vec::new() }
    }

    pub(super) fn open(&mut self, consumer: &Consumer, sends: Sends) {
        self.recording.consumer_opened(consumer, at(self.now), &mut self.out);
        let sequence = 1000 * self.live.len() as u64;
        self.live.push(Live { id: consumer.id.clone(), sends, sequence, since: 0 });
    }

    pub(super) fn sends(&mut self, id: &str, sends: Sends) {
        let live = self.live.iter_mut().find(|live| live.id == id).unwrap();
        (live.sends, live.since) = (sends, 0);
    }

    pub(super) fn close(&mut self, id: &str) {
        self.live.retain(|live| live.id != id);
        self.recording.consumer_closed(id, &mut self.out);
    }

    pub(super) fn mute(&mut self, id: &str) {
        self.sends(id, Sends::Nothing);
        self.recording.consumer_paused(id, at(self.now));
    }

    pub(super) fn unmute(&mut self, id: &str, sends: Sends) {
        self.sends(id, sends);
        self.recording.consumer_resumed(id, at(self.now));
    }

    pub(super) fn until(&mut self, millis: i64) {
        self.go(millis, true);
    }

    /// The same; what comes is taken, and nothing else is done.
    pub(super) fn unpolled(&mut self, millis: i64) {
        self.go(millis, false);
    }

    fn go(&mut self, millis: i64, polls: bool) {
        while self.now < millis {
            for live in &mut self.live {
                let packet = match live.sends {
                    Sends::Sound => opus(live.sequence, self.now),
                    Sends::Pictures if self.now % 40 == 0 => {
                        vp8(live.sequence, self.now, live.since.is_multiple_of(50))
                    }
                    Sends::Flapping if self.now % 40 == 0 => {
                        let size = if live.since / 10 % 2 == 0 { (320, 180) } else { (640, 360) };
                        sized(live.sequence, self.now, live.since.is_multiple_of(10).then_some(size))
                    }
                    _ => continue,
                };
                live.sequence += 1;
                live.since += 1;
                self.recording.packet(&live.id, packet, &mut self.out);
            }
            if polls && self.now % 100 == 0 {
                self.recording.poll(at(self.now), &mut self.out);
            }
            self.now += 20;
        }
    }

    pub(super) fn finish(mut self) -> Made {
        self.recording.finish(at(self.now), &mut self.out);
        assert!(errors(&self.out).iter().all(String::is_empty), "{:?}", errors(&self.out));
        let mut made = Made { stopped: self.recording.wall(at(self.now)), ..Made::default() };
        let mut media: Vec<(TrackId, Vec<Output>)> = Vec::new();
        for action in self.out {
            let Action::Write(write) = action else { continue };
            match write {
                Write::Track(track) => {
                    made.sources.push((track.source.clone(), track.codec));
                    media.push((track.id, Vec::new()));
                }
                Write::Participant(_) => made.participants += 1,
                Write::Pause(pause) => made.pauses.push(pause),
                Write::Resume(_, number, at) => made.pauses[number as usize].ended_at = Some(at),
                Write::Media(id, output) => {
                    media.iter_mut().find(|(own, _)| *own == id).unwrap().1.push(output)
                }
                _ => {}
            }
        }
        for (_, outputs) in media {
            made.gaps.push(told(&outputs));
            made.walls.push(walls(&outputs));
            made.tracks.push(stored(outputs));
        }
        made
    }
}

/// What came of it, a member for each track.
#[derive(Default)]
pub(super) struct Made {
    pub(super) sources: Vec<(String, Codec)>,
    pub(super) tracks: Vec<Stored>,
    pub(super) gaps: Vec<Vec<Gap>>,
    pub(super) walls: Vec<Vec<(i64, WallTime)>>,
    pub(super) participants: usize,
    pub(super) pauses: Vec<Pause>,
    pub(super) stopped: WallTime,
}

impl Made {
    /// Where a track's media and gaps begin and end, in milliseconds; they follow each other without a hole.
    pub(super) fn tiles(&self, track: usize) -> (i64, i64) {
        let scale = i64::from(self.sources[track].1.timescale().0) / 1000;
        let segments = self.tracks[track].segments.iter().map(|(_, own)| (own.start, own.duration));
        let gaps = self.gaps[track].iter().map(|own| (own.start, own.duration));
        let mut all: Vec<_> = segments.chain(gaps).collect();
        all.sort();
        for pair in all.windows(2) {
            assert_eq!(pair[0].0 + pair[0].1, pair[1].0, "{all:?}");
        }
        let (first, last) = (all[0], all[all.len() - 1]);
        (first.0.0 / scale, (last.0 + last.1).0 / scale)
    }

    pub(super) fn first_ms(&self, track: usize, run: usize) -> i64 {
        self.tracks[track].runs[run].first.0 * 1000 / i64::from(self.sources[track].1.timescale().0)
    }
}

/// The gaps as they were in the end. Nothing that was told is ever taken back, and no segment lies inside it.
fn told(outputs: &[Output]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut reached = Ticks(0);
    for output in outputs {
        match output {
            Output::Gap(gap) if gap.number as usize == gaps.len() => gaps.push(gap.clone()),
            Output::Gap(gap) => {
                let before = &gaps[gap.number as usize];
                assert!(before.open && gap.duration >= before.duration);
                let same = |gap: &Gap| (gap.start, gap.after, gap.cause, gap.shown, gap.listed_micros);
                assert_eq!(same(before), same(gap));
                gaps[gap.number as usize] = gap.clone();
            }
            Output::Sure { gap, reached: told } => {
                let last = gaps.last().filter(|last| last.open && last.number == *gap).unwrap();
                assert!(*told > reached, "{told:?} of {last:?} after {reached:?}");
                reached = *told;
            }
            Output::Run(run) => {
                assert!(run.first >= reached, "{run:?} after {reached:?}");
                assert!(gaps.iter().all(|gap| !gap.open), "a gap ends before a run begins");
            }
            Output::Segment { segment, .. } => reached = segment.start + segment.duration,
            _ => {}
        }
        reached = reached.max(gaps.last().map_or(Ticks(0), |gap| gap.start + gap.duration));
    }
    assert!(gaps.iter().all(|gap| !gap.open), "the end closes what is open");
    gaps
}

fn walls(outputs: &[Output]) -> Vec<(i64, WallTime)> {
    let wall = |output: &Output| match output {
        Output::Segment { segment, wall, .. } => Some((segment.start.0, *wall)),
        _ => None,
    };
    outputs.iter().filter_map(wall).collect()
}

pub(super) fn camera(id: &str) -> Consumer {
    consumer(id, "ann", "video/VP8")
}

pub(super) fn microphone(id: &str) -> Consumer {
    consumer(id, "ann", "audio/opus")
}

/// `(cause, shown, from, to)` in milliseconds of a track of pictures.
pub(super) fn causes(gaps: &[Gap]) -> Vec<(Cause, Shown, i64, i64)> {
    gaps.iter()
        .map(|gap| (gap.cause, gap.shown, gap.start.0 / 90, (gap.start + gap.duration).0 / 90))
        .collect()
}

#[test]
fn failure_14_camera_off_and_on_with_a_new_producer_is_one_timeline() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&camera("first"), Sends::Pictures);
    sim.until(3_000);
    sim.close("first");
    sim.until(13_000);
    sim.open(&camera("second"), Sends::Pictures);
    sim.until(16_000);
    let made = sim.finish();
    assert_eq!((made.tracks.len(), made.participants), (2, 1));
    assert_eq!(made.tracks[1].runs.len(), 2);
    assert_eq!(causes(&made.gaps[1]), [(Cause::Off, Shown::Black, 3_000, 13_000)]);
    assert_eq!(made.gaps[1][0].after, 1);
    assert_eq!(made.tiles(1), (0, 16_000));
}

#[test]
fn failure_12_muted_sound_lasts_as_long_as_the_wall_clock() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.until(3_000);
    sim.mute("voice");
    sim.until(43_000);
    sim.unmute("voice", Sends::Sound);
    sim.until(45_000);
    sim.mute("voice");
    sim.until(60_000);
    let made = sim.finish();
    assert_eq!(made.tiles(0), (0, 60_000));
    assert!(made.gaps[0].iter().all(|gap| (gap.cause, gap.shown) == (Cause::Off, Shown::Silence)));
    let media: i64 = made.tracks[0].segments.iter().map(|(_, own)| own.duration.0).sum();
    assert_eq!(media, 5 * 48_000, "silence is not counted as media");
}

#[test]
fn failure_12_discontinuous_sound_lasts_as_long_as_the_wall_clock() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Nothing);
    // A packet each 400 ms, as an encoder in DTX sends them.
    for n in 0..50 {
        sim.until(400 * n as i64);
        sim.recording.packet("voice", opus(n, 400 * n as i64), &mut sim.out);
    }
    let made = sim.finish();
    assert_eq!(made.tiles(0), (0, 49 * 400 + 20));
    assert_eq!((made.tracks[0].runs.len(), made.gaps[0].len()), (1, 0));
}

#[test]
fn failure_6_sound_10_s_before_or_after_the_picture_stays_in_step() {
    for late in [0, 1] {
        let mut sim = Sim::new();
        let (voice, face) = (microphone("voice"), camera("face"));
        if late == 0 {
            sim.open(&face, Sends::Pictures)
        } else {
            sim.open(&voice, Sends::Sound)
        }
        sim.until(10_000);
        if late == 0 {
            sim.open(&voice, Sends::Sound)
        } else {
            sim.open(&face, Sends::Pictures)
        }
        sim.until(14_000);
        let made = sim.finish();
        assert_eq!((made.first_ms(0, 0), made.first_ms(1, 0)), (0, 10_000));
        assert_eq!((made.tiles(0), made.tiles(1)), ((0, 14_000), (10_000, 14_000)));
    }
}

#[test]
fn failure_16_flapping_parameters_make_runs_of_one_file() {
    let mut sim = Sim::new();
    sim.open(&camera("face"), Sends::Flapping);
    sim.until(40_000);
    let made = sim.finish();
    assert_eq!((made.tracks.len(), made.tracks[0].runs.len()), (1, 100));
    assert_eq!(made.tracks[0].entries.len(), 1000, "every picture is stored");
    assert_eq!((made.tiles(0), made.gaps[0].len()), ((0, 40_000), 0));
}

#[test]
fn failure_33_screens_codecs_and_a_return_are_one_recording() {
    let screen = |id| Consumer { source: Source::Screen, ..camera(id) };
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&camera("face"), Sends::Pictures);
    sim.until(2_000);
    sim.open(&screen("slides"), Sends::Pictures);
    sim.until(4_000);
    sim.close("slides");
    sim.close("face");
    sim.until(6_000);
    // The next camera sends another codec.
    let stream = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/h264-baseline.h264")).unwrap();
    sim.open(&consumer("better", "ann", "video/H264"), Sends::Nothing);
    for mut packet in h264(&stream) {
        packet.arrival = packet.arrival.plus(6_000_000);
        sim.recording.packet("better", packet, &mut sim.out);
    }
    sim.until(16_000);
    sim.recording.peer_left("ann", at(sim.now), &mut sim.out);
    sim.live.clear();
    sim.until(20_000);
    sim.recording.peer_joined(&peer("ann"), at(sim.now), &mut sim.out);
    sim.open(&microphone("again"), Sends::Sound);
    sim.open(&screen("more slides"), Sends::Pictures);
    sim.until(24_000);
    let made = sim.finish();
    assert_eq!(made.participants, 1);
    let sources: Vec<_> = made.sources.iter().map(|(name, codec)| (name.as_str(), *codec)).collect();
    assert_eq!(
        sources,
        [
            ("microphone", Codec::Opus),
            ("camera", Codec::Vp8),
            ("screen", Codec::Vp8),
            ("camera", Codec::H264)
        ]
    );
    assert_eq!(
        [0, 1, 2, 3].map(|n| made.tiles(n)),
        [(0, 24_000), (0, 16_000), (2_000, 24_000), (6_000, 16_000)]
    );
    let of_screen = causes(&made.gaps[2]);
    assert_eq!(
        of_screen,
        [(Cause::Off, Shown::Black, 4_000, 16_000), (Cause::Off, Shown::Black, 16_000, 20_000)],
        "what was told when its owner left stays"
    );
}

#[test]
fn what_is_on_its_way_when_a_camera_is_muted_is_stored() {
    let mut sim = Sim::new();
    sim.open(&camera("face"), Sends::Pictures);
    sim.until(3_000);
    // Told first, and some pictures come after it.
    sim.recording.consumer_paused("face", at(sim.now));
    sim.until(4_480);
    sim.mute("face");
    sim.until(9_000);
    sim.unmute("face", Sends::Pictures);
    sim.until(12_000);
    let made = sim.finish();
    assert_eq!(made.tracks[0].entries.len(), (4_480 + 3_000) / 40);
    assert_eq!(causes(&made.gaps[0]), [(Cause::Off, Shown::Black, 4_480, 9_000)]);
    let last = &made.tracks[0].entries[4_480 / 40 - 1];
    assert_eq!(last.duration, 3600, "the last picture keeps its usual length");
}

#[test]
fn a_short_mute_is_a_gap_and_a_key_frame_is_asked_for_at_once() {
    let mut sim = Sim::new();
    sim.open(&camera("face"), Sends::Pictures);
    sim.until(3_000);
    sim.mute("face");
    sim.until(4_000);
    sim.unmute("face", Sends::Nothing);
    sim.out.clear();
    sim.recording.poll(at(sim.now), &mut sim.out);
    assert!(
        matches!(sim.out.last(), Some(Action::RequestKeyframes(ids)) if ids == &["face"]),
        "{:?}",
        sim.out
    );
}

#[test]
fn a_mute_of_a_second_ends_a_run_at_the_usual_length() {
    let mut sim = Sim::new();
    sim.open(&camera("face"), Sends::Pictures);
    sim.until(3_000);
    sim.mute("face");
    sim.until(4_480);
    sim.unmute("face", Sends::Pictures);
    sim.until(6_000);
    let made = sim.finish();
    assert_eq!(causes(&made.gaps[0]), [(Cause::Off, Shown::Black, 3_000, 4_480)]);
    assert_eq!(made.tracks[0].runs.len(), 2);
    assert!(made.tracks[0].entries.iter().all(|entry| entry.duration == 3600));
}

#[test]
fn an_outage_is_told_while_it_lasts() {
    let mut sim = Sim::new();
    sim.open(&camera("face"), Sends::Pictures);
    sim.open(&microphone("voice"), Sends::Sound);
    sim.until(3_000);
    sim.sends("face", Sends::Nothing);
    sim.sends("voice", Sends::Nothing);
    sim.until(15_000);
    let media = |kind: Kind| {
        let stored = sim.out.iter().filter_map(|action| match action {
            Action::Write(Write::Media(_, Output::Segment { segment, .. })) if kind == Kind::Video => {
                Some(segment.start + segment.duration)
            }
            Action::Write(Write::Media(_, Output::Gap(gap))) if kind == Kind::Audio => {
                Some(gap.start + gap.duration)
            }
            _ => None,
        });
        stored.max().unwrap_or_default()
    };
    assert_eq!(media(Kind::Video).0, 3_000 * 90, "what was open is closed");
    assert!(media(Kind::Audio) >= Ticks(10_000 * 90), "{:?}", media(Kind::Audio));
    sim.sends("face", Sends::Pictures);
    sim.sends("voice", Sends::Sound);
    sim.until(18_000);
    let made = sim.finish();
    assert_eq!(causes(&made.gaps[0]), [(Cause::Loss, Shown::Still, 3_000, 15_000)]);
    assert_eq!((made.tiles(0), made.tiles(1)), ((0, 18_000), (0, 18_000)));
}

#[test]
fn who_is_gone_after_an_outage_is_black_from_there_on() {
    let mut sim = Sim::new();
    sim.open(&camera("face"), Sends::Pictures);
    sim.until(3_000);
    sim.sends("face", Sends::Nothing);
    sim.until(15_000);
    sim.close("face");
    sim.until(30_000);
    let made = sim.finish();
    let found = causes(&made.gaps[0]);
    assert_eq!(
        found.iter().map(|gap| (gap.0, gap.1)).collect::<Vec<_>>(),
        [(Cause::Loss, Shown::Still), (Cause::Off, Shown::Black)]
    );
    assert_eq!(made.tiles(0), (0, 30_000));
}
