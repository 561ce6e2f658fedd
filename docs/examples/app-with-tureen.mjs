// A small conference server: rooms, signalling by WebSocket, mediasoup. `node app.mjs`, then speak JSON to
// ws://localhost:3000/?room=ROOM&peer=PEER&name=NAME: {id, method, data} is answered by {id, data} or {id, error}.
import * as mediasoup from 'mediasoup';
import { Recorder } from 'tureen-bridge';
import { WebSocketServer } from 'ws';

const mediaCodecs = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
  { kind: 'video', mimeType: 'video/H264', clockRate: 90000, parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f' } },
];

export async function start(port = Number(process.env.PORT ?? 3000)) {
  const worker = await mediasoup.createWorker({ logLevel: 'error' });
  const ip = process.env.LISTEN_IP ?? '127.0.0.1';
  const webRtcServer = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip }] });
  const rooms = new Map();
  const recorder = new Recorder({ url: process.env.TUREEN_URL, token: process.env.TUREEN_TOKEN });

  async function createRoom(id) {
    const router = await worker.createRouter({ mediaCodecs });
    const recording = await recorder.attach(router, { roomId: id, webRtcServer });
    return { id, router, peers: new Map(), recording };
  }

  async function enter(socket, url) {
    const [roomId, peerId, name] = ['room', 'peer', 'name'].map((key) => url.searchParams.get(key) ?? '');
    if (!rooms.has(roomId)) rooms.set(roomId, createRoom(roomId));
    const room = await rooms.get(roomId);
    const peer = { id: peerId, name, socket, transports: new Map(), producers: new Map(), consumers: new Map() };
    room.peers.get(peerId)?.socket.close();
    tell(room, peer, 'newPeer', { peerId, name });
    room.peers.set(peerId, peer);
    room.recording.join(peerId, { displayName: name });
    socket.on('message', async (raw) => {
      const { id, method, data = {} } = JSON.parse(raw);
      try {
        socket.send(JSON.stringify({ id, data: await request(room, peer, method, data) }));
      } catch (error) {
        socket.send(JSON.stringify({ id, error: error.message }));
      }
    });
    socket.on('close', () => {
      for (const transport of peer.transports.values()) transport.close();
      if (room.peers.get(peerId) !== peer) return;
      room.peers.delete(peerId);
      room.recording.leave(peerId);
      tell(room, peer, 'peerLeft', { peerId });
      if (room.peers.size > 0) return;
      rooms.delete(roomId);
      room.router.close();
    });
    socket.send(JSON.stringify({ method: 'welcome', data: { rtpCapabilities: room.router.rtpCapabilities } }));
  }

  async function request(room, peer, method, data) {
    switch (method) {
      case 'peers':
        return [...room.peers.values()].map(({ id, name }) => ({ peerId: id, name }));
      case 'createTransport': {
        const transport = await room.router.createWebRtcTransport({ webRtcServer });
        peer.transports.set(transport.id, transport);
        const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
        return { id, iceParameters, iceCandidates, dtlsParameters };
      }
      case 'connectTransport':
        return peer.transports.get(data.id).connect({ dtlsParameters: data.dtlsParameters });
      case 'produce': {
        const { kind, rtpParameters, source } = data;
        const appData = { peerId: peer.id, source };
        const producer = await peer.transports.get(data.id).produce({ kind, rtpParameters, appData });
        peer.producers.set(producer.id, producer);
        tell(room, peer, 'newProducer', { peerId: peer.id, producerId: producer.id, kind });
        return { producerId: producer.id };
      }
      case 'closeProducer':
        return peer.producers.get(data.producerId).close();
      case 'consume': {
        const { producerId, rtpCapabilities } = data;
        const consumer = await peer.transports.get(data.id).consume({ producerId, rtpCapabilities, paused: true });
        peer.consumers.set(consumer.id, consumer);
        consumer.on('producerclose', () => send(peer, 'consumerClosed', { consumerId: consumer.id }));
        return { consumerId: consumer.id, kind: consumer.kind, rtpParameters: consumer.rtpParameters };
      }
      case 'resume':
        return peer.consumers.get(data.consumerId).resume();
      default:
        throw new Error(`unknown method ${method}`);
    }
  }

  function send(peer, method, data) {
    peer.socket.send(JSON.stringify({ method, data }));
  }

  function tell(room, from, method, data) {
    for (const peer of room.peers.values()) if (peer !== from) send(peer, method, data);
  }

  const server = new WebSocketServer({ port });
  server.on('connection', (socket, { url }) => enter(socket, new URL(url, 'ws://app')).catch(() => socket.close()));
  await new Promise((resolve) => server.on('listening', resolve));
  return { rooms, port: server.address().port, close: () => (server.close(), worker.close()) };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { port } = await start();
  console.log(`listening on ws://localhost:${port}`);
}
