import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { publish, stage, until } from './stage.mjs';

test('a dropped WebSocket closes nothing, and what happened meanwhile is told', async (t) => {
  const { router, desk, session } = await stage(t);
  await once(desk, 'hello');
  const transports = [];
  router.observer.on('newtransport', (transport) => transports.push(transport));
  const ann = await publish(router, 'audio', { peerId: 'ann', displayName: 'Ann' });
  const bob = await publish(router, 'audio', { peerId: 'bob' });
  await desk.record(router);
  await until('two offers', () => desk.offers().length === 2);
  const [ofAnn, ofBob] = ['ann', 'bob'].map((peer) => desk.offers().find((one) => one.peerId === peer).consumerId);
  const transport = transports.find((one) => one.appData.tureen);
  const detached = once(session, 'detached');
  // The offer of a third is on its way, without an answer, when the connection goes.
  desk.answer = undefined;
  await publish(router, 'video', { peerId: 'cleo' });
  const third = await until('a third offer', () => desk.requests.find((one) => one.data.peerId === 'cleo'));
  desk.socket.terminate();
  await detached;
  assert.equal(session.attached, false);
  await ann.pause();
  bob.close();
  desk.answer = () => ({ ok: true, data: {} });
  const [{ resumed }] = await once(session, 'attached');
  assert.equal(resumed, true);
  assert.equal(desk.hellos[1].session, 'session-1');
  const [state] = await until('the state', () => desk.told('state').length === 1 && desk.told('state'));
  assert.deepEqual(state.peers, [{ peerId: 'ann', displayName: 'Ann' }, { peerId: 'cleo' }]);
  assert.deepEqual(
    state.consumers.map((one) => [one.consumerId, one.producerPaused]),
    [[ofAnn, true], [third.data.consumerId, false]],
  );
  assert.ok(!state.consumers.some((one) => one.consumerId === ofBob));
  await until('it is asked again', () => desk.requests.filter((one) => one.id === third.id).length === 2);
  assert.equal(transport.closed, false, 'media went on');
});

test('what closes before its offer is answered is not offered later', async (t) => {
  const { router, desk, session } = await stage(t);
  await once(desk, 'hello');
  const consumed = [];
  router.observer.on('newtransport', (transport) =>
    transport.observer.on('newconsumer', (consumer) => consumed.push(consumer.producerId)),
  );
  await desk.record(router);
  desk.answer = undefined;
  // One offer is on its way, and the other can be made only when the connection is back.
  const sent = await publish(router, 'audio', { peerId: 'bob' });
  await until('an offer', () => desk.offers().length === 1);
  const detached = once(session, 'detached');
  desk.socket.terminate();
  await detached;
  const waiting = await publish(router, 'video', { peerId: 'cleo' });
  await until('it is consumed', () => consumed.includes(waiting.id));
  sent.close();
  waiting.close();
  desk.answer = () => ({ ok: true, data: {} });
  await once(session, 'attached');
  const [state] = await until('the state', () => desk.told('state').length === 1 && desk.told('state'));
  assert.deepEqual(state, { peers: [], consumers: [] });
  await publish(router, 'audio', { peerId: 'ann' });
  await until('a later one', () => desk.offers().some((one) => one.peerId === 'ann'));
  assert.deepEqual(desk.offers().map((one) => one.peerId), ['bob', 'ann'], 'neither of the others');
});

test('what closes while its offer is being answered is told after it', async (t) => {
  const { router, desk } = await stage(t);
  await once(desk, 'hello');
  await desk.record(router);
  desk.answer = undefined;
  const producer = await publish(router, 'audio', { peerId: 'bob' });
  await until('an offer', () => desk.offers().length === 1);
  producer.close();
  await until('its end', () => desk.told('consumerClosed').length === 1);
  assert.deepEqual(desk.told('consumerClosed'), [{ consumerId: desk.offers()[0].consumerId }]);
});

test('an offer that is too large to be sent is given up', async (t) => {
  const participants = ({ appData: { peerId } }) => ({ peerId: peerId === 'long' ? 'é'.repeat(600_000) : peerId });
  const { router, desk, errors } = await stage(t, { participants });
  await once(desk, 'hello');
  await desk.record(router);
  await publish(router, 'audio', { peerId: 'ann' });
  await until('an offer', () => desk.offers().length === 1);
  await publish(router, 'audio', { peerId: 'long' });
  await until('it is told', () => errors.some((error) => /cannot be recorded: .*too large/.test(error.message)));
  assert.equal(desk.offers().length, 1);
  assert.equal(desk.hellos.length, 1, 'the connection stays');
});

