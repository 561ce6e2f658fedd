// Tells Tureen what a media element shows, whichever player drives it (docs/analytics.md). For browsers.

const EVERY = 10_000;
const AT_ONCE = 256;

/**
 * Begins to tell. `url` is that of the recording's `/progress`, with its `?token=`; `offset` in seconds is the participant's
 * of the manifest, from where the player counts. Returns what ends it.
 */
export function tell(element, url, { session = crypto.randomUUID(), player = 'example', offset = 0 } = {}) {
  const began = performance.now();
  const ending = new AbortController();
  const on = (target, name, act) => target.addEventListener(name, act, { signal: ending.signal });
  let seq = 0;
  let queue = [];
  // Where the playhead was, and since when it moves from there.
  let last = { time: 0, now: began, runs: false };

  const look = (runs) => {
    last = { time: element.currentTime, now: performance.now(), runs };
  };
  const reached = () => last.time + (last.runs ? ((performance.now() - last.now) / 1000) * element.playbackRate : 0);
  const add = (event, more = {}) => {
    const t = performance.now() - began;
    queue.push({ seq, t, event, position: element.currentTime + offset, ...more });
    seq += 1;
  };
  // It has moved a little by the time that it says so: from where it stood.
  const runs = () => {
    const position = last.time + offset;
    look(true);
    add('playing', { position, playback_rate: element.playbackRate });
  };
  const stands = (event) => {
    look(false);
    add(event);
  };

  on(element, 'play', () => add('play'));
  on(element, 'playing', () => element.playbackRate > 0 && runs());
  for (const name of ['pause', 'waiting', 'ended']) on(element, name, () => stands(name));
  on(element, 'error', () => add('error', { code: String(element.error?.code ?? '') }));
  // The element is where it goes already.
  on(element, 'seeking', () => {
    add('seeking', { from: reached() + offset });
    look(false);
  });
  on(element, 'timeupdate', () => element.seeking || look(last.runs));
  // shaka lets the element stand still by its rate while it has nothing to show.
  on(element, 'ratechange', () => {
    if (element.playbackRate === 0) stands('waiting');
    else if (last.runs) add('rate', { playback_rate: element.playbackRate });
    else if (!element.paused && !element.seeking && element.readyState > 2) runs();
  });

  const body = () => JSON.stringify({ session_id: session, player, events: queue.slice(0, AT_ONCE) });
  /** What could not be sent is sent again, with its numbers: it counts once. */
  async function send() {
    if (queue.length === 0) return;
    const until = queue[Math.min(queue.length, AT_ONCE) - 1].seq;
    const status = await fetch(url, { method: 'POST', body: body(), keepalive: true }).then((answer) => answer.status, () => 0);
    const again = status === 0 || status === 401 || status === 429 || status >= 500;
    if (!again) queue = queue.filter((event) => event.seq > until);
  }
  const beat = setInterval(() => {
    if (last.runs) add('progress');
    send();
  }, EVERY);
  const end = () => {
    if (ending.signal.aborted) return;
    ending.abort();
    clearInterval(beat);
    add('quit');
    navigator.sendBeacon(url, body());
  };
  on(window, 'pagehide', end);
  return end;
}
