/** What this browser can play of a participant, told honestly. */
import type { Participant, Track } from './manifest.ts';

/** Says whether a codec string plays in Media Source. */
export type Probe = (kind: 'audio' | 'video', codecs: string) => boolean;

export interface Support {
  /** There is a picture to show. */
  video: boolean;
  audio: boolean;
  /** What does not play and why, or empty. */
  note: string;
}

export function supportOf(participant: Participant, probe: Probe): Support {
  const notes: string[] = [];
  const playable = (track: Track): boolean => {
    const reason = whyNot(track, probe);
    if (reason) notes.push(reason);
    // What is announced but not listed yet is not in the participant's playlist either.
    return !reason && track.listed;
  };
  const tracks = participant.tracks.map((track) => ({ track, plays: playable(track) }));
  return {
    video: tracks.some(({ track, plays }) => track.kind === 'video' && plays),
    audio: tracks.some(({ track, plays }) => track.kind === 'audio' && plays),
    note: [...new Set(notes)].join(' '),
  };
}

function whyNot(track: Track, probe: Probe): string {
  const what = track.source === 'screen' ? 'The screen' : track.kind === 'video' ? 'The picture' : 'The sound';
  if (track.error) return `${what} could not be recorded: ${track.error}.`;
  const elsewhere = track.playableOn.length ? ` It plays in: ${track.playableOn.join(', ')}.` : '';
  if (track.refusal) return `${what} does not play here: ${track.refusal}.`;
  if (isVp8(track)) return `${what} is VP8, which no browser plays from HLS.${elsewhere}`;
  if (track.codecs && !probe(track.kind, track.codecs)) {
    return `${what} is ${track.codec || track.codecs}, which this browser does not play.${elsewhere}`;
  }
  return '';
}

function isVp8(track: Track): boolean {
  return /^(vp8|vp08)/i.test(track.codec) || /^(vp8|vp08)/i.test(track.codecs);
}

/** The browser's own answer. */
export const browserProbe: Probe = (kind, codecs) => {
  const source = typeof MediaSource === 'undefined' ? undefined : MediaSource;
  return source ? source.isTypeSupported(`${kind}/mp4; codecs="${codecs}"`) : true;
};
