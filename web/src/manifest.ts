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
  /** Where it plays, as the server puts it. */
  playableOn: string[];
  /** Its media playlist, or empty if it has none. */
  playlist: string;
}

export interface Participant {
  id: string;
  name: string;
  /** Room time of its first media: the zero of its own playlists. */
  offset: number;
  /** Room time of its end; null while it is still being recorded. */
  end: number | null;
  playlist: string;
  tracks: Track[];
}

export interface Manifest {
  id: string;
  title: string;
  roomId: string;
  status: string;
  live: boolean;
  /** Wall time of room time 0, in milliseconds since 1970, or NaN. */
  startedAt: number;
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
    .filter((participant) => participant !== null);
  participants.sort((a, b) => a.offset - b.offset || (a.id < b.id ? -1 : 1));
  const ends = participants.flatMap((p) => [p.end ?? 0, ...p.tracks.map((t) => t.end)]);
  return {
    id: text(recording['id']) || id,
    title: text(recording['title']),
    roomId: text(recording['room_id']),
    status,
    live,
    startedAt,
    duration: Math.max(0, seconds(recording['duration_us']) ?? 0, ...ends),
    participants,
  };
}

function readParticipant(
  entry: unknown,
  recordingId: string,
  startedAt: number,
  live: boolean,
): Participant | null {
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
  const going = live && left === null && tracks.some((track) => track.live);
  const end = going ? null : media > offset ? media : (left ?? null);
  return {
    id,
    name: text(from['display_name']) || text(from['peer_id']) || id,
    offset,
    end,
    playlist:
      text(from['playlist']) ||
      `/api/v1/recordings/${encodeURIComponent(recordingId)}/stream/playlist.m3u8` +
        `?participant=${encodeURIComponent(id)}`,
    tracks,
  };
}

function readTrack(entry: unknown, startedAt: number, offset: number, live: boolean): Track | null {
  const from = fields(entry);
  const kind = text(from?.['kind']);
  if (!from || (kind !== 'audio' && kind !== 'video')) return null;
  // The wall time is unambiguous; an offset alone is counted from the recording's start.
  const start = since(startedAt, from['started_at']) ?? seconds(from['offset_us']) ?? offset;
  return {
    id: text(from['id']),
    kind,
    source: text(from['source']),
    codec: text(from['codec']),
    codecs: text(from['codecs']),
    width: number(from['width']) ?? 0,
    height: number(from['height']) ?? 0,
    end: Math.max(start, offset) + (seconds(from['duration_us']) ?? 0),
    live: live && from['live'] !== false,
    error: text(from['error']),
    playableOn: readPlayableOn(from['playable_on']),
    playlist: text(from['playlist']),
  };
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
