import type { types } from 'mediasoup';

export type Source = 'camera' | 'microphone' | 'screen';

/** Whose a producer is, and what it shows. */
export interface Participant {
  /** The application's name of the participant; equal for all that one participant sends. */
  peerId: string;
  /** As people see it. */
  displayName?: string | undefined;
  /** The application's name of the user. */
  userId?: string | undefined;
  /** The application's name of it; what has `screen`, `display` or `share` in it is a screen. */
  source?: string | undefined;
}

export type Names = { displayName?: string | undefined; userId?: string | undefined };

/** What a filter is asked about. */
export interface Candidate {
  producer: types.Producer;
  peerId: string;
  userId?: string | undefined;
  kind: types.MediaKind;
  source: Source;
}

export type Filter =
  | ((candidate: Candidate) => boolean)
  | {
      /** Only these kinds. */
      kinds?: readonly types.MediaKind[];
      /** Only these sources. */
      sources?: readonly Source[];
      /** Only these participants, by peerId. */
      participants?: readonly string[];
      /** Never these participants, by peerId. */
      exclude?: readonly string[];
    };

export interface AttachOptions {
  /** The room's name, under which a recording is started. */
  roomId: string;
  /**
   * Whose a producer is: a function, or names by peerId, which then is taken from the producer's `appData.peerId`.
   * Without, everything is taken from `appData`: `peerId`, `displayName`, `userId`, `source`.
   */
  participants?:
    | ((producer: types.Producer) => Participant | undefined)
    | ReadonlyMap<string, Names>
    | Readonly<Record<string, Names>>;
  /** What is recorded; by default everything. */
  filter?: Filter;
  /** The application's own data, given back with a recording that starts by itself. */
  metadata?: Record<string, unknown>;
  /** The title of such a recording; the room's name by default. */
  title?: string;
  /** Start recording as soon as the room is attached. */
  record?: boolean;
  /** The layers of such a recording: the highest of each picture, or all. */
  layers?: 'max' | 'all';
  /** Where the recorder receives: one UDP port for all. */
  webRtcServer?: types.WebRtcServer;
  /** Else addresses to listen on. */
  listenInfos?: types.TransportListenInfo[];
  /** More options of the recorder's transport. */
  transport?: Partial<types.WebRtcTransportOptions>;
  /** Producers that are there already. mediasoup has no list of them. */
  producers?: Iterable<types.Producer>;
  /** Tells who speaks. */
  activeSpeakerObserver?: types.ActiveSpeakerObserver;
  /** Tells it too, by loudness. */
  audioLevelObserver?: types.AudioLevelObserver;
}

/** Whose a producer is, by the options. Undefined: nobody's whom the recorder may know. */
export function participantOf(options: AttachOptions, producer: types.Producer): Participant | undefined {
  if (typeof options.participants === 'function') return options.participants(producer);
  const appData = producer.appData as Record<string, unknown>;
  const string = (name: string) => (typeof appData[name] === 'string' ? (appData[name] as string) : undefined);
  const peerId = string('peerId') ?? producer.id;
  const names = namesOf(options, peerId);
  return {
    peerId,
    displayName: names?.displayName ?? string('displayName'),
    userId: names?.userId ?? string('userId'),
    source: string('source'),
  };
}

/** What the options say of a participant, where they have names by peerId. */
export function namesOf({ participants }: AttachOptions, peerId: string): Names | undefined {
  if (participants instanceof Map) return participants.get(peerId);
  return typeof participants === 'object' ? (participants as Record<string, Names>)[peerId] : undefined;
}

export function passes(filter: Filter | undefined, candidate: Candidate): boolean {
  if (filter === undefined) return true;
  if (typeof filter === 'function') return filter(candidate) === true;
  const { kinds, sources, participants, exclude } = filter;
  return (
    (kinds === undefined || kinds.includes(candidate.kind)) &&
    (sources === undefined || sources.includes(candidate.source)) &&
    (participants === undefined || participants.includes(candidate.peerId)) &&
    !exclude?.includes(candidate.peerId)
  );
}

/** The protocol's names of sources, as the recorder reads an application's own. */
export function sourceOf(kind: types.MediaKind, named: string | undefined): Source {
  if (/screen|display|desktop|share/.test(named?.toLowerCase() ?? '')) return 'screen';
  return kind === 'audio' ? 'microphone' : 'camera';
}
