/**
 * The room manifest, `GET /api/v1/recordings/{id}/manifest.json`, turned from what was sent into what
 * the page needs. Reading is lenient: a field that is absent or of a wrong type gets its plain default.
 *
 * Times here are seconds. Room time 0 is the start of the recording.
 */

export interface Track {
  id: string;
  kind: 'audio' | 'video';
  source: string;
  codec: string;
  /** RFC 6381 string, or empty. */
  codecs: string;
  width: number;
  height: number;
  /** Room time of the end of its media as far as is known. */
  end: number;
  live: boolean;
  /** Why it could not be recorded, or empty. */
  error: string;
  /** What all layers of one picture share; a track that is no layer has its own id. */
  picture: string;
  /** Where it plays, as the server puts it. */
  playableOn: string[];
  /** The server's own words on where it plays, if it does not play from HLS; or empty. */
  refusal: string;
  /** Room time of its first media. */
  start: number;
  /** Its media playlist, or empty. */
  playlist: string;
  /** It has media already; false if the server says that there is no playlist yet. */
  listed: boolean;
}

/** A picture with the sound that belongs to it. */
interface Presentation {
  source: string;
  /** Empty if it does not play from HLS. */
  playlist: string;
  /** Their ids. */
  tracks: string[];
}

/** A stretch of wall time, in milliseconds since 1970, in which the recording stood still. */
export interface Pause {
  from: number;
  /** Null while it lasts. */
  to: number | null;
}

/** A tile: a participant, or something else that they send beside camera and microphone. */
export interface Participant {
  id: string;
  name: string;
  /** Room time of the participant's first media: the zero of all their playlists. */
  offset: number;
  /** Room time from which this tile has something. */
  start: number;
  /** Room time of its end; null while it is still being recorded. */
  end: number | null;
  /** Empty while there is nothing to play. */
  playlist: string;
  tracks: Track[];
}

/** A participant as the manifest has them. */
interface Sender extends Participant {
  presentations: Presentation[];
}

export interface Manifest {
  id: string;
  title: string;
  roomId: string;
  status: string;
  live: boolean;
  /** Wall time of room time 0, in milliseconds since 1970, or NaN. */
  startedAt: number;
  pauses: Pause[];
  duration: number;
  participants: Participant[];
}

type Fields = Record<string, unknown>;

const LIVE = new Set(['pending', 'recording', 'paused']);

/** Reads a manifest. Throws only if the document is no object at all. */
export function readManifest(document: unknown, id: string): Manifest {
  const top = fields(document);
  if (!top) throw new Error('the manifest is not a JSON object');
  const recording = fields(top['recording']) ?? top;
  const status = text(recording['status']) || 'completed';
  const live = LIVE.has(status);
  const startedAt = wallTime(recording['started_at']);
  const participants = list(top['participants'])
    .map((entry) => readParticipant(entry, id, startedAt, live))
    .filter((participant) => participant !== null)
    .sort((a, b) => a.offset - b.offset || (a.id < b.id ? -1 : 1))
    .flatMap(tiles);
  const ends = participants.flatMap((p) => [p.end ?? 0, ...p.tracks.map((t) => t.end)]);
  return {
    id: text(recording['id']) || id,
    title: text(recording['title']),
    roomId: text(recording['room_id']),
    status,
    live,
    startedAt,
    pauses: list(recording['pauses']).flatMap(readPause),
    duration: Math.max(0, seconds(recording['duration_us']) ?? 0, ...ends),
    participants,
  };
}

function readParticipant(
  entry: unknown,
  recordingId: string,
  startedAt: number,
  live: boolean,
): Sender | null {
  const from = fields(entry);
  const id = text(from?.['id']);
  if (!from || !id) return null;
  const offset = Math.max(
    0,
    seconds(from['offset_us']) ??
      since(startedAt, from['zero_at']) ??
      since(startedAt, from['joined_at']) ??
      0,
  );
  const tracks = list(from['tracks'])
    .map((track) => readTrack(track, startedAt, offset, live))
    .filter((track) => track !== null);
  const media = Math.max(0, ...tracks.map((track) => track.end));
  const left = since(startedAt, from['left_at']);
  const going = live && left === null && from['state'] !== 'ended' && tracks.some((track) => track.live);
  const end = going ? null : media > offset ? media : (left ?? null);
  return {
    id,
    name: text(from['display_name']) || text(from['peer_id']) || id,
    offset,
    start: offset,
    end,
    playlist:
      from['playlist'] === undefined
        ? `/api/v1/recordings/${encodeURIComponent(recordingId)}/stream/playlist.m3u8` +
          `?participant=${encodeURIComponent(id)}`
        : text(from['playlist']),
    presentations: list(from['presentations']).map(readPresentation),
    tracks,
  };
}

