// Where frames come from: the server's files, or a running stream.

import { unpack } from "./packet.js";

const KEPT = 6, RETRY_MS = 2000;

/** Frames of results, by number; the next ones are fetched ahead. */
export class Files {
  constructor(sides) {
    this.sides = sides;
    this.kept = new Map();
  }

  /** The frames of all sides at a number. */
  load(index) {
    return Promise.all(this.sides.map((_, side) => this.#one(side, index)));
  }

  ahead(index, count) {
    if (index < count) this.load(index).catch(() => {});
  }

  #one(side, index) {
    const key = `${side}/${index}`;
    let found = this.kept.get(key);
    if (!found) {
      found = fetched(`/api/${side}/frames/${index}`);
      found.catch(() => this.kept.delete(key));
    }
    this.kept.delete(key);
    this.kept.set(key, found);
    while (this.kept.size > KEPT * this.sides.length) this.kept.delete(this.kept.keys().next().value);
    return found;
  }

  fileAddress(name, side, index, confidence) {
    return `/api/${side}/frames/${index}/files/${name}?min_confidence=${confidence}`;
  }
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) {
    const told = await answer.json().catch(() => null);
    throw new Error(told?.error ?? `${answer.status} ${answer.statusText}`);
  }
  return unpack(await answer.arrayBuffer());
}

/** Frames of a stream; the next one is asked for when the last one is drawn. */
export class Stream {
  constructor(onFrame, onState) {
    Object.assign(this, { onFrame, onState, isPaused: false, isOver: false, client: null });
    this.#open();
  }

  setPaused(isPaused) {
    this.isPaused = isPaused;
    if (!isPaused && this.isWaiting) this.#next();
  }

  fileAddress(name, _side, _index, confidence) {
    return `/api/live/${this.client}/files/${name}?min_confidence=${confidence}`;
  }

  #open() {
    this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.#got(event.data);
    this.socket.onclose = () => {
      if (this.isOver) return;
      this.onState("connection lost, trying again", true);
      setTimeout(() => this.#open(), RETRY_MS);
    };
  }

  async #got(data) {
    if (typeof data === "string") {
      const told = JSON.parse(data);
      if (told.client) {
        this.client = told.client;
        this.onState("waiting for the first frame", false);
        return this.#next();
      }
      this.isOver = true;
      return this.onState(told.end, false);
    }
    await this.onFrame(await unpack(data));
    this.isWaiting = true;
    if (!this.isPaused) this.#next();
  }

  #next() {
    this.isWaiting = false;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send("next");
  }
}
