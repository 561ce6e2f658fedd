// A participant that publishes fixtures through mediasoup's direct transport, which loses nothing on the way in, and
// keeps a ledger of what it sent.
import { createHash, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

const folder = new URL('../../../fixtures/', import.meta.url);
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const PAYLOAD = 1100;
/** Seconds from the epoch of NTP to that of Unix (RFC 868). */
const NTP = 2208988800;

/** IVF: a header of 32 bytes, then frames behind headers of 12. Each picture is one unit. */
function ivf(name) {
  const file = readFileSync(new URL(name, folder));
  const frames = [];
  for (let at = 32; at < file.length; ) {
    const size = file.readUInt32LE(at);
    frames.push([file.subarray(at + 12, at + 12 + size)]);
    at += 12 + size;
  }
  return frames;
}

/** ITU-T H.264 annex B: NAL units between start codes, and a slice ends its picture. */
function annexB(name) {
  const file = readFileSync(new URL(name, folder));
  const frames = [];
  const units = [];
  for (let at = file.indexOf('000001', 'hex'); at >= 0; ) {
    const next = file.indexOf('000001', at + 3, 'hex');
    let end = next < 0 ? file.length : next;
    while (file[end - 1] === 0) end -= 1;
    units.push(file.subarray(at + 3, end));
    if ([1, 5].includes(file[at + 3] & 31)) frames.push(units.splice(0));
    at = next;
  }
  return frames;
}

/** RFC 3533: pages of segments; the first two packets are Opus's headers (RFC 7845). */
function ogg(name) {
  const file = readFileSync(new URL(name, folder));
  const packets = [];
  let packet = [];
  for (let at = 0; at < file.length; ) {
    const count = file[at + 26];
    let data = at + 27 + count;
    for (const size of file.subarray(at + 27, at + 27 + count)) {
      packet.push(file.subarray(data, data + size));
      data += size;
      if (size < 255) packets.push([Buffer.concat(packet.splice(0))]);
    }
    at = data;
  }
  return packets.slice(2);
}

function* parts(unit) {
  for (let at = 0; at < unit.length; at += PAYLOAD) yield [unit.subarray(at, at + PAYLOAD), at === 0, at + PAYLOAD >= unit.length];
}

/** RFC 7741 4.2: the descriptor's S bit marks a frame's first packet. */
function* vp8([unit]) {
  for (const [part, first] of parts(unit)) yield Buffer.concat([Buffer.from([first ? 0x10 : 0]), part]);
}

/** RFC 6184 5.6 and 5.8: a NAL unit alone or, when it is too long, in FU-As. */
function* h264(units) {
  for (const unit of units) {
    if (unit.length <= PAYLOAD) yield unit;
    else {
      for (const [part, first, last] of parts(unit.subarray(1))) {
        const head = [(unit[0] & 0xe0) | 28, (first ? 0x80 : 0) | (last ? 0x40 : 0) | (unit[0] & 31)];
        yield Buffer.concat([Buffer.from(head), part]);
      }
    }
  }
}

const VIDEO = { kind: 'video', type: 96, clock: 90000, millis: 40 };
const VP8 = { ...VIDEO, payloads: vp8, codec: { mimeType: 'video/VP8', clockRate: 90000 } };
const H264 = {
  ...VIDEO,
  payloads: h264,
  codec: { mimeType: 'video/H264', clockRate: 90000, parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f' } },
};
const OPUS = {
  kind: 'audio', type: 111, clock: 48000, millis: 20,
  payloads: (units) => units,
  codec: { mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
};

/** One SSRC. */
class Stream {
  /** Of each frame, the hashes of its units. */
  ledger = [];
  ssrc = randomInt(1, 2 ** 32 - 1);
  #sequence = randomInt(65536);
  #timestamp = randomInt(2 ** 32);
  #packets = 0;
  #octets = 0;
  #reported = -Infinity;

  constructor(media, frames) {
    Object.assign(this, media);
    this.frames = frames;
  }

  /** Sends what is due. */
  pump(producer, transport, elapsed) {
    while (this.ledger.length * this.millis <= elapsed) {
      const count = this.ledger.length;
      const units = this.frames[count % this.frames.length];
      const timestamp = this.#at(count * this.millis);
      const payloads = [...this.payloads(units)];
      payloads.forEach((payload, index) => this.#send(producer, payload, timestamp, index === payloads.length - 1));
      this.ledger.push(units.map(hash).join(' '));
    }
    if (elapsed - this.#reported >= 1000) {
      this.#reported = elapsed;
      this.#report(transport, elapsed);
    }
  }

  #at(millis) {
    return (this.#timestamp + Math.round((millis * this.clock) / 1000)) % 2 ** 32;
  }

  #send(producer, payload, timestamp, marker) {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = this.type | (marker ? 0x80 : 0);
    header.writeUInt16BE(this.#sequence, 2);
    header.writeUInt32BE(timestamp, 4);
    header.writeUInt32BE(this.ssrc, 8);
    this.#sequence = (this.#sequence + 1) % 65536;
    this.#packets += 1;
    this.#octets += payload.length;
    producer.send(Buffer.concat([header, payload]));
  }

  /** A sender report (RFC 3550 6.4.1): by it the layers of a picture are on one clock. */
  #report(transport, elapsed) {
    const report = Buffer.alloc(28);
    report.writeUInt32BE(0x80c80006, 0);
    report.writeUInt32BE(this.ssrc, 4);
    const now = Date.now();
    report.writeUInt32BE(Math.floor(now / 1000) + NTP, 8);
    report.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), 12);
    report.writeUInt32BE(this.#at(elapsed), 16);
    report.writeUInt32BE(this.#packets, 20);
    report.writeUInt32BE(this.#octets % 2 ** 32, 24);
    transport.sendRtcp(report);
  }
}

/** A producer: one stream or, smallest first, the layers of a simulcast. */
class Source {
  constructor(streams) {
    this.streams = streams;
    [this.media] = streams;
  }

  async open(router, peerId) {
    const { kind, codec, type } = this.media;
    this.transport = await router.createDirectTransport();
    this.producer = await this.transport.produce({
      kind,
      rtpParameters: {
        codecs: [{ ...codec, payloadType: type }],
        encodings: this.streams.map(({ ssrc }) => ({ ssrc })),
        rtcp: { cname: peerId },
      },
      appData: { peerId, source: kind === 'audio' ? 'microphone' : 'camera' },
    });
  }

  pump(elapsed) {
    for (const stream of this.streams) stream.pump(this.producer, this.transport, elapsed);
  }
}

/** Begins to publish; `leave` ends it and gives the ledgers. */
export async function publish(router, peerId, simulcast) {
  const layers = ['h264-layer-90.h264', 'h264-baseline.h264', 'h264-layer-360.h264'];
  const pictures = simulcast ? layers.map((name) => new Stream(H264, annexB(name))) : [new Stream(VP8, ivf('vp8.ivf'))];
  const sources = [new Source(pictures), new Source([new Stream(OPUS, ogg('opus.ogg'))])];
  for (const source of sources) await source.open(router, peerId);
  const began = Date.now();
  const pump = setInterval(() => sources.forEach((source) => source.pump(Date.now() - began)), 5);
  return {
    /** Camera and microphone are switched off. */
    silence() {
      clearInterval(pump);
      for (const { producer } of sources) producer.close();
    },
    async leave() {
      clearInterval(pump);
      // What was sent last is on its way to the recorder still.
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const { transport } of sources) transport.close();
      const ledger = ({ media, streams }) => (streams.length > 1 ? streams.map((one) => one.ledger) : media.ledger);
      return Object.fromEntries(sources.map((source) => [source.media.kind, ledger(source)]));
    },
  };
}
