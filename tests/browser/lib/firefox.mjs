// Starts a headless Firefox with a fresh profile, over WebDriver BiDi: playwright drives only a Firefox of its own making.
import puppeteer from 'puppeteer-core';

const PREFERENCES = {
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // Nobody sees the window: timers and media go on as if somebody did.
  'dom.min_background_timeout_value': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  'media.suspend-background-video.enabled': false,
  'media.block-autoplay-until-in-foreground': false,
  'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'toolkit.telemetry.enabled': false,
};

/** Runs `work(browser)` with a new Firefox and always closes it. */
export async function withFirefox(work) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr',
    headless: true,
    // A cell plays in one call, in real time.
    protocolTimeout: 300_000,
    extraPrefsFirefox: PREFERENCES,
    args: ['--width=1280', '--height=800'],
  });
  try {
    return await work(browser);
  } finally {
    await browser.close().catch(() => {});
  }
}
