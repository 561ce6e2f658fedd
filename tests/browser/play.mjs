// Plays a playlist with hls.js, or a description with another player, in Chromium and reports what the player saw, as one line of JSON.
//
// play.mjs --playlist URL [--token T] [--rate 1] [--seeks 3] [--read-numbers t1,t2,...] [--read-all]
//          [--level top] [--config JSON] [--patience 10] [--shots DIR]
//          [--player hls|dash|shaka|native] [--live SECONDS]
//
// First pass: a fresh element, from 0 to the end, so that totalVideoFrames counts every picture once.
// Second pass: another fresh element for the seeks, and for the numbers at given times, which are read
// both from a canvas (n) and from a screenshot (shot).
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: play.mjs --playlist URL [--token T] [--rate N] [--seeks N] [--read-numbers T,T] [--read-all]';
const { values } = readArgs(
  {
    playlist: { type: 'string' },
    token: { type: 'string' },
    rate: { type: 'string', default: '1' },
    seeks: { type: 'string', default: '0' },
    'read-numbers': { type: 'string', default: '' },
    'read-all': { type: 'boolean', default: false },
    level: { type: 'string' },
    config: { type: 'string', default: '{}' },
    patience: { type: 'string', default: '10' },
    shots: { type: 'string' },
    player: { type: 'string', default: 'hls' },
    live: { type: 'string' },
  },
  usage,
);
if (!values.playlist) {
  console.error(usage);
  process.exit(2);
}

const here = dirname(fileURLToPath(import.meta.url));
const PAGE = '/blank-page-of-the-player-test';
const BLANK = `<!doctype html><title>player</title>
<style>body { margin: 0; background: #000 } video { display: block; width: 640px; height: 360px; object-fit: fill }</style>`;

await report(() =>
  withPage(async (page) => {
    // A page of the server's own origin, so that the service needs no CORS for its tests.
    const address = new URL(PAGE, values.playlist).href;
    await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: BLANK }));
    await page.goto(address);
    const pages = ['picture', 'engines', 'player'].map((name) => join(here, `page/${name}.js`));
    for (const path of [...library(values.player), ...pages]) {
      await page.addScriptTag({ content: await readFile(path, 'utf8') });
    }
    const source = {
      engine: values.player,
      playlist: values.playlist,
      token: values.token ?? null,
      config: JSON.parse(values.config),
      level: values.level ?? null,
    };
    const opened = await page.evaluate((from) => player.open(from), source);
    if (values.live) {
      const watched = opened ? await page.evaluate((how) => player.playLive(how), { seconds: Number(values.live) }) : {};
      return { opened, ...watched, ...(await page.evaluate(() => player.faults())) };
    }
    const played = opened
      ? await page.evaluate((how) => player.playThrough(how), {
          rate: Number(values.rate),
          readAll: values['read-all'],
          patience: Number(values.patience) * 1000,
        })
      : {};
    const second = played.ended ? await secondPass(page, source, played.duration) : { seeks: [], numbers: [] };
    return { opened, ended: false, ...played, ...second, ...(await page.evaluate(() => player.faults())) };
  }),
);

/** What a page loads for a player. */
function library(name) {
  const modules = join(here, 'node_modules');
  const hls = join(dirname(createRequire(import.meta.url).resolve('hls.js')), 'hls.min.js');
  const dash = join(modules, 'dashjs/dist/modern/umd/dash.all.min.js');
  const shaka = join(modules, 'shaka-player/dist/shaka-player.compiled.js');
  return { hls: [hls], dash: [dash], shaka: [shaka], native: [] }[name];
}

async function secondPass(page, source, duration) {
  const count = Number(values.seeks);
  const times = values['read-numbers'].split(',').filter(Boolean).map(Number);
  const seeks = [];
  const numbers = [];
  if (count === 0 && times.length === 0) return { seeks, numbers };
  await page.evaluate((from) => player.open(from), source);
  if (['dash', 'shaka'].includes(source.engine)) await page.evaluate(() => player.settle());
  for (let i = 0; i < count; i += 1) {
    // Far ahead, back, and on: never to where it is already.
    const share = ((i * 0.41 + 0.73) % 1) * 0.95;
    const to = Number((share * duration).toFixed(3));
    seeks.push(await page.evaluate((target) => player.seek({ to: target, playOn: true }), to));
  }
  for (const t of times) {
    const { n, size, mediaTime, landed, arrived } = await page.evaluate((to) => player.seek({ to, playOn: false }), t);
    const png = await page.locator('#player').screenshot(values.shots ? { path: join(values.shots, `${t}.png`) } : {});
    const url = `data:image/png;base64,${png.toString('base64')}`;
    numbers.push({ t, n, size, shot: await page.evaluate((data) => player.numberIn(data), url), mediaTime, landed, arrived });
  }
  return { seeks, numbers };
}
