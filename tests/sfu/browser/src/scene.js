// A picture and a sound that say when they were made: the frame number as blocks, a flash and a beep
// at each whole second. The layout is that of fixtures/README.md: a grid of 16 x 9 cells.

const RATE = 25;
const GROUNDS = { blue: "rgb(22, 49, 136)", green: "rgb(24, 106, 0)" };

/** The number of the frame that is due now. Whole seconds are multiples of 25. */
const due = () => Math.floor((Date.now() * RATE) / 1000);

/** A canvas track of 25 pictures a second; `still` shows the first one for ever. */
export function picture({ width, height, ground, still }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const [track] = canvas.captureStream(0).getVideoTracks();
  const first = due();
  let shown;
  const step = () => {
    const number = due();
    if (number === shown) return;
    shown = number;
    // A still scene is drawn anew too: a canvas that nobody touches gives no frames.
    draw(context, still ? first : number, GROUNDS[ground] ?? GROUNDS.blue);
    track.requestFrame();
  };
  step();
  setInterval(step, 5);
  return track;
}

function draw(context, number, ground) {
  const { width, height } = context.canvas;
  const [cell, row] = [width / 16, height / 9];
  const block = (column, line, white) => {
    context.fillStyle = white ? "white" : "black";
    context.fillRect(column * cell, line * row, cell, row);
  };
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "black";
  context.fillRect(0, 0, width, 2 * row);
  let parity = false;
  for (let bit = 0; bit < 16; bit++) {
    const white = ((number >> (15 - bit)) & 1) === 1;
    parity = parity !== white;
    block(bit, 0, white);
  }
  [true, false, parity, !parity].forEach((white, column) => block(column, 1, white));
  if (number % RATE < 2) {
    context.fillStyle = "white";
    context.fillRect(0, 3 * row, width, 2 * row);
  }
  // Something moves in every picture.
  context.fillStyle = "rgb(200, 200, 200)";
  context.fillRect((number * (width / 50)) % width, 7 * row, cell, row);
}

/** A track that beeps for 80 ms at each whole second. */
export async function beeps(hertz) {
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const oscillator = new OscillatorNode(context, { frequency: hertz });
  const gain = new GainNode(context, { gain: 0.003 });
  const out = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(gain).connect(out);
  oscillator.start();
  let planned = 0;
  setInterval(() => {
    const second = Math.floor(Date.now() / 1000) + 1;
    if (second === planned) return;
    planned = second;
    const at = context.currentTime + (second * 1000 - Date.now()) / 1000;
    gain.gain.setValueAtTime(0.5, at);
    gain.gain.setValueAtTime(0.003, at + 0.08);
  }, 100);
  return out.stream.getAudioTracks()[0];
}