/**
 * Each presentation is a tile: camera and microphone, and a shared screen with its sound. What no presentation shows,
 * such as a second screen, becomes a tile of its own.
 */
function tiles({ presentations, ...participant }: Sender): Participant[] {
  const shown = presentations.filter((own) => own.playlist);
  if (shown.length === 0) return [participant];
  const camera = shown.find((own) => own.source === 'camera');
  const others = shown
    .filter((own) => own !== camera)
    .map((own) => {
      const tracks = participant.tracks.filter((track) => own.tracks.includes(track.id));
      return extra(participant, own.source, tracks, own.playlist);
    });
  const presented = new Set(shown.flatMap((own) => own.tracks));
  const alone = participant.tracks.filter(
    (track) => track.playlist && !track.error && !track.refusal && !presented.has(track.id),
  );
  const pictures = [...new Set(alone.map((track) => track.picture))].map((picture) => {
    const layers = alone.filter((track) => track.picture === picture);
    // The best one's playlist shows lower ones where it was not sent.
    const best = layers.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a));
    return extra(participant, picture, layers, best.playlist);
  });
  const extras = [...others, ...pictures];
  const elsewhere = new Set(extras.flatMap((tile) => tile.tracks));
  const tracks = participant.tracks.filter((track) => !elsewhere.has(track));
  // Who shows a screen and nothing else has no other tile.
  if (!camera && tracks.length === 0) return extras;
  return [{ ...participant, playlist: camera?.playlist ?? '', tracks }, ...extras];
}

/** The tile of something beside camera and microphone. */
function extra(participant: Participant, id: string, tracks: Track[], playlist: string): Participant {
  const end = Math.max(...tracks.map((track) => track.end));
  const what = tracks[0];
  return {
    ...participant,
    id: `${participant.id}/${id}`,
    name: `${participant.name} (${what?.source || what?.kind || id})`,
    start: Math.max(participant.offset, Math.min(...tracks.map((track) => track.start))),
    end: participant.end === null && tracks.some((track) => track.live) ? null : end,
    playlist,
    tracks,
  };
}

function readTrack(entry: unknown, startedAt: number, offset: number, live: boolean): Track | null {
  const from = fields(entry);
  const kind = text(from?.['kind']);
  if (!from || (kind !== 'audio' && kind !== 'video')) return null;
  const start = seconds(from['offset_us']) ?? since(startedAt, from['started_at']) ?? offset;
  const playback = fields(from['playback']);
  return {
    id: text(from['id']),
    kind,
    picture: text(from['picture_id']) || text(from['id']),
    source: text(from['source']),
    codec: text(from['codec']),
    codecs: text(from['codecs']),
    width: number(from['width']) ?? 0,
    height: number(from['height']) ?? 0,
    start,
    end: Math.max(start, offset) + (seconds(from['duration_us']) ?? 0),
    live: live && from['live'] !== false,
    error: text(from['error']),
    playableOn: readPlayableOn(from['playable_on']),
    refusal: playback?.['hls_js'] === false ? text(playback['note']) || 'it does not play from HLS' : '',
    playlist: text(from['playlist']),
    listed: from['playlist'] !== null,
  };
}

function readPresentation(entry: unknown): Presentation {
  const from = fields(entry);
  return {
    source: text(from?.['source']),
    playlist: text(from?.['playlist']),
    tracks: list(from?.['tracks']).map(text),
  };
}

function readPause(entry: unknown): Pause[] {
  const from = wallTime(fields(entry)?.['paused_at']);
  const to = wallTime(fields(entry)?.['resumed_at']);
  return Number.isFinite(from) ? [{ from, to: Number.isFinite(to) ? to : null }] : [];
}

function readPlayableOn(value: unknown): string[] {
  if (typeof value === 'string') return value ? [value] : [];
  return list(value).filter((entry) => typeof entry === 'string');
}

function fields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function seconds(microseconds: unknown): number | null {
  const value = number(microseconds);
  return value === null ? null : value / 1e6;
}

function wallTime(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

/** Seconds from the recording's start to an RFC 3339 time, or null if either is unknown. */
function since(startedAt: number, value: unknown): number | null {
  const at = wallTime(value);
  return Number.isFinite(at) && Number.isFinite(startedAt) ? (at - startedAt) / 1000 : null;
}
