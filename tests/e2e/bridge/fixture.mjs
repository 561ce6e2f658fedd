// A participant that publishes fixtures through mediasoup's direct transport, which loses nothing on the way in, and
// keeps a ledger of what it sent.
import { createHash, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

const folder = new URL('../../../fixtures/', import.meta.url);
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const PAYLOAD = 1100;

/** IVF: a header of 32 bytes, then frames behind headers of 12. */
function pictures(name) {
  const file = readFileSync(new URL(name, folder));
  const frames = [];
  for (let at = 32; at < file.length; ) {
    const size = file.readUInt32LE(at);
    frames.push(file.subarray(at + 12, at + 12 + size));
    at += 12 + size;
  }
  return frames;
}

/** RFC 3533: pages of segments; the first two packets are Opus's headers (RFC 7845). */
function sounds(name) {
  const file = readFileSync(new URL(name, folder));
  const packets = [];
  let packet = [];
  for (let at = 0; at < file.length; ) {
    const count = file[at + 26];
    let data = at + 27 + count;
    for (const size of file.subarray(at + 27, at + 27 + count)) {
      packet.push(file.subarray(data, data + size));
      data += size;
      if (size < 255) packets.push(Buffer.concat(packet.splice(0)));
    }
    at = data;
  }
  return packets.slice(2);
}

const VIDEO = { kind: 'video', type: 96, clock: 90000, millis: 40, codec: { mimeType: 'video/VP8', clockRate: 90000 } };
const AUDIO = { kind: 'audio', type: 111, clock: 48000, millis: 20, codec: { mimeType: 'audio/opus', clockRate: 48000, channels: 2 } };

class Stream {
  ledger = [];
  #sequence = randomInt(65536);
  #timestamp = randomInt(2 ** 32);

  constructor(media, units) {
    Object.assign(this, media);
    this.units = units;
    this.ssrc = randomInt(1, 2 ** 32 - 1);
  }

  async open(router, peerId) {
    const transport = await router.createDirectTransport();
    const source = this.kind === 'audio' ? 'microphone' : 'camera';
    this.producer = await transport.produce({
      kind: this.kind,
      rtpParameters: {
        codecs: [{ ...this.codec, payloadType: this.type }],
        encodings: [{ ssrc: this.ssrc }],
        rtcp: { cname: peerId },
      },
      appData: { peerId, source },
    });
    this.transport = transport;
  }

  /** Sends what is due. */
  pump(elapsed) {
    while (this.ledger.length * this.millis <= elapsed) {
      const count = this.ledger.length;
      const unit = this.units[count % this.units.length];
      const timestamp = (this.#timestamp + (count * this.millis * this.clock) / 1000) % 2 ** 32;
      if (this.kind === 'audio') this.#send(unit, timestamp, true);
      else {
        // RFC 7741 4.2: the descriptor's S bit marks a frame's first packet.
        for (let at = 0; at < unit.length; at += PAYLOAD) {
          const part = unit.subarray(at, at + PAYLOAD);
          const payload = Buffer.concat([Buffer.from([at === 0 ? 0x10 : 0]), part]);
          this.#send(payload, timestamp, at + PAYLOAD >= unit.length);
        }
      }
      this.ledger.push(hash(unit));
    }
  }

  #send(payload, timestamp, marker) {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = this.type | (marker ? 0x80 : 0);
    header.writeUInt16BE(this.#sequence, 2);
    header.writeUInt32BE(timestamp, 4);
    header.writeUInt32BE(this.ssrc, 8);
    this.#sequence = (this.#sequence + 1) % 65536;
    this.producer.send(Buffer.concat([header, payload]));
  }
}

/** Begins to publish; `leave` ends it and gives the ledgers. */
export async function publish(router, peerId) {
  const streams = [new Stream(VIDEO, pictures('vp8.ivf')), new Stream(AUDIO, sounds('opus.ogg'))];
  for (const stream of streams) await stream.open(router, peerId);
  const began = Date.now();
  const pump = setInterval(() => streams.forEach((stream) => stream.pump(Date.now() - began)), 5);
  return {
    async leave() {
      clearInterval(pump);
      // What was sent last is on its way to the recorder still.
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const stream of streams) stream.transport.close();
      return Object.fromEntries(streams.map((stream) => [stream.kind, stream.ledger]));
    },
  };
}
