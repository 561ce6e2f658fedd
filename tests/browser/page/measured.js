// A player that tells of itself with CMCD, and what an observer of its element sees meanwhile. Put into a blank page by
// measured.mjs, after the player and engines.js.
(() => {
  /** What is not buffered has to be asked for, and tells where the playhead is. In seconds. */
  const BUFFER = 6;
  /** What is held back is no failure for so long, in ms. */
  const PATIENCE = 60_000;
  /** It stands still when it has not moved for so long, in ms. */
  const STILL = 250;
  /** So far, in seconds, nothing moves between two looks that is shown. */
  const JUMP = 1;
  /** So near to the end, in seconds, it has been played. */
  const NEAR = 0.2;

  const errors = [];
  let element;
  let ends = () => {};
  /** When it was told to play. */
  let told = null;
  let own;

  function hls({ address, config, fail }) {
    const player = new Hls({
      startPosition: 0,
      enableWorker: false,
      maxBufferLength: BUFFER,
      maxMaxBufferLength: BUFFER,
      backBufferLength: 0,
      fragLoadPolicy: {
        default: { maxTimeToFirstByteMs: PATIENCE, maxLoadTimeMs: PATIENCE, timeoutRetry: null, errorRetry: null },
      },
      cmcd: config,
    });
    player.on(Hls.Events.ERROR, (_event, { details, fatal }) => fatal && fail({ details, fatal }));
    player.loadSource(address);
    player.attachMedia(element);
    return { destroy: () => player.destroy() };
  }

  function dash({ address, config, fail }) {
    const buffer = {
      bufferTimeDefault: BUFFER,
      bufferTimeAtTopQuality: BUFFER,
      bufferTimeAtTopQualityLongForm: BUFFER,
      bufferToKeep: 0,
      bufferPruningInterval: 0.5,
    };
    const streaming = { cmcd: config, buffer, fragmentRequestTimeout: PATIENCE };
    return engines.dash({ element, address, config: { streaming }, fail });
  }

  function shakaPlayer({ address, config, fail }) {
    const retryParameters = { timeout: PATIENCE, stallTimeout: PATIENCE, connectionTimeout: PATIENCE };
    const streaming = { bufferingGoal: BUFFER, bufferBehind: 0, retryParameters };
    return engines.shaka({ element, address, config: { cmcd: config, streaming, abr: { enabled: false } }, fail });
  }

  const kinds = { hls, dash, shaka: shakaPlayer };

  /** What is seen of the element. */
  const seen = { stretches: [], stalls: [], startup_ms: null };
  /** It was told to play, and has moved since that or since it was told to go elsewhere. */
  let wanted = false;
  let moves = false;
  let stall = null;
  let stretch = null;
  let last = null;

  function look() {
    const [now, at] = [performance.now(), element.currentTime];
    if (element.seeking) {
      [last, stretch] = [null, null];
    } else if (last === null) {
      last = { at, now };
    } else if (at !== last.at) {
      const moved = at - last.at;
      if (moved < 0 || moved > JUMP) {
        stretch = null;
      } else {
        if (stretch === null) {
          stretch = [last.at, at];
          seen.stretches.push(stretch);
        }
        stretch[1] = at;
        moves = wanted;
      }
      if (stall !== null) seen.stalls.push([last.at, (now - stall) / 1000]);
      stall = null;
      last = { at, now };
    } else if (wanted && moves && !element.ended && now - last.now > STILL) {
      stall ??= last.now;
    }
    if (element.paused || element.ended) {
      last = { at, now };
      stall = null;
    }
    requestAnimationFrame(look);
  }

  async function open({ engine, address, config, beacon }) {
    element = document.createElement('video');
    element.id = 'player';
    element.playsInline = true;
    document.body.append(element);
    if (beacon) ends = tell(element, beacon.url, beacon);
    element.addEventListener('playing', () => {
      seen.startup_ms ??= performance.now() - told;
    });
    own = kinds[engine]({ address, config, fail: (error) => errors.push(error) });
    requestAnimationFrame(look);
    return until(() => element.readyState >= 3 || failed(), 20_000);
  }

  const failed = () => errors.some((error) => error.fatal) || element.error !== null;

  /** Plays for some seconds of media, or to the end. */
  async function play(seconds) {
    const from = element.currentTime;
    wanted = true;
    told ??= performance.now();
    element.play().catch((error) => error.name === 'AbortError' || errors.push({ details: error.message, fatal: true }));
    // dash.js that was moved about may stand before the last picture for ever.
    const to = seconds === 'end' ? element.duration - NEAR : from + seconds;
    const there = () => element.ended || (!element.seeking && element.currentTime >= to);
    return (await until(() => there() || failed(), 60_000)) && !failed();
  }

  function pause() {
    [wanted, moves] = [false, false];
    element.pause();
  }

  /** Goes on from there, if it played. */
  function seek(to) {
    [moves, stretch, last] = [false, null, null];
    element.currentTime = to;
  }

  async function until(condition, timeout) {
    const end = performance.now() + timeout;
    while (!condition()) {
      if (performance.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return true;
  }

  globalThis.measured = {
    open,
    play,
    pause,
    seek,
    stands: () => stall !== null,
    /** What was seen; the player goes. */
    close: async () => {
      pause();
      // Players tell of the pause.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      ends();
      await own.destroy();
      return { ...seen, errors, mediaError: element.error?.message ?? null };
    },
  };
})();
