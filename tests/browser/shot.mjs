// shot.mjs URL OUT.png [--wait SECONDS] [--width 1280] [--height 800]: a screenshot of a page.
import { readArgs, report } from './lib/args.mjs';
import { withPage } from './lib/chromium.mjs';

const usage = 'usage: shot.mjs URL OUT.png [--wait SECONDS] [--width PX] [--height PX]';
const { values, positionals } = readArgs(
  {
    wait: { type: 'string', default: '1' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '800' },
  },
  usage,
);
const [url, out] = positionals;
if (!url || !out) {
  console.error(usage);
  process.exit(2);
}

await report(() =>
  withPage(
    async (page) => {
      const errors = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (entry) => entry.type() === 'error' && errors.push(entry.text()));
      const response = await page.goto(url);
      await page.waitForTimeout(Number(values.wait) * 1000);
      await page.screenshot({ path: out });
      return { status: response?.status() ?? null, title: await page.title(), errors, path: out };
    },
    { viewport: { width: Number(values.width), height: Number(values.height) } },
  ),
);
