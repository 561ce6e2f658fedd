// mp4box.mjs [--hashes] FILE...: what mp4box.js (GPAC's parser) reads from an MP4. Several files are read as
// one, in order: an init segment and its segments. Prints one line of JSON; with --hashes also the SHA-256 of
// the bytes that it finds for each sample.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createFile, MP4BoxBuffer } from 'mp4box';
import { readArgs, report } from './lib/args.mjs';

const usage = 'usage: mp4box.mjs [--hashes] FILE...';
const { values, positionals } = readArgs({ hashes: { type: 'boolean', default: false } }, usage);
if (positionals.length === 0) {
  console.error(usage);
  process.exit(2);
}

await report(async () => {
  const file = createFile();
  const errors = [];
  file.onError = (module, message) => errors.push(`${module}: ${message}`);
  let info = null;
  file.onReady = (read) => {
    info = read;
  };
  const whole = [];
  let offset = 0;
  for (const path of positionals) {
    const bytes = await readFile(path);
    if (values.hashes) whole.push(bytes);
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(new Uint8Array(bytes).buffer, offset));
    offset += bytes.byteLength;
  }
  file.flush();
  if (!info) throw new Error(`no moov box was found: ${errors.join('; ')}`);
  return {
    brands: info.brands,
    fragmented: info.isFragmented,
    timescale: info.timescale,
    bytes: offset,
    boxes: file.boxes.map((box) => box.type),
    errors,
    tracks: info.tracks.map((track) => {
      const samples = file.getTrackSamplesInfo(track.id);
      return {
        ...describe(track, samples),
        entries: new Set(samples.map((sample) => sample.description_index)).size,
        edits: track.edits ?? [],
        ...(values.hashes ? { hashes: hashes(samples, Buffer.concat(whole)) } : {}),
      };
    }),
  };
});

function hashes(samples, whole) {
  return samples.map(({ offset, size }) =>
    createHash('sha256').update(whole.subarray(offset, offset + size)).digest('hex'),
  );
}

function describe(track, samples) {
  const ticks = samples.reduce((sum, sample) => sum + sample.duration, 0);
  return {
    id: track.id,
    type: track.type ?? track.name,
    codec: track.codec,
    timescale: track.timescale,
    samples: samples.length,
    syncSamples: samples.filter((sample) => sample.is_sync).length,
    bytes: samples.reduce((sum, sample) => sum + sample.size, 0),
    firstDts: samples[0]?.dts ?? null,
    ticks,
    seconds: ticks / track.timescale,
    // A hole or an overlap: where a sample does not begin at the end of the one before it.
    breaks: samples.filter((sample, i) => i > 0 && sample.dts !== samples[i - 1].dts + samples[i - 1].duration).length,
    reordered: samples.filter((sample) => sample.cts !== sample.dts).length,
    ...(track.video ? { width: track.video.width, height: track.video.height } : {}),
    ...(track.audio ? { sampleRate: track.audio.sample_rate, channels: track.audio.channel_count } : {}),
  };
}
