// Plays what a job lists in one browser, and prints a line of JSON for each cell as it is done.
//
// matrix.mjs --browser chromium|firefox JOB.json
//
// JOB is [{ id, kind: hls|shaka|dash|native, url, switches, buffer }]. First pass: a fresh element from 0 to the end, so
// that each picture counts once. Second pass: another element, for three seeks. The page is of another origin than the
// recordings, as that of an application is.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArgs } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';
import { withFirefox } from './lib/firefox.mjs';

const usage = 'usage: matrix.mjs --browser chromium|firefox JOB.json';
const { values, positionals } = readArgs({ browser: { type: 'string' } }, usage);
if (!['chromium', 'firefox'].includes(values.browser) || positionals.length !== 1) {
  console.error(usage);
  process.exit(2);
}

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const PAGE = `<!doctype html><title>players</title><link rel="icon" href="data:,">
<style>body { margin: 0; background: #000 } video { display: block; width: 640px; height: 360px; object-fit: fill }</style>`;
const LIBRARIES = {
  hls: join(dirname(require.resolve('hls.js')), 'hls.min.js'),
  shaka: require.resolve('shaka-player/dist/shaka-player.compiled.js'),
  dash: join(here, 'node_modules/dashjs/dist/modern/umd/dash.all.min.js'),
};
/** Two passes in real time, and what a slow machine adds. */
const LIMIT = 150_000;

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end(PAGE);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${server.address().port}/`;
const job = JSON.parse(await readFile(positionals[0], 'utf8'));

/** Plays a cell in a page that has nothing but the scripts. */
async function cell(page, one) {
  await page.goto(address);
  for (const path of [LIBRARIES[one.kind], join(here, 'page/picture.js'), join(here, 'page/players.js')]) {
    if (path) await page.addScriptTag({ content: await readFile(path, 'utf8') });
  }
  const opened = await page.evaluate((what) => players.open(what), one);
  const played = opened ? await page.evaluate((how) => players.play(how), { switches: Boolean(one.switches) }) : {};
  const faults = await page.evaluate(() => players.faults());
  const seeks = [];
  if (played.ended) {
    // dash.js has not loaded the next period then, see docs/players.md.
    const again = one.kind === 'dash' ? { ...one, buffer: 2 } : one;
    await page.evaluate((what) => players.open(what), again);
    await page.evaluate((what) => players.settle(what), again);
    for (let i = 0; i < 3; i += 1) {
      // Far ahead, back, and on: never to where it is already.
      const to = Number((((i * 0.41 + 0.73) % 1) * 0.95 * played.duration).toFixed(3));
      seeks.push(await page.evaluate((target) => players.seek(target), to));
    }
    faults.push(...(await page.evaluate(() => players.faults())));
  }
  await page.evaluate(() => players.close());
  return { opened, ended: false, stalls: [], frames: [], ...played, seeks, faults };
}

async function run(newPage) {
  for (const one of job) {
    const page = await newPage();
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the page does not answer')), LIMIT);
    });
    const done = await Promise.race([cell(page, one), late]).catch((error) => ({
      opened: false,
      faults: [String(error?.message ?? error)],
    }));
    clearTimeout(timer);
    console.log(JSON.stringify({ id: one.id, ...done }));
    await Promise.race([page.close(), new Promise((resolve) => setTimeout(resolve, 5_000))]).catch(() => {});
  }
}

try {
  if (values.browser === 'chromium') await withPage((_page, context) => run(() => context.newPage()));
  else await withFirefox((browser) => run(() => browser.newPage()));
  server.close();
  process.exit(0);
} catch (error) {
  console.error(error?.stack ?? String(error));
  process.exit(1);
}
