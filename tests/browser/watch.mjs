// Opens the watch page and reports what was seen and heard of each participant, as one line of JSON.
//
// watch.mjs --url WATCH_URL [--seconds 10] [--at T] [--speed 1] [--tones 1000,1700] [--shot OUT.png]
//           [--patience 30]
//
// Times are room time in seconds. flashTimes are the pictures' own times in the recording, `shown` is
// what the room clock said as they appeared; beepTimes are what the room clock said as they sounded.
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: watch.mjs --url WATCH_URL [--seconds S] [--at T] [--speed N] [--tones HZ,HZ] [--shot OUT.png]';
const { values } = readArgs(
  {
    url: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    at: { type: 'string' },
    speed: { type: 'string' },
    tones: { type: 'string', default: '1000,1700' },
    shot: { type: 'string', default: join(tmpdir(), `tureen-watch-${process.pid}.png`) },
    patience: { type: 'string', default: '30' },
  },
  usage,
);
if (!values.url) {
  console.error(usage);
  process.exit(2);
}

const here = dirname(fileURLToPath(import.meta.url));

await report(() =>
  withPage(async (page) => {
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (entry) => entry.type() === 'error' && errors.push(entry.text()));
    for (const name of ['picture.js', 'ears.js', 'watcher.js']) await page.addInitScript({ path: join(here, 'page', name) });
    await page.goto(values.url);
    const started = await start(page);
    if (started) await page.waitForTimeout(Number(values.seconds) * 1000);
    await page.screenshot({ path: values.shot });
    return {
      playing: started,
      message: await page.evaluate(visibleMessages),
      state: await page.evaluate(() => tureen.state()),
      participants: started ? await page.evaluate(() => watcher.result()) : [],
      errors,
      screenshot: values.shot,
    };
  }),
);

/** Starts the room, from `--at` if given; true once its time passes. */
async function start(page) {
  const timeout = Number(values.patience) * 1000;
  try {
    await page.waitForFunction(() => tureen.state().participants.length > 0, null, { timeout });
    await page.evaluate((how) => watcher.begin(how), { hertz: values.tones.split(',').map(Number) });
    await page.evaluate(
      ({ at, speed }) => {
        if (at !== null) tureen.seek(at);
        if (speed !== null) tureen.setSpeed(speed);
        if (!tureen.state().playing) tureen.play();
      },
      { at: number(values.at), speed: number(values.speed) },
    );
    await page.waitForFunction(
      () => {
        const { time, playing, held } = tureen.state();
        globalThis.firstTime ??= time;
        return playing && !held && Math.abs(time - globalThis.firstTime) > 0.2;
      },
      null,
      { timeout, polling: 50 },
    );
    return true;
  } catch (error) {
    if (error?.name === 'TimeoutError') return false;
    throw error;
  }
}

function number(text) {
  return text === undefined ? null : Number(text);
}

/** What the page tells its reader: messages, the token form, the status line. */
function visibleMessages() {
  return ['message', 'token-form', 'status']
    .map((id) => document.getElementById(id))
    .filter((element) => element && !element.hidden)
    .map((element) => element.innerText.trim())
    .filter(Boolean)
    .join(' | ');
}
