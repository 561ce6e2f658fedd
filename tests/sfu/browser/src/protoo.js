// The client half of protoo: requests, responses and notifications as JSON over a WebSocket.

export class Protoo extends EventTarget {
  #socket;
  #next = 1;
  #waiting = new Map();

  /** Resolves when the socket is open. */
  static async open(url) {
    const socket = new WebSocket(url, "protoo");
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = () => reject(new Error(`${url} refused the connection`));
    });
    return new Protoo(socket);
  }

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#received(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the session has ended"));
      this.#waiting.clear();
      this.#tell("close", { code, reason });
    };
  }

  request(method, data = {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ request: true, id, method, data });
    });
  }

  notify(method, data = {}) {
    this.#send({ notification: true, method, data });
  }

  close() {
    this.#socket.close();
  }

  #received(message) {
    if (message.response) {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.ok) waiting?.resolve(message.data);
      else waiting?.reject(new Error(`${message.errorCode}: ${message.errorReason}`));
    } else if (message.request) {
      // This page consumes nothing.
      this.#send({ response: true, id: message.id, errorCode: 403, errorReason: "I do not consume" });
    } else if (message.notification) {
      this.#tell(message.method, message.data);
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }
}
