// The players of the matrix, each behind the same few calls. A classic script; the libraries are loaded before it.
(() => {
  /** A player: `open` resolves when it was told what to play; the ladder is sorted by bandwidth. */
  const kinds = {
    hls: ({ url, buffer }) => {
      const hls = new Hls({
        startPosition: 0,
        enableWorker: false,
        ...(buffer ? { maxBufferLength: buffer, maxMaxBufferLength: buffer } : {}),
      });
      return {
        open(element, fail) {
          hls.on(Hls.Events.ERROR, (_event, { details, fatal, reason, error }) => {
            if (fatal) fail(`${details}: ${reason ?? error?.message ?? ''}`);
          });
          hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
            hls.startLevel = levels.length - 1;
            hls.loadLevel = levels.length - 1;
          });
          hls.loadSource(url);
          hls.attachMedia(element);
        },
        levels: () => hls.levels.length,
        choose: (level) => {
          hls.loadLevel = level;
        },
        close: () => hls.destroy(),
      };
    },

    shaka: ({ url, buffer }) => {
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      const ladder = () => player.getVariantTracks().sort((a, b) => a.bandwidth - b.bandwidth);
      const choose = (level) => player.selectVariantTrack(ladder()[level], false);
      player.configure({ abr: { enabled: false }, streaming: { ...(buffer ? { bufferingGoal: buffer } : {}) } });
      return {
        async open(element, fail) {
          player.addEventListener('error', ({ detail }) => {
            if (detail.severity === 2) fail(`shaka ${detail.code}: ${detail.message}`);
          });
          await player.attach(element);
          try {
            await player.load(url, 0);
            choose(ladder().length - 1);
          } catch (error) {
            fail(`shaka ${error.code ?? ''}: ${error.message}`);
          }
        },
        levels: () => ladder().length,
        choose,
        close: () => player.destroy(),
      };
    },

    dash: ({ url, buffer }) => {
      const player = dashjs.MediaPlayer().create();
      const streaming = {
        abr: { autoSwitchBitrate: { video: false, audio: false }, initialBitrate: { video: 1e6 } },
        ...(buffer ? { buffer: { bufferTimeDefault: buffer, bufferTimeAtTopQuality: buffer } } : {}),
      };
      player.updateSettings({ debug: { logLevel: 0 }, streaming });
      return {
        open(element, fail) {
          player.on('error', ({ error }) => fail(`dash.js ${error?.code ?? ''}: ${error?.message ?? error}`));
          player.initialize(element, url, false, 0);
        },
        levels: () => player.getRepresentationsByType?.('video')?.length ?? 1,
        // Told to switch while it has begun to load the next period, dash.js loads nothing more of that, not even sound.
        choose: (level) => {
          if (player.getActiveStream()?.getStreamInfo().isLast) player.setRepresentationForTypeByIndex('video', level, false);
        },
        close: () => player.destroy(),
      };
    },

    native: ({ url }) => ({
      open(element) {
        element.src = url;
      },
      levels: () => 1,
      choose: () => {},
      close: () => {},
    }),
  };

  let element;
  let current;
  let failures = [];
  /** Pictures that were decoded before the player moved on by itself: [when it did, when it was there, where]. */
  let jumps = [];

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  async function until(good, limit) {
    const deadline = performance.now() + limit;
    while (!good()) {
      if (performance.now() > deadline) return false;
      await pause(10);
    }
    return true;
  }

  const failed = () => failures.length > 0 || element.error !== null;

  /** A fresh element with a player; true when there is a picture to show. */
  async function open(cell) {
    await current?.close();
    element?.remove();
    failures = [];
    jumps = [];
    element = document.createElement('video');
    element.id = 'player';
    element.playsInline = true;
    // As a player does. Else Firefox gives the decoder back while it waits, and decodes the first picture once more.
    element.preload = 'auto';
    // Its pictures are read, and they come from another origin.
    element.crossOrigin = 'anonymous';
    document.body.append(element);
    watchJumps(element, jumps);
    current = kinds[cell.kind](cell);
    current.open(element, (what) => failures.push(what))?.catch?.((error) => failures.push(String(error)));
    await until(() => element.readyState >= 3 || failed(), 20_000);
    return !failed() && element.readyState >= 2;
  }

  /** Plays from 0 to the end; every picture that is shown with its time and number, and where it stood still. */
  async function play({ switches }) {
    const frames = [];
    const stalls = [];
    watch(frames);
    let timer;
    if (switches) {
      let next = 0;
      timer = setInterval(() => {
        current.choose(next % current.levels());
        next += 1;
      }, 1_500);
    }
    // Not awaited: with nothing to play it never settles, and that has to be reported.
    element.play().catch((error) => failures.push(`play: ${error.message}`));
    let moved = performance.now();
    let last = element.currentTime;
    let stall = null;
    const settle = () => {
      if (stall !== null) stalls.push([Number(last.toFixed(3)), Number(((performance.now() - stall) / 1000).toFixed(3))]);
      stall = null;
    };
    while (!element.ended && !failed()) {
      await pause(20);
      const now = performance.now();
      if (element.currentTime !== last) {
        settle();
        last = element.currentTime;
        moved = now;
      } else if (now - moved > 250) {
        stall ??= moved;
        if (now - moved > 12_000) break;
      }
    }
    clearInterval(timer);
    if (!element.ended) settle();
    const { totalVideoFrames, droppedVideoFrames } = element.getVideoPlaybackQuality();
    return {
      ended: element.ended,
      total: totalVideoFrames,
      dropped: droppedVideoFrames,
      duration: element.duration,
      stoodAt: element.currentTime,
      levels: current.levels(),
      stalls,
      frames,
      jumps,
    };
  }

  /** Notes each seek that nobody asked for. What the decoder holds then is decoded once more. */
  function watchJumps(own, into) {
    const decoded = () => own.getVideoPlaybackQuality().totalVideoFrames;
    let from = 0;
    own.addEventListener('seeking', () => {
      from = decoded();
    });
    own.addEventListener('seeked', () => into.push([from, decoded(), Number(own.currentTime.toFixed(3))]));
  }

  function watch(into) {
    const shown = element;
    const seen = (_now, { mediaTime }) => {
      const number = picture.readNumber(picture.pixels(shown));
      into.push([Number(mediaTime.toFixed(4)), number, shown.videoWidth]);
      if (!shown.ended && shown.isConnected) shown.requestVideoFrameCallback(seen);
    };
    shown.requestVideoFrameCallback(seen);
  }

  /**
   * Waits until so many seconds are loaded, or all. A seek into another period while the first ones are being loaded does not
   * arrive, or the one after it does not, in shaka and in dash.js (docs/players.md).
   */
  async function settle({ kind, buffer }) {
    if (!['dash', 'shaka'].includes(kind)) return;
    const goal = Math.min(element.duration, buffer ?? 10) - 0.5;
    const loaded = () => element.buffered.length > 0 && element.buffered.end(element.buffered.length - 1) >= goal;
    await until(() => loaded() || failed(), 10_000);
  }

  /** Seeks, waits for the picture there, and sees whether it plays on. */
  async function seek(to) {
    let shown = null;
    element.requestVideoFrameCallback((_now, metadata) => {
      shown = metadata.mediaTime;
    });
    element.currentTime = to;
    const there = () => !element.seeking && element.readyState >= 2;
    const arrived = await until(() => there() || failed(), 15_000);
    // Some browsers show nothing new when the picture is the one that stood there.
    await until(() => shown !== null || failed(), 1_000);
    const landed = element.currentTime;
    const n = element.videoWidth ? picture.readNumber(picture.pixels(element)) : null;
    const goal = Math.min(landed + 0.4, element.duration - 0.02);
    const playsOn = await until(() => {
      // dash.js pauses while it goes to another period. It never settles where nothing is to be played.
      if (element.paused) element.play().catch(({ name, message }) => name === 'AbortError' || failures.push(`play: ${message}`));
      return element.currentTime >= goal || element.ended || failed();
    }, 10_000);
    element.pause();
    return { to, landed, arrived, mediaTime: shown, n, playsOn: playsOn && !failed(), ...(playsOn ? {} : state()) };
  }

  /** What there is to play, for whoever looks into why it does not. */
  function state() {
    const { readyState, seeking, buffered } = element;
    const ranges = Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
    return { readyState, seeking, buffered: ranges };
  }

  globalThis.players = {
    open,
    play,
    settle,
    seek,
    duration: () => element.duration,
    faults: () => [...failures, ...(element?.error ? [`element: ${element.error.message}`] : [])],
    close: async () => {
      await current?.close();
      element?.remove();
    },
  };
})();
