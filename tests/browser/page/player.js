// A bare player: hls.js and one video element. Put into a blank page by play.mjs, after hls.js itself.
(() => {
  const errors = [];
  const stalls = [];
  /** Buffered ranges of each source buffer: where its media lies on the player's timeline. */
  const tracks = {};
  let element;
  let hls;

  /** A new element with the playlist, ready to play. */
  async function open({ engine, playlist, token, config, level }) {
    hls?.destroy();
    element?.remove();
    element = document.createElement('video');
    element.id = 'player';
    element.playsInline = true;
    document.body.append(element);
    if (engine && engine !== 'hls') {
      const fail = (error) => errors.push({ at: element.currentTime, status: null, ...error });
      const address = token ? `${playlist}${playlist.includes('?') ? '&' : '?'}token=${token}` : playlist;
      hls = engines[engine]({ element, address, config, level, fail });
      return ready();
    }
    hls = new Hls({
      startPosition: 0,
      enableWorker: false,
      ...config,
      xhrSetup: (xhr) => {
        if (token) xhr.setRequestHeader('Authorization', `Bearer ${token}`);
      },
    });
    hls.on(Hls.Events.ERROR, (_event, data) => {
      // A seek cancels the requests it no longer wants.
      if (data.details === 'aborted') return;
      errors.push({
        at: element.currentTime,
        type: data.type,
        details: data.details,
        fatal: data.fatal,
        status: data.response?.code ?? null,
        reason: String(data.reason ?? data.error?.message ?? ''),
      });
    });
    hls.on(Hls.Events.BUFFER_APPENDED, (_event, { timeRanges }) => {
      for (const [kind, buffered] of Object.entries(timeRanges)) tracks[kind] = ranges(buffered);
    });
    if (level) {
      // Held there: no adaptation. Levels are sorted by bandwidth.
      hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
        const index = level === 'top' ? levels.length - 1 : Number(level);
        hls.startLevel = index;
        hls.currentLevel = index;
      });
    }
    hls.loadSource(playlist);
    hls.attachMedia(element);
    return ready();
  }

  /** Waits for the first picture, or for an error. */
  async function ready() {
    await until(() => element.readyState >= 1 || failed(), 30_000);
    // A hole at the start is passed only by playing.
    await until(() => element.readyState >= 3 || failed(), 5_000);
    return !failed() && element.readyState >= 1;
  }

  function failed() {
    return errors.some((error) => error.fatal) || element.error !== null;
  }

  /** Plays to the end, watching for stalls; resolves when it ended, failed, or stood still for long. */
  async function playThrough({ rate, readAll, patience }) {
    const numbers = [];
    if (readAll) watchFrames(numbers);
    const begun = performance.now();
    element.playbackRate = rate;
    // Not awaited: with nothing to play it never settles, and that has to be reported.
    element.play().catch((error) => errors.push({ at: 0, type: 'play', details: error.message, fatal: true }));
    let moved = performance.now();
    let last = element.currentTime;
    let stall = null;
    while (!element.ended && !failed()) {
      await pause(20);
      const now = performance.now();
      if (element.currentTime !== last) {
        if (stall) stalls.push({ at: stall.at, len: (now - stall.since) / 1000 });
        stall = null;
        last = element.currentTime;
        moved = now;
      } else if (now - moved > 250) {
        stall ??= { at: last, since: moved };
        if (now - moved > patience) break;
      }
    }
    if (stall && !element.ended) stalls.push({ at: stall.at, len: (performance.now() - stall.since) / 1000 });
    return { ...quality(), wallSeconds: (performance.now() - begun) / 1000, ...(readAll ? { frames: numbers } : {}) };
  }

  /** Plays the live edge for some seconds, `settle` seconds after its first picture. */
  async function watchLive({ seconds, settle }) {
    const frames = [];
    let since = null;
    const seen = (_now, { expectedDisplayTime, mediaTime }) => {
      since ??= performance.now();
      if (performance.now() - since >= settle * 1000) {
        const number = picture.readNumber(picture.pixels(element));
        frames.push([performance.timeOrigin + expectedDisplayTime, number, mediaTime]);
      }
      element.requestVideoFrameCallback(seen);
    };
    element.requestVideoFrameCallback(seen);
    element.play().catch((error) => errors.push({ at: 0, type: 'play', details: error.message, fatal: true }));
    if (!(await until(() => since !== null || failed(), 15_000)) || failed()) return { frames };
    await until(() => performance.now() - since >= settle * 1000, settle * 1000 + 1000);
    const latencies = [];
    const end = performance.now() + seconds * 1000;
    let last = { time: element.currentTime, at: performance.now() };
    let stall = null;
    while (performance.now() < end && !failed()) {
      await pause(20);
      const now = performance.now();
      if (element.currentTime !== last.time) {
        if (stall !== null) stalls.push({ at: last.time, len: (now - stall) / 1000 });
        stall = null;
        last = { time: element.currentTime, at: now };
      } else if (now - last.at > 250) {
        stall ??= last.at;
      }
      latencies.push(hls.latency);
    }
    if (stall !== null) stalls.push({ at: last.time, len: (performance.now() - stall) / 1000 });
    latencies.sort((a, b) => a - b);
    return { frames, hlsLatency: latencies[latencies.length >> 1], rate: element.playbackRate, ...quality() };
  }

  /** Plays for some seconds at the live edge, and says how far it came and how far behind it is. */
  async function playLive({ seconds }) {
    element.play().catch((error) => errors.push({ at: 0, type: 'play', details: error.message, fatal: true }));
    await until(() => element.currentTime > 0 && !element.paused && element.readyState >= 3, 20_000);
    const [from, begun] = [element.currentTime, performance.now()];
    let [last, moved, longest] = [from, begun, 0];
    const latencies = [];
    while (performance.now() - begun < seconds * 1000 && !failed()) {
      await pause(20);
      const now = performance.now();
      if (element.currentTime !== last) {
        longest = Math.max(longest, now - moved);
        [last, moved] = [element.currentTime, now];
      }
      latencies.push(hls.latency?.() ?? null);
    }
    longest = Math.max(longest, performance.now() - moved);
    const wall = (performance.now() - begun) / 1000;
    return { ...quality(), from, wall, stood: longest / 1000, latency: latencies.at(-1) ?? null };
  }

  function quality() {
    const { totalVideoFrames, droppedVideoFrames, corruptedVideoFrames } = element.getVideoPlaybackQuality();
    return {
      totalVideoFrames,
      droppedFrames: droppedVideoFrames,
      corruptedFrames: corruptedVideoFrames,
      ended: element.ended,
      duration: Number.isFinite(element.duration) ? element.duration : null,
      currentTime: element.currentTime,
      levels: hls.levels.length,
      videoWidth: element.videoWidth,
      videoHeight: element.videoHeight,
      webkitAudioDecodedByteCount: element.webkitAudioDecodedByteCount,
      webkitVideoDecodedByteCount: element.webkitVideoDecodedByteCount,
      buffered: ranges(element.buffered),
      tracks: { ...tracks },
    };
  }

  /** Every picture that is shown: its media time, its number, its flash. */
  function watchFrames(into) {
    const seen = (_now, { mediaTime }) => {
      const image = picture.pixels(element);
      into.push([Number(mediaTime.toFixed(4)), picture.readNumber(image), picture.isLit(image), element.videoWidth]);
      if (!element.ended) element.requestVideoFrameCallback(seen);
    };
    element.requestVideoFrameCallback(seen);
  }

  /**
   * Waits until so many seconds are loaded, or all. A seek into another period while the first ones are being loaded does not
   * arrive, or the one after it does not, in shaka and in dash.js (docs/players.md).
   */
  async function settle(ahead = 10) {
    const goal = Math.min(element.duration, ahead) - 0.5;
    const loaded = () => element.buffered.length > 0 && element.buffered.end(element.buffered.length - 1) >= goal;
    await until(() => loaded() || failed(), 10_000);
  }

  /** Seeks, waits until it landed and its picture is there, then sees whether it plays on. */
  async function seek({ to, playOn }) {
    const begun = performance.now();
    let shown = null;
    element.requestVideoFrameCallback((_now, metadata) => {
      shown = metadata.mediaTime;
    });
    element.currentTime = to;
    const arrived = await until(
      () => (!element.seeking && element.readyState >= 2 && (shown !== null || !element.videoWidth)) || failed(),
      15_000,
    );
    const ms = performance.now() - begun;
    const landed = element.currentTime;
    const image = element.videoWidth ? picture.pixels(element) : null;
    const result = {
      to,
      landed,
      ms: Math.round(ms),
      arrived,
      mediaTime: shown,
      n: image && picture.readNumber(image),
      size: [element.videoWidth, element.videoHeight],
    };
    if (!playOn) return result;
    // It never settles where nothing is to be played, and that has to be reported.
    await Promise.race([element.play(), pause(10_000)]);
    const goal = Math.min(landed + 0.4, element.duration - 0.02);
    const playsOn = await until(() => element.currentTime >= goal || element.ended, 10_000);
    element.pause();
    return { ...result, playsOn };
  }

  /** The number in a screenshot, given as a data URL. */
  async function numberIn(url) {
    const image = new Image();
    image.src = url;
    await image.decode();
    return picture.readNumber(picture.pixels(image));
  }

  function ranges(buffered) {
    return Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
  }

  async function until(condition, timeout) {
    const end = performance.now() + timeout;
    while (!condition()) {
      if (performance.now() > end) return false;
      await pause(10);
    }
    return true;
  }

  function pause(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  globalThis.player = {
    open,
    playThrough,
    watchLive,
    playLive,
    settle,
    seek,
    numberIn,
    quality,
    duration: () => element.duration,
    faults: () => ({ errors, stalls, mediaError: element?.error?.message ?? null }),
  };
})();
