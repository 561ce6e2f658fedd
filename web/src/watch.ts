/**
 * The page `/watch/{id}`: plays a recording, or a recording in the making, with all its participants in
 * step. The room manifest says who there is; each participant has playlists of their own.
 */
import { ApiError, getJson, openShare } from './api.ts';
import { Beacons, newSession, postTo } from './beacons.ts';
import { byId, Controls } from './controls.ts';
import { expiryOf, inFragment, shareFrom, tokenFrom, tokenFromPaste } from './credential.ts';
import { placeFrom, roomTime } from './link.ts';
import { readManifest, type Manifest } from './manifest.ts';
import { Room } from './room.ts';

/** How often to look and correct, and how often to ask who has come (ms). */
const TICK = 100;
const REFRESH = 2000;

declare global {
  interface Window {
    /** For tests and for the curious: the state of the page, and its controls. */
    tureen?: {
      state(): Record<string, unknown>;
      play(): void;
      pause(): void;
      seek(time: number): void;
      goLive(): void;
      setSpeed(speed: number): void;
    };
  }
}

const title = byId('title', HTMLElement);
const status = byId('status', HTMLElement);
const message = byId('message', HTMLElement);
const tokenForm = byId('token-form', HTMLFormElement);
const tokenInput = byId('token', HTMLTextAreaElement);
const tokenError = byId('token-error', HTMLElement);
const passwordForm = byId('password-form', HTMLFormElement);
const passwordInput = byId('password', HTMLInputElement);
const passwordError = byId('password-error', HTMLElement);

const recordingId = decodeURIComponent(location.pathname.split('/').filter(Boolean)[1] ?? '');
const share = shareFrom(new URL(location.href));
let token = takeToken();
/** Kept for when what the share gave has ended; null until it was right. */
let password: string | null = null;
/** What was opened is refused: not asked for again and again. */
let opened = false;
let refresh: ReturnType<typeof setTimeout> | undefined;

const room = new Room(byId('tiles', HTMLElement), {
  token: () => token,
  refused: () => void refused('The server refused the token.'),
});
const controls = new Controls(room);
const beacons = new Beacons(newSession(), postTo(recordingId, () => token));
room.onBlocked = () => say('Press play to start: the browser wants a gesture before sound.');

/** Takes the token from the address; out of the query, which servers and histories keep. */
function takeToken(): string | null {
  const url = new URL(location.href);
  const found = tokenFrom(url);
  if (found && url.searchParams.has('token')) history.replaceState(null, '', inFragment(url, found));
  return found;
}

async function load(): Promise<void> {
  clearTimeout(refresh);
  let again = true;
  try {
    if (share && !token) await open(null);
    const path = `/api/v1/recordings/${encodeURIComponent(recordingId)}/manifest.json`;
    const manifest = readManifest(await getJson(path, token), recordingId);
    message.hidden = true;
    tokenForm.hidden = true;
    opened = false;
    show(manifest);
    again = manifest.live || manifest.status === 'processing';
  } catch (error) {
    again = await failed(error);
  }
  if (again) refresh = setTimeout(() => void load(), REFRESH);
}

/** Opens the link of the address, or what is shared with everybody. */
async function open(tried: string | null): Promise<void> {
  token = await openShare({ recordingId, share, password: tried ?? password });
  password = tried ?? password;
}

/** The token, or the want of one, is refused: what the link gives may have ended, and can be had again, once. */
async function refused(reason: string): Promise<void> {
  if (!passwordForm.hidden) return;
  if (opened || (token && !share)) return askForToken(reason);
  opened = true;
  try {
    await open(null);
    void load().then(() => room.retry(performance.now()));
  } catch (error) {
    if (error instanceof ApiError && error.problem === 'password-required') askForPassword('');
    else askForToken(share && error instanceof Error ? error.message : reason);
  }
}

