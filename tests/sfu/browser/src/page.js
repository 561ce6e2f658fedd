// Publishes into a room. The address says how:
//   /publish?room=demo&peer=me&name=Me
//     &codec=h264|vp8|vp9|av1     video codec, h264 if not given
//     &profile=42001f             H264 profile-level-id, 42e01f if not given
//     &source=camera|canvas       getUserMedia, or the scene that numbers its frames
//     &static=1                   the scene does not change (canvas)
//     &width=640&height=360  &ground=blue|green  &beep=1000  (canvas)
//     &simulcast=1  &svc=L1T3  &dtx=1  &audio=0  &video=0

import { Device } from "mediasoup-client";
import { Protoo } from "./protoo.js";
import { beeps, picture } from "./scene.js";

const query = new URLSearchParams(location.search);
const option = (name, otherwise) => query.get(name) ?? otherwise;
const flag = (name, otherwise = "0") => option(name, otherwise) === "1";
const peerId = option("peer", `browser-${crypto.randomUUID().slice(0, 8)}`);
const width = Number(option("width", 640));
const height = Number(option("height", 360));

const producers = {};
const scores = new Map();
let complete = false;
let transport;

async function tracks() {
  const wanted = { audio: flag("audio", "1"), video: flag("video", "1") };
  if (option("source", "camera") === "camera") {
    const video = { width, height, frameRate: 25 };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted.audio, video: wanted.video && video });
    return { audio: stream.getAudioTracks()[0], video: stream.getVideoTracks()[0] };
  }
  return {
    audio: wanted.audio ? await beeps(Number(option("beep", 1000))) : undefined,
    video: wanted.video ? picture({ width, height, ground: option("ground", "blue"), still: flag("static") }) : undefined,
  };
}

function videoCodec(device) {
  const mime = `video/${option("codec", "h264")}`.toLowerCase();
  const profile = option("profile", "42e01f");
  const codec = device.rtpCapabilities.codecs.find(
    ({ mimeType, parameters }) =>
      mimeType.toLowerCase() === mime && (mime !== "video/h264" || parameters["profile-level-id"] === profile),
  );
  if (!codec) throw new Error(`browser and router have no ${mime} in common`);
  return codec;
}

function encodings() {
  if (flag("simulcast")) {
    return [4, 2, 1].map((scaleResolutionDownBy, i) => ({
      rid: `r${i}`,
      scaleResolutionDownBy,
      maxBitrate: [150_000, 500_000, 1_500_000][i],
      scalabilityMode: "L1T1",
    }));
  }
  const svc = query.get("svc");
  return svc ? [{ scalabilityMode: svc, maxBitrate: 1_500_000 }] : [{ maxBitrate: 1_500_000 }];
}

async function publish(device, kind, track) {
  const options =
    kind === "audio"
      ? { track, codecOptions: { opusStereo: true, opusDtx: flag("dtx") } }
      : { track, codec: videoCodec(device), encodings: encodings(), codecOptions: { videoGoogleStartBitrate: 1500 } };
  producers[kind] = await transport.produce({ ...options, stopTracks: false, appData: { source: kind } });
}

/** The two dialects differ in shape; which one is spoken shows in the first answer. */
async function join(protoo) {
  const answer = await protoo.request("getRouterRtpCapabilities");
  const old = answer.routerRtpCapabilities === undefined;
  const device = await Device.factory();
  await device.load({ routerRtpCapabilities: old ? answer : answer.routerRtpCapabilities });
  const direction = old ? { producing: true, consuming: false } : { appData: { direction: "producer" } };
  const { id, transportId, ...parameters } = await protoo.request("createWebRtcTransport", { forceTcp: false, ...direction });
  const transport = device.createSendTransport({ id: id ?? transportId, ...parameters });
  transport.on("connect", ({ dtlsParameters }, done, failed) => {
    protoo.request("connectWebRtcTransport", { transportId: transport.id, dtlsParameters }).then(done, failed);
  });
  transport.on("produce", ({ kind, rtpParameters, appData }, done, failed) => {
    const data = { transportId: transport.id, kind, rtpParameters, appData };
    protoo.request("produce", data).then(({ id, producerId }) => done({ id: id ?? producerId }), failed);
  });
  await protoo.request("join", {
    displayName: option("name", peerId),
    device: { flag: "chrome", name: "Chrome", version: navigator.userAgent.match(/Chrome\/(\d+)/)?.[1] ?? "" },
  });
  const steer = (method, data) => (old ? protoo.request(method, data) : protoo.notify(method, data));
  return { device, transport, steer };
}

/** Resolves when mediasoup has given every producer a score, that is, when media arrives. */
const arriving = (protoo) =>
  new Promise((resolve, reject) => {
    const check = () => {
      const ids = Object.values(producers).map((producer) => producer.id);
      if (complete && ids.every((id) => scores.get(id) > 0)) resolve();
    };
    protoo.addEventListener("producerScore", ({ detail: { producerId, score } }) => {
      scores.set(producerId, Math.max(0, ...score.map((s) => s.score)));
      check();
    });
    protoo.addEventListener("close", ({ detail }) => reject(new Error(`closed with code ${detail.code}`)));
    setInterval(check, 100);
  });

async function start() {
  const media = await tracks();
  const protoo = await Protoo.open(
    `ws://${location.host}/?${new URLSearchParams({ roomId: option("room", "demo"), peerId })}`,
  );
  const arrived = arriving(protoo);
  const joined = await join(protoo);
  transport = joined.transport;
  if (media.video) document.getElementById("preview").srcObject = new MediaStream([media.video]);
  for (const [kind, track] of Object.entries(media)) {
    if (track) await publish(joined.device, kind, track);
  }
  complete = true;
  window.actions = {
    async pause(kind) {
      producers[kind].pause();
      await joined.steer("pauseProducer", { producerId: producers[kind].id });
    },
    async resume(kind) {
      producers[kind].resume();
      await joined.steer("resumeProducer", { producerId: producers[kind].id });
    },
    async close(kind) {
      producers[kind].close();
      await joined.steer("closeProducer", { producerId: producers[kind].id });
      delete producers[kind];
    },
    open: (kind) => publish(joined.device, kind, media[kind]),
    leave: async () => protoo.close(),
  };
  await arrived;
  const codecs = Object.entries(producers).map(([kind, p]) => [kind, p.rtpParameters.codecs[0].mimeType]);
  return { peerId, codecs: Object.fromEntries(codecs), publishing: true };
}

window.publishing = start();
window.publishing.then(
  (state) => { document.getElementById("state").textContent = JSON.stringify(state, null, 2); },
  (error) => { document.getElementById("state").textContent = String(error); },
);
