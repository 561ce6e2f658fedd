// Players beside hls.js for player.js: each opens an address on an element and tells of its errors.
(() => {
  /** dash.js. The address carries the token on by itself. */
  function dash({ element, address, config, level, fail }) {
    const own = dashjs.MediaPlayer().create();
    own.updateSettings({ debug: { logLevel: 1 }, ...config });
    own.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => {
      fail({ type: 'dash.js', details: String(error?.code ?? ''), fatal: true, reason: String(error?.message ?? error) });
    });
    if (level === 'top') {
      own.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false }, initialBitrate: { video: 1e6 } } } });
    }
    own.initialize(element, address, false);
    return {
      levels: [],
      destroy: () => own.destroy(),
      latency: () => own.getCurrentLiveLatency(),
    };
  }

  /** Shaka. */
  function shakaPlayer({ element, address, config, fail }) {
    shaka.polyfill.installAll();
    const own = new shaka.Player();
    const told = (error) => {
      // 7000: a load that was given up.
      if (error.code === 7000) return;
      fail({ type: 'shaka', details: String(error.code), fatal: error.severity === 2, reason: JSON.stringify(error.data ?? '') });
    };
    own.addEventListener('error', ({ detail }) => told(detail));
    own.configure(config);
    own
      .attach(element)
      .then(() => own.load(address))
      .catch(told);
    return {
      levels: [],
      destroy: () => own.destroy(),
      latency: () => {
        const at = own.getPlayheadTimeAsDate();
        return at ? (Date.now() - at.getTime()) / 1000 : null;
      },
    };
  }

  /** The browser's own. */
  function native({ element, address }) {
    element.src = address;
    return { levels: [], destroy: () => element.removeAttribute('src'), latency: () => null };
  }

  globalThis.engines = { dash, shaka: shakaPlayer, native };
})();
