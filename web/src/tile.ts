/** A participant's place on the page: picture or initial, name, state, volume. */
import { clockText } from './format.ts';
import type { Participant } from './manifest.ts';
import type { Presence } from './presence.ts';
import { browserProbe, supportOf, type Support } from './support.ts';

export interface TileState {
  presence: Presence;
  /** Room time of the first media, for 'joins at'. */
  start: number;
  waiting: boolean;
  /** Here, but nothing of them can be played yet. */
  empty: boolean;
  problem: string;
  level: number;
}

export class Tile {
  readonly root: HTMLElement;
  readonly element: HTMLMediaElement;
  readonly support: Support;
  onVolume: () => void = () => {};
  #name: HTMLElement;
  #state: HTMLElement;
  #note: HTMLElement;
  #level: HTMLElement | null = null;
  #volume: HTMLInputElement;
  #mute: HTMLButtonElement;
  #muted = false;
  #shown = '';

  constructor(participant: Participant) {
    this.support = supportOf(participant, browserProbe);
    const { name } = participant;
    this.root = make('section', 'tile');
    this.root.dataset['participant'] = participant.id;
    this.root.setAttribute('aria-label', name);
    this.element = this.support.video ? document.createElement('video') : document.createElement('audio');
    this.element.preload = 'auto';
    if (this.element instanceof HTMLVideoElement) this.element.playsInline = true;
    this.element.tabIndex = -1;
    this.root.append(this.element);
    if (!this.support.video) {
      const initial = make('div', 'initial', [...name][0]?.toUpperCase() ?? '?');
      initial.setAttribute('aria-hidden', 'true');
      this.#level = make('div', 'ring');
      this.#level.append(initial);
      this.root.append(this.#level);
    }
    this.#state = make('p', 'state');
    this.#note = make('p', 'note', this.support.note);
    this.#note.hidden = !this.support.note;
    const bar = make('div', 'bar');
    this.#name = make('span', 'name', name);
    this.#mute = document.createElement('button');
    this.#mute.type = 'button';
    this.#mute.className = 'icon mute';
    this.#mute.setAttribute('aria-label', `Mute ${name}`);
    this.#mute.addEventListener('click', () => this.#setMuted(!this.#muted));
    this.#volume = document.createElement('input');
    this.#volume.type = 'range';
    this.#volume.min = '0';
    this.#volume.max = '1';
    this.#volume.step = '0.05';
    this.#volume.value = '1';
    this.#volume.setAttribute('aria-label', `Volume of ${name}`);
    this.#volume.addEventListener('input', () => this.#setMuted(false));
    const silent = !this.support.audio && participant.tracks.length > 0;
    this.#mute.hidden = silent;
    this.#volume.hidden = silent;
    bar.append(this.#name, this.#mute, this.#volume);
    this.root.append(this.#state, this.#note, bar);
    this.#setMuted(false);
  }

  /** The volume set on this tile, 0 to 1, mute included. */
  get volume(): number {
    return this.#muted ? 0 : Number(this.#volume.value);
  }

  rename(name: string): void {
    if (this.#name.textContent !== name) this.#name.textContent = name;
  }

  show(state: TileState): void {
    this.root.classList.toggle('away', state.presence !== 'here');
    this.root.classList.toggle('waiting', state.presence === 'here' && state.waiting);
    this.#level?.style.setProperty('--level', state.level.toFixed(2));
    const text = stateText(state);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#state.textContent = text;
    this.#state.hidden = !text;
  }

  #setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#mute.setAttribute('aria-pressed', String(muted));
    this.onVolume();
  }
}

function stateText(state: TileState): string {
  // Nobody's media begins with the recording to the millisecond: that is no coming late.
  if (state.presence === 'before') return state.start < 1 ? '' : `Not here yet: joins at ${clockText(state.start)}`;
  if (state.presence === 'left') return 'Left';
  if (state.problem) return state.problem;
  if (state.empty) return 'Nothing to play yet';
  return state.waiting ? 'Loading…' : '';
}

function make(tag: string, className: string, text = ''): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  if (text) element.textContent = text;
  return element;
}