test('a request that is asked again is granted once', async (t) => {
  const { router, desk } = await stage(t);
  await once(desk, 'hello');
  const transports = [];
  router.observer.on('newtransport', (transport) => transports.push(transport));
  await desk.grant('attach', { version: 1, roomId: 'room', layers: 'max', recorder: { id: 'r', name: 'n', version: 'v' } });
  const first = await desk.ask('createTransport', {}, 500);
  desk.socket.terminate();
  await once(desk, 'hello');
  const again = await desk.ask('createTransport', {}, 500);
  assert.deepEqual(again.data, first.data);
  assert.equal(transports.length, 1);
});

test('a recorder that does not remember begins anew, and is told what it has recorded', async (t) => {
  const { router, desk, session } = await stage(t, { record: true });
  await once(desk, 'hello');
  const transports = [];
  router.observer.on('newtransport', (transport) => transports.push(transport));
  await publish(router, 'audio', { peerId: 'ann' });
  await desk.record(router);
  await until('an offer', () => desk.offers().length === 1);
  desk.sessions.clear();
  const stopped = once(session, 'stopped');
  desk.socket.terminate();
  await stopped;
  assert.ok(transports.find((one) => one.appData.tureen).closed, 'the old transport is closed');
  await until('hello again', () => desk.hellos.length === 2);
  const told = desk.hellos.map(({ record, recorded }) => ({ record, recorded }));
  assert.deepEqual(told, [{ record: true, recorded: undefined }, { record: true, recorded: 'tureen-rec-1' }]);
  await desk.record(router);
  await until('an offer again', () => desk.offers().length === 2);
});

test('a recorder that stays away is given up, and tried all the same', async (t) => {
  const { router, desk, session } = await stage(t, {}, { grace: 300 });
  await once(desk, 'hello');
  await desk.record(router);
  desk.refuse = 503;
  const told = [];
  session.on('stopped', () => told.push('stopped'));
  session.on('attached', ({ resumed }) => told.push(resumed));
  desk.socket.terminate();
  await until('it is given up', () => told.length === 1);
  desk.refuse = undefined;
  // The recorder would know the session still: it is not asked for.
  await until('it is there again', () => told.length === 2);
  assert.deepEqual(told, ['stopped', false]);
});

test('a refusal is told and does not throw', async (t) => {
  const { desk, session, errors } = await stage(t, {}, { token: async () => 'wrong' });
  await once(desk, 'hello');
  desk.refuse = 401;
  desk.socket.terminate();
  await until('an error', () => errors.some((error) => error.code === 401));
  assert.equal(session.closed, false);
});

test('a connection whose token has expired is made again with a new one', async (t) => {
  let count = 0;
  const { desk, session, errors } = await stage(t, {}, { token: () => `token ${++count}` });
  await once(desk, 'hello');
  assert.equal(desk.authorization, 'Bearer token 1');
  await until('it is attached', () => session.attached);
  const attached = once(session, 'attached');
  desk.socket.close(3000, 'the token has expired');
  assert.deepEqual(await attached, [{ resumed: true }]);
  assert.equal(desk.authorization, 'Bearer token 2');
  assert.deepEqual(errors, []);
});

test('the recorder can end a session for good, and the application too', async (t) => {
  const one = await stage(t);
  await once(one.desk, 'hello');
  one.desk.socket.close(4000, 'another application has attached this room');
  const [{ reason }] = await once(one.session, 'closed');
  assert.match(reason, /another application/);
  const two = await stage(t);
  await once(two.desk, 'hello');
  const gone = once(two.desk, 'gone');
  two.session.close('lesson over');
  assert.deepEqual(await gone, [4000, 'lesson over']);
});

test("a room whose worker dies is closed without saying that the room is over", async (t) => {
  const { desk, session, worker } = await stage(t);
  await once(desk, 'hello');
  const gone = once(desk, 'gone');
  process.kill(worker.pid, 'SIGKILL');
  assert.equal((await gone)[0], 1011);
  assert.equal(session.closed, true);
});
