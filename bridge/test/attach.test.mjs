import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Recorder } from '../dist/index.js';
import { conforms, publish, stage, until } from './stage.mjs';

test('producers from before and from later are offered paused, and resumed by the answer', async (t) => {
  const { router, desk, session } = await stage(t, {
    metadata: { course: 7 },
    before: async (router) => ({ producers: [await publish(router, 'audio', { peerId: 'ann', displayName: 'Ann', userId: 'u1' })] }),
  });
  await once(desk, 'hello');
  assert.equal(desk.authorization, 'Bearer secret');
  assert.deepEqual(desk.hellos[0], { version: 1, roomId: 'room', metadata: { course: 7 } });
  const resumed = [];
  router.observer.on('newtransport', (transport) =>
    transport.observer.on('newconsumer', (consumer) => {
      assert.equal(consumer.paused, true, 'made paused');
      consumer.observer.on('resume', () => resumed.push(consumer.id));
    }),
  );
  const answered = [];
  desk.answer = (message) => (answered.push(message.data.consumerId), undefined);
  const recording = once(session, 'recording');
  const { peers } = await desk.record(router);
  assert.deepEqual(peers, [{ peerId: 'ann', displayName: 'Ann', userId: 'u1' }]);
  assert.deepEqual(await recording, [{ recordingId: 'rec-1' }]);
  const sound = await until('an offer', () => desk.offers()[0]);
  assert.deepEqual([sound.peerId, sound.kind, sound.source, sound.type], ['ann', 'audio', 'microphone', 'simple']);
  assert.deepEqual(resumed, [], 'not resumed before the answer');
  desk.socket.send(JSON.stringify({ response: true, id: desk.requests[0].id, ok: true, data: {} }));
  await until('it is resumed', () => resumed.includes(sound.consumerId));

  desk.answer = () => ({ ok: true, data: {} });
  const screen = await publish(router, 'video', { peerId: 'bob', source: 'screensharing' });
  await until('the late one', () => desk.offers()[1]);
  assert.deepEqual(desk.told('peerJoined'), [{ peerId: 'bob' }]);
  assert.equal(desk.offers()[1].source, 'screen');
  await screen.pause();
  await until('a pause', () => desk.told('consumerPaused').length === 1);
  await screen.resume();
  await until('a resumption', () => desk.told('consumerResumed').length === 1);
  screen.close();
  await until('an end', () => desk.told('peerLeft').length === 1);
  assert.deepEqual(desk.told('consumerClosed'), [{ consumerId: desk.offers()[1].consumerId }]);
  session.update('ann', { displayName: 'Anna' });
  await until('a name', () => desk.told('peerUpdated').length === 1);
  assert.deepEqual(desk.told('peerUpdated'), [{ peerId: 'ann', displayName: 'Anna', userId: 'u1' }]);
});

test('who was announced stays until the application says that they left', async (t) => {
  const { router, desk, session } = await stage(t, { participants: new Map([['cleo', { displayName: 'Cleo' }]]) });
  await once(desk, 'hello');
  session.join('ann', { displayName: 'Ann' });
  session.join('cleo');
  const { peers } = await desk.record(router);
  assert.deepEqual(peers, [{ peerId: 'ann', displayName: 'Ann' }, { peerId: 'cleo', displayName: 'Cleo' }]);
  // With and without a camera, or consent.
  const camera = await publish(router, 'video', { peerId: 'ann' });
  await until('an offer', () => desk.offers().length === 1);
  camera.close();
  await until('its end', () => desk.told('consumerClosed').length === 1);
  session.exclude('cleo');
  session.include('cleo');
  session.join('bob');
  const sound = await publish(router, 'audio', { peerId: 'bob', userId: 'u2' });
  await until('their name', () => desk.told('peerUpdated').length === 1);
  assert.deepEqual(desk.told('peerJoined'), [{ peerId: 'bob' }]);
  assert.deepEqual(desk.told('peerUpdated'), [{ peerId: 'bob', userId: 'u2' }]);
  assert.deepEqual(desk.told('peerLeft'), []);
  // Bob's sound ends later than his stay, and Dan was never announced.
  session.leave('bob');
  session.leave('ann');
  await until('an end', () => desk.told('peerLeft').length === 1);
  sound.close();
  const other = await publish(router, 'audio', { peerId: 'dan' });
  await until('an offer', () => desk.offers().some((one) => one.peerId === 'dan'));
  other.close();
  await until('all ends', () => desk.told('peerLeft').length === 3);
  assert.deepEqual(desk.told('peerLeft').map((one) => one.peerId), ['ann', 'bob', 'dan']);
  // Who is there is there for the next recording too.
  desk.tell('detach');
  await once(session, 'stopped');
  assert.deepEqual((await desk.record(router)).peers, [{ peerId: 'cleo', displayName: 'Cleo' }]);
});

