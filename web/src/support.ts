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
    const what = track.source === 'screen' ? 'The screen' : track.kind === 'video' ? 'The picture' : 'The sound';
    if (track.error) {
      notes.push(`${what} could not be recorded: ${track.error}`);
      return false;
    }
    if (isVp8(track)) {
      const where = track.playableOn.length ? `: ${track.playableOn.join(', ')}` : ' as WebM, not as HLS';
      notes.push(`${what} is VP8, which no browser plays from HLS. It plays${where}.`);
      return false;
    }
    if (track.codecs && !probe(track.kind, track.codecs)) {
      const where = track.playableOn.length ? ` It plays on: ${track.playableOn.join(', ')}.` : '';
      notes.push(`${what} is ${track.codec || track.codecs}, which this browser does not play.${where}`);
      return false;
    }
    return true;
  };
  const tracks = participant.tracks.map((track) => ({ track, plays: playable(track) }));
  return {
    video: tracks.some(({ track, plays }) => track.kind === 'video' && plays),
    audio: tracks.some(({ track, plays }) => track.kind === 'audio' && plays),
    note: [...new Set(notes)].join(' '),
  };
}

function isVp8(track: Track): boolean {
  return /^(vp8|vp08)/i.test(track.codec) || /^(vp8|vp08)/i.test(track.codecs);
}

/** The browser's own answer. */
export const browserProbe: Probe = (kind, codecs) => {
  const source = typeof MediaSource === 'undefined' ? undefined : MediaSource;
  return source ? source.isTypeSupported(`${kind}/mp4; codecs="${codecs}"`) : true;
};
