// Plays the live edge of a running recording with hls.js in Chromium and reports what was shown when, as one line of JSON.
//
// live.mjs --playlist URL [--token T] [--seconds 60] [--settle 5] [--config JSON]
//
// `frames` holds for each picture that was shown, from `--settle` seconds after the first on: the wall clock at which it
// was to be shown (milliseconds since 1970), the number that is drawn in it, and its media time.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: live.mjs --playlist URL [--token T] [--seconds N] [--settle N] [--config JSON]';
const { values } = readArgs(
  {
    playlist: { type: 'string' },
    token: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    settle: { type: 'string', default: '5' },
    config: { type: 'string', default: '{}' },
  },
  usage,
);
if (!values.playlist) {
  console.error(usage);
  process.exit(2);
}

const here = dirname(fileURLToPath(import.meta.url));
const PAGE = '/blank-page-of-the-player-test';
const BLANK = '<!doctype html><title>live</title><style>body { margin: 0 } video { width: 640px; height: 360px }</style>';

await report(() =>
  withPage(async (page) => {
    const address = new URL(PAGE, values.playlist).href;
    await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: BLANK }));
    await page.goto(address);
    const hls = createRequire(import.meta.url).resolve('hls.js');
    for (const path of [join(dirname(hls), 'hls.min.js'), join(here, 'page/picture.js'), join(here, 'page/player.js')]) {
      await page.addScriptTag({ content: await readFile(path, 'utf8') });
    }
    // Where hls.js starts by itself, and in a worker, as it does by itself.
    const config = { startPosition: -1, enableWorker: true, ...JSON.parse(values.config) };
    const opened = await page.evaluate((from) => player.open(from), {
      playlist: values.playlist,
      token: values.token ?? null,
      config,
      level: null,
    });
    const watched = opened
      ? await page.evaluate((how) => player.watchLive(how), {
          seconds: Number(values.seconds),
          settle: Number(values.settle),
        })
      : {};
    return { opened, ...watched, ...(await page.evaluate(() => player.faults())) };
  }),
);
