// Looks at and listens to the watch page from inside: flashes and beeps of every participant, in room
// time. A classic script, put in before the page's own.
(() => {
  const seen = new Map();
  let context;
  let tones;

  /** Begins to observe, now and for everybody who comes later. */
  async function begin({ hertz }) {
    context = new AudioContext();
    await context.resume();
    tones = hertz;
    look();
    setInterval(look, 50);
    setInterval(hear, 20);
    setInterval(sample, 200);
  }

  function look() {
    for (const tile of document.querySelectorAll('[data-participant]')) {
      const id = tile.dataset.participant;
      const element = tile.querySelector('video, audio');
      const known = seen.get(id);
      if (!element || known?.element === element) continue;
      const record = known ?? { flashes: [], beeps: [], presences: [], errors: [] };
      record.element = element;
      seen.set(id, record);
      listen(record, element);
      if (element instanceof HTMLVideoElement) watch(record, element, id);
    }
  }

  // What is tapped is what goes to the loudspeaker: after the page's volume and mute.
  function listen(record, element) {
    const source = context.createMediaElementSource(element);
    source.connect(context.destination);
    record.ears = new Ears(context, source, tones);
  }

  function hear() {
    for (const record of seen.values()) {
      const onsets = record.ears.listen();
      if (onsets.length === 0) continue;
      const { time, rate } = tureen.state();
      for (const { hertz, at } of onsets) {
        record.beeps.push({ hertz, time: time - (context.currentTime - at) * rate });
      }
    }
  }

  function watch(record, element, id) {
    let lit = false;
    const frame = (now, { mediaTime, expectedDisplayTime }) => {
      const image = picture.pixels(element);
      const state = tureen.state();
      // A picture that stands there before time passes, or while a seek lands, is no flash.
      const flash = picture.isLit(image) && state.playing && !state.held;
      if (flash && !lit) {
        const member = state.participants.find((participant) => participant.id === id);
        record.flashes.push({
          // In the recording: the picture's own time on the room's timeline.
          time: mediaTime + (member ? member.roomTime - member.currentTime : Number.NaN),
          // On the page: what the room clock showed as it appeared.
          shown: state.time + ((expectedDisplayTime - performance.now()) / 1000) * state.rate,
          n: picture.readNumber(image),
        });
      }
      lit = flash;
      record.ground ??= picture.ground(image);
      element.requestVideoFrameCallback(frame);
    };
    element.requestVideoFrameCallback(frame);
  }

  function sample() {
    const { time, playing, held, participants } = tureen.state();
    for (const { id, presence, error, readyState } of participants) {
      const record = seen.get(id);
      if (!record) continue;
      if (record.presences.at(-1)?.presence !== presence) record.presences.push({ time, presence });
      const settled = playing && !held && presence === 'here' && error !== null && readyState >= 3;
      if (settled) record.errors.push([time, error]);
    }
  }

  function result() {
    const { participants } = tureen.state();
    return participants.map((participant) => {
      const record = seen.get(participant.id);
      const { beeps, flashes, errors, presences, ground, ears } = record ?? {};
      return {
        id: participant.id,
        name: participant.name,
        offset: participant.offset,
        presence: participant.presence,
        problem: participant.problem,
        note: participant.note,
        heard: (beeps ?? []).length > 0,
        tones: ears?.peaks() ?? {},
        ground: ground ?? null,
        beepTimes: (beeps ?? []).map(({ time }) => time),
        beeps: beeps ?? [],
        flashTimes: (flashes ?? []).map(({ time }) => time),
        flashes: flashes ?? [],
        presences: presences ?? [],
        // Room time, and how far (ms) the element was from it.
        errorsMs: (errors ?? []).map(([time, error]) => [Number(time.toFixed(2)), Math.round(error * 1000)]),
      };
    });
  }

  globalThis.watcher = { begin, result };
})();
