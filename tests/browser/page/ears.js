// Hears beeps in an AnalyserNode: the level of given tones in blocks of 10 ms (Goertzel). Polled, as a
// worklet would need a module that the page's content policy allows. A classic script.
(() => {
  const THRESHOLD = -25;
  const SPAN = 32_768;

  class Ears {
    #context;
    #node;
    #samples = new Float32Array(SPAN);
    #heardTo;
    #tones;

    constructor(context, source, hertz) {
      this.#context = context;
      this.#node = context.createAnalyser();
      this.#node.fftSize = SPAN;
      source.connect(this.#node);
      this.#heardTo = context.currentTime;
      this.#tones = hertz.map((each) => ({ hertz: each, loud: false, peak: -120 }));
    }

    /** What was heard since the last time: onsets, stamped with the context's time. */
    listen() {
      const { sampleRate, currentTime } = this.#context;
      const block = Math.round(sampleRate / 100);
      this.#node.getFloatTimeDomainData(this.#samples);
      const fresh = Math.min(SPAN, Math.floor((currentTime - this.#heardTo) * sampleRate));
      const onsets = [];
      let from = SPAN - fresh;
      for (; from + block <= SPAN; from += block) {
        const at = currentTime - (SPAN - from) / sampleRate;
        for (const tone of this.#tones) {
          const level = levelOf(this.#samples.subarray(from, from + block), tone.hertz, sampleRate);
          tone.peak = Math.max(tone.peak, level);
          const loud = level > THRESHOLD;
          if (loud && !tone.loud) onsets.push({ hertz: tone.hertz, at });
          tone.loud = loud;
        }
      }
      this.#heardTo = currentTime - (SPAN - from) / sampleRate;
      return onsets;
    }

    /** The loudest that each tone was, in dB below a full-scale sine. */
    peaks() {
      return Object.fromEntries(this.#tones.map(({ hertz, peak }) => [hertz, Number(peak.toFixed(1))]));
    }
  }

  /** Level of one tone, in dB below a full-scale sine. */
  function levelOf(samples, hertz, sampleRate) {
    const turn = 2 * Math.cos((2 * Math.PI * hertz) / sampleRate);
    let before = 0;
    let last = 0;
    for (const sample of samples) {
      const next = sample + turn * last - before;
      before = last;
      last = next;
    }
    const power = last * last + before * before - turn * last * before;
    const half = samples.length / 2;
    return 10 * Math.log10(power / (half * half) + 1e-12);
  }

  globalThis.Ears = Ears;
})();
