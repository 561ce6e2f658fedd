/**
 * Loudness of sound-only participants, for their tiles. It reads a capture of the element, beside the
 * way the sound takes to the loudspeaker, so nothing that is heard depends on it. Browsers without
 * `captureStream` show no level.
 */
type Capturing = HTMLMediaElement & { captureStream?: () => MediaStream };

export class Level {
  #context: AudioContext;
  #element: Capturing;
  #analyser: AnalyserNode | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #samples = new Float32Array(512);

  constructor(context: AudioContext, element: HTMLMediaElement) {
    this.#context = context;
    this.#element = element;
  }

  /** Between 0 (silence) and 1 (loud). */
  read(): number {
    if (!this.#analyser && !this.#tap()) return 0;
    this.#analyser?.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const decibels = 10 * Math.log10(sum / this.#samples.length + 1e-9);
    return Math.min(1, Math.max(0, (decibels + 60) / 50));
  }

  close(): void {
    this.#source?.disconnect();
    this.#source = null;
    this.#analyser = null;
  }

  #tap(): boolean {
    if (!this.#element.captureStream || this.#element.readyState < 2) return false;
    const stream = this.#element.captureStream();
    if (stream.getAudioTracks().length === 0) return false;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    this.#source.connect(this.#analyser);
    return true;
  }
}
