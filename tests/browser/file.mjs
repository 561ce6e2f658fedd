// Plays one file (a progressive MP4, a WebM) as the source of a video element in Chromium, as one line of JSON.
//
// file.mjs --url URL [--rate 1] [--seeks t1,t2,...] [--patience 10]
//
// First pass: a fresh element, from 0 to the end, so that totalVideoFrames counts every picture once.
// Second pass: another fresh element for the seeks, which it makes by range requests.
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: file.mjs --url URL [--rate N] [--seeks T,T] [--patience S]';
const { values } = readArgs(
  {
    url: { type: 'string' },
    rate: { type: 'string', default: '1' },
    seeks: { type: 'string', default: '' },
    patience: { type: 'string', default: '10' },
  },
  usage,
);
if (!values.url) {
  console.error(usage);
  process.exit(2);
}

await report(() =>
  withPage(async (page) => {
    // A page of the server's own origin.
    const address = new URL('/blank-page-of-the-file-test', values.url).href;
    await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto(address);
    const ranges = [];
    page.on('request', (request) => {
      if (request.url() === values.url) ranges.push(request.headers().range ?? null);
    });
    const wanted = {
      url: values.url,
      rate: Number(values.rate),
      patience: Number(values.patience) * 1000,
      seeks: values.seeks.split(',').filter(Boolean).map(Number),
    };
    const result = await page.evaluate(play, wanted);
    return { ...result, requests: ranges.length };
  }),
);

/** Runs in the page. */
async function play({ url, rate, patience, seeks }) {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const until = async (condition, timeout) => {
    const end = performance.now() + timeout;
    while (!condition()) {
      if (performance.now() > end) return false;
      await pause(10);
    }
    return true;
  };
  const open = async () => {
    document.querySelector('video')?.remove();
    const element = document.createElement('video');
    element.playsInline = true;
    element.src = url;
    document.body.append(element);
    await until(() => element.readyState >= 2 || element.error, 20_000);
    return element;
  };
  const begun = performance.now();
  let element = await open();
  const opened = element.readyState >= 2;
  const msToPicture = Math.round(performance.now() - begun);
  if (!opened) return { opened, ended: false, error: element.error?.message ?? 'nothing came', seeks: [] };
  element.playbackRate = rate;
  await element.play();
  let moved = performance.now();
  let last = -1;
  while (!element.ended && !element.error && performance.now() - moved < patience) {
    if (element.currentTime !== last) {
      last = element.currentTime;
      moved = performance.now();
    }
    await pause(20);
  }
  const { totalVideoFrames } = element.getVideoPlaybackQuality();
  const played = {
    opened,
    msToPicture,
    ended: element.ended,
    duration: element.duration,
    currentTime: element.currentTime,
    totalVideoFrames,
    webkitAudioDecodedByteCount: element.webkitAudioDecodedByteCount,
    videoWidth: element.videoWidth,
    videoHeight: element.videoHeight,
    error: element.error?.message ?? null,
  };
  const landings = [];
  if (seeks.length > 0) element = await open();
  for (const to of seeks) {
    const from = performance.now();
    let mediaTime = null;
    element.requestVideoFrameCallback((_now, metadata) => {
      mediaTime = metadata.mediaTime;
    });
    element.currentTime = to;
    await until(() => !element.seeking && element.readyState >= 2 && mediaTime !== null, 15_000);
    const landed = element.currentTime;
    const ms = Math.round(performance.now() - from);
    await element.play();
    const playsOn = await until(() => element.currentTime >= Math.min(landed + 0.3, element.duration), 10_000);
    element.pause();
    landings.push({ to, landed, mediaTime, ms, playsOn });
  }
  return { ...played, seeks: landings };
}
