// Watches on the watch page as it is told to, and reports what was watched, as one line of JSON.
//
// visit.mjs --url WATCH_URL --steps '[{"play": 4}, {"seek": 8}, {"play": 3}, {"pause": 1}]' [--patience 30]
//
// `play` is for so many seconds of the recording, `pause` for so many of the clock, `seek` to a second of the recording.
// Answers `stretches`, what was shown from where to where in seconds of the recording, and `startup_ms`.
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: visit.mjs --url WATCH_URL --steps JSON';
const { values } = readArgs(
  {
    url: { type: 'string' },
    steps: { type: 'string', default: '[{"play": 3}]' },
    patience: { type: 'string', default: '30' },
  },
  usage,
);
if (!values.url) {
  console.error(usage);
  process.exit(2);
}
const timeout = Number(values.patience) * 1000;

class Visit {
  stretches = [];
  startup = null;
  #page;
  #from = null;

  constructor(page) {
    this.#page = page;
  }

  async take({ play, seek, pause }) {
    if (play !== undefined) await this.#play(play);
    if (seek !== undefined) await this.stop('seek', seek);
    if (pause !== undefined) {
      await this.stop('pause', 0);
      await this.#page.waitForTimeout(pause * 1000);
    }
  }

  async #play(seconds) {
    const [from, startup] = await this.#page.evaluate(
      (timeout) =>
        new Promise((done, fail) => {
          const began = performance.now();
          const from = tureen.state().time;
          if (!tureen.state().playing) tureen.play();
          const look = () => {
            const { time, playing, held } = tureen.state();
            const waited = performance.now() - began;
            // It may have moved before a busy page let us look.
            if (playing && !held) done([from, Math.max(0, waited - (time - from) * 1000)]);
            else if (waited > timeout) fail(new Error('it does not play'));
            else requestAnimationFrame(look);
          };
          look();
        }),
      timeout,
    );
    this.#from = from;
    this.startup ??= startup;
    const until = this.#from + seconds;
    await this.#page.waitForFunction((until) => tureen.state().time >= until, until, { timeout, polling: 20 });
  }

  /** Ends a stretch by what ends it, in one step of the page. */
  async stop(how, to) {
    const at = await this.#page.evaluate(
      ([how, to]) => {
        const { time } = tureen.state();
        if (how === 'seek') tureen.seek(to);
        if (how === 'pause') tureen.pause();
        return time;
      },
      [how, to],
    );
    if (this.#from !== null) this.stretches.push([this.#from, at]);
    this.#from = null;
  }
}

await report(() =>
  withPage(async (page) => {
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (entry) => entry.type() === 'error' && errors.push(entry.text()));
    await page.goto(values.url);
    await page.waitForFunction(() => tureen.state().participants.length > 0, null, { timeout });
    const visit = new Visit(page);
    for (const step of JSON.parse(values.steps)) await visit.take(step);
    await visit.stop('none', 0);
    // The page goes away, and says so.
    await page.goto(new URL('/healthz', values.url).href);
    return { stretches: visit.stretches, startup_ms: visit.startup, errors };
  }),
);
