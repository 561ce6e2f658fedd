/** The bar below the tiles, and the keyboard. */
import { clockText, spokenTime } from './format.ts';
import type { Room } from './room.ts';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export class Controls {
  #room: Room;
  #play = byId('play', HTMLButtonElement);
  #seek = byId('seek', HTMLInputElement);
  #time = byId('time', HTMLElement);
  #length = byId('length', HTMLElement);
  #live = byId('live', HTMLButtonElement);
  #mute = byId('mute', HTMLButtonElement);
  #volume = byId('volume', HTMLInputElement);
  #speed = byId('speed', HTMLSelectElement);
  #lanes = byId('lanes', HTMLElement);
  #dragging = false;
  #muted = false;
  #drawn = '';

  constructor(room: Room) {
    this.#room = room;
    this.#play.addEventListener('click', () => this.togglePlay());
    this.#live.addEventListener('click', () => room.goLive(performance.now()));
    this.#seek.addEventListener('input', () => {
      this.#dragging = true;
      this.#time.textContent = clockText(Number(this.#seek.value));
    });
    this.#seek.addEventListener('change', () => {
      this.#dragging = false;
      room.seek(performance.now(), Number(this.#seek.value));
    });
    this.#mute.addEventListener('click', () => this.toggleMute());
    this.#volume.addEventListener('input', () => {
      this.#muted = false;
      this.#applyVolume();
    });
    this.#speed.addEventListener('change', () => this.#setSpeed(Number(this.#speed.value)));
    document.addEventListener('keydown', (event) => this.#key(event));
  }

  togglePlay(): void {
    const now = performance.now();
    if (this.#room.clock.playing) this.#room.pause(now);
    else this.#room.play(now);
  }

  toggleMute(): void {
    this.#muted = !this.#muted;
    this.#applyVolume();
  }

  /** Draws the state of the room. */
  show(now: number): void {
    const { clock, live } = this.#room;
    const time = clock.time(now);
    const length = Math.max(this.#room.length, time);
    this.#play.toggleAttribute('data-playing', clock.playing);
    this.#play.setAttribute('aria-label', clock.playing ? 'Pause' : 'Play');
    if (!this.#dragging) {
      this.#seek.max = length.toFixed(2);
      this.#seek.value = time.toFixed(2);
      setText(this.#time, clockText(time));
    }
    this.#seek.setAttribute('aria-valuetext', `${spokenTime(time)} of ${spokenTime(length)}`);
    setText(this.#length, clockText(length));
    this.#live.hidden = !live;
    const atLive = live && this.#room.atLive(now);
    this.#live.setAttribute('aria-pressed', String(atLive));
    this.#live.setAttribute('aria-label', atLive ? 'Live' : 'Go to live');
    this.#showLanes(length);
  }

  #showLanes(length: number): void {
    const lanes = [...this.#room.members.values()].map((member) => {
      const { start } = member.participant;
      return { start, end: member.stream.edge?.listed ?? member.end ?? length };
    });
    const key = JSON.stringify([length.toFixed(1), lanes.map((lane) => [lane.start, lane.end.toFixed(1)])]);
    if (key === this.#drawn || length <= 0) return;
    this.#drawn = key;
    this.#lanes.replaceChildren(
      ...lanes.map(({ start, end }) => {
        const lane = document.createElement('div');
        lane.className = 'lane';
        const stretch = document.createElement('i');
        stretch.style.left = `${(100 * start) / length}%`;
        stretch.style.width = `${(100 * Math.max(0, Math.min(end, length) - start)) / length}%`;
        lane.append(stretch);
        return lane;
      }),
    );
  }

  #applyVolume(): void {
    this.#mute.setAttribute('aria-pressed', String(this.#muted));
    this.#room.setVolume(Number(this.#volume.value), this.#muted);
  }

  #setSpeed(speed: number): void {
    this.#speed.value = String(speed);
    this.#room.setSpeed(performance.now(), speed);
  }

  #step(by: number): void {
    const at = SPEEDS.indexOf(Number(this.#speed.value));
    const speed = SPEEDS[at + by];
    if (speed !== undefined) this.#setSpeed(speed);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    if (target.closest('textarea, select')) return;
    // A slider moves by its own arrow keys, a button is pressed by its own space key.
    const own = target.closest('input, button');
    const now = performance.now();
    const time = this.#room.clock.time(now);
    const move = (by: number) => this.#room.seek(now, time + by);
    const keys: Record<string, () => void> = {
      k: () => this.togglePlay(),
      j: () => move(-10),
      l: () => move(10),
      m: () => this.toggleMute(),
      e: () => this.#room.goLive(now),
      '<': () => this.#step(-1),
      '>': () => this.#step(1),
    };
    if (!own) keys[' '] = () => this.togglePlay();
    if (!own || own === this.#seek) {
      Object.assign(keys, {
        ArrowLeft: () => move(-5),
        ArrowRight: () => move(5),
        Home: () => this.#room.seek(now, 0),
        End: () => this.#room.seek(now, this.#room.length),
      });
    }
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

/** An element of the page that must be there, of the type it must have. */
export function byId<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no #${id}`);
  return element;
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