/** Shows an error; true if it may pass by itself. */
async function failed(error: unknown): Promise<boolean> {
  if (error instanceof ApiError && error.needsToken) {
    await refused(error.message);
    return false;
  }
  if (error instanceof ApiError && error.problem === 'password-required') {
    askForPassword('');
    return false;
  }
  message.textContent = error instanceof Error ? error.message : String(error);
  message.hidden = false;
  return error instanceof ApiError && (error.status === 0 || error.status >= 500 || room.manifest !== null);
}

function show(manifest: Manifest): void {
  const first = room.manifest === null;
  const before = room.manifest?.status;
  const joined = room.update(manifest);
  const name = manifest.title || manifest.roomId || 'Recording';
  title.textContent = name;
  document.title = name;
  byId('controls', HTMLElement).hidden = false;
  if (manifest.participants.length === 0) {
    say(manifest.live ? 'Nobody has sent anything yet.' : 'This recording holds no media.');
  } else if (joined.length > 0) {
    say(`${joined.join(', ')} joined.`);
  } else if (first || before !== manifest.status) {
    say(manifest.live ? 'Being recorded now.' : manifest.status === 'completed' ? '' : `Recording ${manifest.status}.`);
  }
  if (!first) return;
  if (goToLink(manifest)) {
    if (manifest.live) room.play(performance.now());
  } else if (manifest.live) startLive();
}

/** Goes to the place that the address names; false if it names none. */
function goToLink(manifest: Manifest): boolean {
  const place = placeFrom(new URL(location.href));
  const time = place && roomTime(place, manifest);
  if (time === null) return false;
  room.seek(performance.now(), time);
  return true;
}

/** While it is live one wants the present: as soon as the edge is known, unless they have moved. */
function startLive(): void {
  const now = performance.now();
  room.play(now);
  const wait = setInterval(() => {
    if (room.livePosition === null && room.live && room.clock.playing) return;
    clearInterval(wait);
    if (room.clock.playing) room.goLive(performance.now());
  }, TICK);
}

function say(text: string): void {
  if (status.textContent !== text) status.textContent = text;
}

function askForToken(reason: string): void {
  if (!tokenForm.hidden) return;
  const expiry = token ? expiryOf(token) : null;
  if (!token) tokenError.textContent = '';
  else if (expiry !== null && expiry < Date.now()) {
    tokenError.textContent = `The token expired at ${new Date(expiry).toLocaleString()}.`;
  } else tokenError.textContent = reason;
  message.hidden = true;
  tokenForm.hidden = false;
  tokenInput.focus();
}

function askForPassword(reason: string): void {
  passwordError.textContent = reason;
  message.hidden = true;
  passwordForm.hidden = false;
  passwordInput.focus();
}

passwordForm.addEventListener('submit', (event) => {
  event.preventDefault();
  open(passwordInput.value).then(
    () => {
      passwordInput.value = '';
      passwordForm.hidden = true;
      void load().then(() => room.retry(performance.now()));
    },
    (error: unknown) => askForPassword(error instanceof Error ? error.message : String(error)),
  );
});

tokenForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const pasted = tokenFromPaste(tokenInput.value);
  if (!pasted) {
    tokenError.textContent = 'This is no token: expected three parts of letters and digits with dots between.';
    return;
  }
  token = pasted;
  tokenInput.value = '';
  tokenForm.hidden = true;
  // The address is kept as it is: whoever pastes a token may not want it there.
  void load().then(() => room.retry(performance.now()));
});

setInterval(() => {
  const now = performance.now();
  room.tick(now);
  controls.show(now);
  beacons.observe(now, room.sight(now));
}, TICK);

// Another place in the address of a page that is open already loads nothing.
addEventListener('hashchange', () => {
  if (room.manifest) goToLink(room.manifest);
});

// What is not told by then is told as the page goes.
addEventListener('pagehide', () => beacons.leave(performance.now()));
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') beacons.spill();
});

window.tureen = {
  state: () => ({ recording: recordingId, ...room.state(performance.now()) }),
  play: () => room.play(performance.now()),
  pause: () => room.pause(performance.now()),
  seek: (time) => room.seek(performance.now(), time),
  goLive: () => room.goLive(performance.now()),
  setSpeed: (speed) => room.setSpeed(performance.now(), speed),
};

void load();
