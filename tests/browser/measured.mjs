// Plays with a player that tells of itself with CMCD, or of whose element docs/examples/beacon.js tells, in the one way that
// is asked for, and reports what an observer saw, as one line of JSON.
//
// measured.mjs --player hls|shaka|dash --way beacon|reports|query|headers --address URL --reports URL --session ID
//              [--offset 0] [--steps '[{"play": 4}, {"stall": 2}, {"pause": 1}, {"seek": 8}, {"play": "end"}]'] [--patience 30]
//
// `play` is for so many seconds of media or to the end, `pause` for so many of the clock, `seek` to a second of the
// player's; `stall` holds all segments back until it stands still, and for so many seconds more. --address and --reports
// hold their token. Answers `stretches`, what was shown from where to where, and `stalls`, where it stood and for how long.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: measured.mjs --player NAME --way WAY --address URL --reports URL --session ID';
const { values } = readArgs(
  {
    player: { type: 'string', default: 'hls' },
    way: { type: 'string', default: 'query' },
    address: { type: 'string' },
    reports: { type: 'string', default: '' },
    session: { type: 'string', default: '' },
    offset: { type: 'string', default: '0' },
    steps: { type: 'string', default: '[{"play": 3}]' },
    patience: { type: 'string', default: '30' },
  },
  usage,
);
const posts = ['beacon', 'reports'].includes(values.way);
if (!values.address || !values.session || (posts && !values.reports)) {
  console.error(usage);
  process.exit(2);
}

const here = dirname(fileURLToPath(import.meta.url));
const timeout = Number(values.patience) * 1000;
const PAGE = '/blank-page-of-the-player-test';
const BLANK = '<!doctype html><title>player</title><style>video { width: 640px; height: 360px }</style>';
const MEDIA = /\/stream\/[^/]+\/[^/?]+\.(m4s|webm)(\?|$)/;

/** What a page loads for a player. */
function library(name) {
  const modules = join(here, 'node_modules');
  return {
    hls: join(dirname(createRequire(import.meta.url).resolve('hls.js')), 'hls.min.js'),
    dash: join(modules, 'dashjs/dist/modern/umd/dash.all.min.js'),
    // The compiler of 5.2's release build renames the key of its state, so that its reports never tell that.
    shaka: join(modules, `shaka-player/dist/shaka-player.compiled${values.way === 'reports' ? '.debug' : ''}.js`),
  }[name];
}

/** CMCD as docs/analytics.md has it for each player: one way, and no other. */
function cmcd() {
  const { player, way, session } = values;
  if (way === 'beacon') return { hls: undefined, shaka: { enabled: false }, dash: { enabled: false } }[player];
  const reports = way === 'reports';
  const target = { url: values.reports, events: ['ps', 'e', 't', 'bc', 'pr'] };
  const version = reports ? 2 : 1;
  const more = {
    hls: {},
    shaka: { enabled: true },
    dash: { enabled: true, enabledKeys: ['br', 'ec', 'msd', 'pr', 'sid', 'sn', 'st', 'sta'] },
  }[player];
  const eventTargets = reports ? [{ ...target, ...more }] : [];
  const headers = way === 'headers';
  return {
    hls: { sessionId: session, version, useHeaders: headers, eventTargets },
    shaka: { enabled: true, sessionId: session, version, useHeaders: headers, eventTargets },
    dash: { enabled: true, sid: session, version, mode: headers ? 'headers' : 'query', eventTargets },
  }[player];
}

/** Holds segments back while it is closed, as a slow network does: they are asked for at once and come late. */
class Gate {
  #opened = null;
  #open = null;

  close() {
    this.#opened = new Promise((open) => {
      this.#open = open;
    });
  }

  open() {
    this.#open?.();
    this.#opened = null;
  }

  async pass(route) {
    // A player may give it up meanwhile.
    if (this.#opened === null) return route.continue().catch(() => {});
    const response = await route.fetch();
    await this.#opened;
    return route.fulfill({ response }).catch(() => {});
  }
}

async function take(page, gate, { play, pause, seek, stall }) {
  if (play !== undefined && !(await page.evaluate((seconds) => measured.play(seconds), play))) {
    throw new Error(`it does not play: ${JSON.stringify(await page.evaluate(() => measured.close()))}`);
  }
  if (pause !== undefined) {
    await page.evaluate(() => measured.pause());
    await page.waitForTimeout(pause * 1000);
  }
  if (seek !== undefined) await page.evaluate((to) => measured.seek(to), seek);
  if (stall !== undefined) {
    gate.close();
    await page.waitForFunction(() => measured.stands(), null, { timeout, polling: 20 });
    await page.waitForTimeout(stall * 1000);
    gate.open();
    await page.waitForFunction(() => !measured.stands(), null, { timeout, polling: 20 });
  }
}

await report(() =>
  withPage(async (page) => {
    // A page of the server's own origin, so that the service needs no CORS for its tests.
    const blank = new URL(PAGE, values.address).href;
    await page.route(blank, (route) => route.fulfill({ contentType: 'text/html', body: BLANK }));
    const gate = new Gate();
    await page.route(MEDIA, (route) => gate.pass(route));
    // What is asked for, and whether it tells of itself in the way that it should and in no other.
    const asked = { segments: 0, query: 0, headers: 0, reports: 0 };
    page.on('request', (request) => {
      if (MEDIA.test(request.url())) {
        asked.segments += 1;
        asked.query += new URL(request.url()).searchParams.has('CMCD') ? 1 : 0;
        asked.headers += 'cmcd-session' in request.headers() ? 1 : 0;
      }
      asked.reports += request.method() === 'POST' ? 1 : 0;
    });
    await page.goto(blank);
    for (const path of [library(values.player), join(here, 'page/engines.js'), join(here, 'page/measured.js')]) {
      await page.addScriptTag({ content: await readFile(path, 'utf8') });
    }
    const beacon = await readFile(join(here, '../../docs/examples/beacon.js'), 'utf8');
    await page.addScriptTag({ content: `${beacon.replace('export ', '')}\nglobalThis.tell = tell;` });
    const opened = await page.evaluate((how) => measured.open(how), {
      engine: values.player,
      address: values.address,
      config: cmcd(),
      beacon: values.way === 'beacon' ? { url: values.reports, session: values.session, offset: Number(values.offset) } : null,
    });
    for (const step of JSON.parse(values.steps)) await take(page, gate, step);
    const seen = await page.evaluate(() => measured.close());
    // What it sent last is on its way.
    await page.waitForTimeout(1000);
    return { opened, session: values.session, asked, ...seen };
  }),
);