test('a recording ends and another begins over the same socket', async (t) => {
  const { router, desk, session } = await stage(t);
  await once(desk, 'hello');
  await publish(router, 'audio', { peerId: 'ann' });
  const { transportId } = await desk.record(router);
  await until('an offer', () => desk.offers().length === 1);
  const stopped = once(session, 'stopped');
  desk.tell('detach');
  assert.deepEqual(await stopped, [{ recordingId: 'rec-1' }]);
  const gone = await desk.ask('restartIce', { transportId });
  assert.equal(gone.errorCode, 409, 'nothing is kept');
  await desk.record(router);
  await until('an offer again', () => desk.offers().length === 2);
  assert.equal(desk.hellos.length, 1);
});

test('each layer of a simulcast gets a consumer that prefers it', async (t) => {
  const { router, desk } = await stage(t);
  await once(desk, 'hello');
  const preferred = [];
  router.observer.on('newtransport', (transport) =>
    transport.observer.on('newconsumer', (consumer) => preferred.push(consumer.preferredLayers?.spatialLayer)),
  );
  await publish(router, 'video', { peerId: 'ann' }, 3);
  await desk.record(router, 'all');
  await until('three offers', () => desk.offers().length === 3);
  assert.deepEqual(desk.offers().map((one) => one.spatialLayer), [0, 1, 2]);
  assert.deepEqual(preferred, [0, 1, 2]);
  assert.equal(new Set(desk.offers().map((one) => one.producerId)).size, 1);
});

test('whoever is filtered out or excluded is never consumed', async (t) => {
  const { router, desk, session } = await stage(t, { filter: { exclude: ['eve'], kinds: ['audio'] } });
  await once(desk, 'hello');
  const consumed = [];
  router.observer.on('newtransport', (transport) =>
    transport.observer.on('newconsumer', (consumer) => {
      consumed.push(consumer.producerId);
      consumer.observer.once('close', () => consumed.splice(consumed.indexOf(consumer.producerId), 1));
    }),
  );
  await desk.record(router);
  await publish(router, 'audio', { peerId: 'eve' });
  await publish(router, 'video', { peerId: 'ann' });
  const sound = await publish(router, 'audio', { peerId: 'ann' });
  await until('an offer', () => desk.offers().length === 1);
  assert.deepEqual(consumed, [sound.id]);
  session.exclude('ann');
  assert.deepEqual(consumed, [], 'closed at once');
  await until('it is told', () => desk.told('peerLeft').length === 1);
  await publish(router, 'audio', { peerId: 'ann' });
  session.include('ann');
  await until('both are back', () => desk.offers().length === 3);
  assert.ok(desk.offers().every((one) => one.peerId === 'ann'));
});

test('whom the recorder refused, or stopped, is offered again when it asks', async (t) => {
  const { router, desk, session, errors } = await stage(t);
  await once(desk, 'hello');
  desk.answer = ({ data }) => (data.peerId === 'eve' ? { ok: false, errorCode: 403, errorReason: 'not recorded' } : { ok: true, data: {} });
  await publish(router, 'video', { peerId: 'ann' }, 3);
  await publish(router, 'audio', { peerId: 'eve' });
  await desk.record(router, 'all');
  await until('all offers', () => desk.offers().length === 4);
  const of = (peerId) => desk.offers().filter((one) => one.peerId === peerId);
  for (const { consumerId } of of('ann')) assert.equal((await desk.ask('closeConsumer', { consumerId })).ok, true);
  desk.answer = () => ({ ok: true, data: {} });
  assert.equal((await desk.ask('offerAgain', { peerId: 'ann' })).ok, true);
  await until('each layer again', () => of('ann').length === 6);
  assert.deepEqual(of('ann').map((one) => one.spatialLayer), [0, 1, 2, 0, 1, 2]);
  assert.equal(of('eve').length, 1, 'nobody else');
  assert.equal((await desk.ask('offerAgain', { peerId: 'eve' })).ok, true);
  await until('eve again', () => of('eve').length === 2);
  // Who is there already, whom nobody knows, and whom the application excludes.
  assert.equal((await desk.ask('offerAgain', { peerId: 'eve' })).ok, true);
  assert.equal((await desk.ask('offerAgain', { peerId: 'nobody' })).ok, true);
  session.exclude('ann');
  assert.equal((await desk.ask('offerAgain', { peerId: 'ann' })).ok, true);
  await publish(router, 'audio', { peerId: 'bob' });
  await until('a later one', () => of('bob').length === 1);
  assert.deepEqual([of('ann').length, of('eve').length, errors.length], [6, 2, 0]);
});

test('what the recorder refuses is closed, and asks for what is not there are refused', async (t) => {
  const { router, desk, errors } = await stage(t);
  await once(desk, 'hello');
  assert.equal((await desk.ask('requestKeyFrame', { consumerId: 'x' })).errorCode, 409);
  desk.answer = () => ({ ok: false, errorCode: 403, errorReason: 'codec not recorded' });
  const closed = [];
  router.observer.on('newtransport', (transport) =>
    transport.observer.on('newconsumer', (consumer) => consumer.observer.once('close', () => closed.push(consumer.id))),
  );
  await desk.record(router);
  await publish(router, 'audio', { peerId: 'ann' });
  await until('it is closed', () => closed.length === 1);
  assert.equal((await desk.ask('requestKeyFrame', { consumerId: desk.offers()[0].consumerId })).errorCode, 404);
  assert.deepEqual(errors, []);
  desk.socket.send('{"half');
  desk.socket.send(Buffer.from([1, 2, 3]));
  desk.socket.send(JSON.stringify({ request: true, id: 77, method: 'dance', data: null }));
  const answers = [];
  desk.on('message', (message) => answers.push(message));
  const answer = await until('an answer', () => answers.find((message) => message.id === 77));
  assert.equal(answer.errorCode, 404);
});

test('nothing is kept of who has gone, however long the room lives', async (t) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const { router, desk } = await stage(t);
  await once(desk, 'hello');
  await desk.record(router);
  let transport;
  router.observer.on('newtransport', (made) => (transport = new WeakRef(made)));
  const come = async (peerId) => {
    const producer = new WeakRef(await publish(router, 'audio', { peerId }));
    return { transport, producer };
  };
  const closed = await come('ann');
  await until('an offer', () => desk.offers().length === 1);
  closed.transport.deref().close();
  await until('its end', () => desk.told('peerLeft').length === 1);
  await until('they are let go', () => {
    gc();
    return closed.transport.deref() === undefined && closed.producer.deref() === undefined;
  });
});

test('nothing that goes wrong reaches the application', async (t) => {
  const rejections = [];
  const seen = (reason) => rejections.push(reason);
  process.on('unhandledRejection', seen);
  t.after(() => process.off('unhandledRejection', seen));
  const { router, desk, session, errors } = await stage(t, {
    participants: (producer) => {
      if (producer.appData.bad) throw new Error('no idea whose');
      return { peerId: 'ann' };
    },
  });
  await once(desk, 'hello');
  session.on('recording', () => {
    throw new Error('a listener of the application');
  });
  await desk.record(router);
  await publish(router, 'audio', { bad: true });
  await publish(router, 'audio', {});
  await until('the good one', () => desk.offers().length === 1);
  assert.deepEqual(errors.map((error) => error.message), ['no idea whose']);
  assert.equal(desk.offers().length, 1, 'nobody knows who that is: not recorded');
  await assert.rejects(new Recorder({ url: desk.url, token: 'x' }).attach(router, {}), TypeError);
  assert.throws(() => new Recorder({ url: 'ftp://host', token: 'x' }), TypeError);
  router.close();
  await until('the session is over', () => session.closed);
  assert.deepEqual(rejections, []);
});

test('the schema refuses what is none of the protocol', () => {
  const hello = { request: true, id: 1, method: 'hello', data: { version: 1, roomId: 'r' } };
  conforms('application', hello);
  for (const wrong of [
    { ...hello, data: { version: 2, roomId: 'r' } },
    { ...hello, data: { version: 1 } },
    { ...hello, id: -1 },
    { ...hello, method: 'dance' },
    { response: true, id: 1 },
    { notification: true, method: 'consumerPaused', data: {} },
  ]) {
    assert.throws(() => conforms('application', wrong), JSON.stringify(wrong));
  }
});
