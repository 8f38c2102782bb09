// Two layers with a wipe between them, zoomed and moved together; boxes and a cross above.

import { objectColour } from "./colours.js";

const MOST_ZOOM = 40, SVG = "http://www.w3.org/2000/svg";

export class Stage extends EventTarget {
  /** Sends `point` events, detail {x, y} in pixels of the image or null. */
  constructor(root) {
    super();
    this.root = root;
    this.layers = [...root.querySelectorAll(".layer")];
    this.canvases = this.layers.map((layer) => layer.firstElementChild);
    this.tags = [...root.querySelectorAll(".tag")];
    this.handle = root.querySelector(".handle");
    this.group = root.querySelector(".overlay g");
    this.size = [0, 0];
    this.view = null;
    this.wipe = 0.5;
    this.point = null;
    this.pointers = new Map();
    this.#listen();
    new ResizeObserver(() => this.#place()).observe(root);
  }

  /** Shows two images of one size; labels say what they are. */
  show(images, labels) {
    const [width, height] = [images[0].width, images[0].height];
    if (width !== this.size[0] || height !== this.size[1]) {
      this.size = [width, height];
      this.view = null;
    }
    images.forEach((image, side) => {
      const canvas = this.canvases[side];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      canvas.getContext("2d").putImageData(image, 0, 0);
      this.tags[side].textContent = labels[side];
    });
    this.#place();
  }

  /** Draws the objects' boxes. */
  boxes(objects) {
    const shapes = objects.filter((entry) => entry.box_px).flatMap((entry) => {
      const [x, y, width, height] = entry.box_px, colour = objectColour(entry.number);
      const box = element("rect", { class: "box", x, y, width, height, rx: 2, stroke: colour });
      const text = element("text", { x, y, fill: colour, "data-label": 1 });
      text.textContent = `${entry.label} ${entry.number}`;
      return [box, text];
    });
    this.cross ??= element("path", { class: "cross", d: "M-9 0H-3M3 0H9M0-9V-3M0 3V9" });
    this.group.replaceChildren(...shapes, this.cross);
    this.#place();
  }

  /** Marks a pixel; null marks none. */
  mark(point) {
    this.point = point;
    this.#place();
  }

  fit() {
    this.view = null;
    this.#place();
  }

  #fitted() {
    const [width, height] = this.size, box = this.root.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    return { scale, x: (box.width - scale * width) / 2, y: (box.height - scale * height) / 2 };
  }

  #place() {
    if (!this.size[0] || !this.root.clientWidth) return;
    const { scale, x, y } = this.view ?? this.#fitted();
    for (const canvas of this.canvases) {
      canvas.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      canvas.classList.toggle("pixels", scale > 2.5);
    }
    this.group.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    for (const text of this.group.querySelectorAll("text")) {
      text.style.fontSize = `${12 / scale}px`;
      text.style.strokeWidth = `${3 / scale}px`;
      text.setAttribute("dy", -4 / scale);
    }
    if (this.cross) {
      const at = this.point ? `translate(${this.point.x + 0.5} ${this.point.y + 0.5}) scale(${1 / scale})` : "scale(0)";
      this.cross.setAttribute("transform", at);
    }
    this.root.style.touchAction = this.view ? "none" : "pan-y";
    this.handle.style.left = `${100 * this.wipe}%`;
    this.handle.setAttribute("aria-valuenow", Math.round(100 * this.wipe));
    this.layers[1].style.clipPath = `inset(0 0 0 ${100 * this.wipe}%)`;
  }

  #at(event) {
    const box = this.root.getBoundingClientRect(), { scale, x, y } = this.view ?? this.#fitted();
    const place = { x: Math.floor((event.clientX - box.left - x) / scale), y: Math.floor((event.clientY - box.top - y) / scale) };
    const inside = place.x >= 0 && place.y >= 0 && place.x < this.size[0] && place.y < this.size[1];
    return inside ? place : null;
  }

  #tell(point) {
    this.mark(point);
    this.dispatchEvent(new CustomEvent("point", { detail: point }));
  }

  #zoom(factor, clientX, clientY) {
    const box = this.root.getBoundingClientRect(), old = this.view ?? this.#fitted(), least = this.#fitted().scale;
    const scale = Math.min(MOST_ZOOM, Math.max(least, old.scale * factor));
    if (scale <= least * 1.001) return this.fit();
    const [px, py] = [clientX - box.left, clientY - box.top], ratio = scale / old.scale;
    this.view = this.#kept({ scale, x: px - (px - old.x) * ratio, y: py - (py - old.y) * ratio });
    this.#place();
  }

  /** The view moved such that the image is not lost. */
  #kept({ scale, x, y }) {
    const box = this.root.getBoundingClientRect(), [width, height] = this.size.map((side) => side * scale);
    const bound = (at, inner, outer) => Math.min(Math.max(at, Math.min(0, outer - inner)), Math.max(0, outer - inner));
    return { scale, x: bound(x, width, box.width), y: bound(y, height, box.height) };
  }

  #move(dx, dy) {
    if (!this.view) return;
    this.view = this.#kept({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
    this.#place();
  }

  #setWipe(share) {
    this.wipe = Math.min(1, Math.max(0, share));
    this.#place();
  }

  #listen() {
    const { root, handle } = this;
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = root.getBoundingClientRect();
      this.#setWipe((event.clientX - box.left) / box.width);
      event.stopPropagation();
    });
    handle.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageUp: 0.1, PageDown: -0.1 };
      if (event.key in steps) this.#setWipe(this.wipe + steps[event.key]);
      else if (event.key === "Home" || event.key === "End") this.#setWipe(event.key === "Home" ? 0 : 1);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    root.addEventListener("pointerdown", (event) => {
      this.pointers.set(event.pointerId, event);
      root.setPointerCapture(event.pointerId);
      root.classList.toggle("grab", this.view !== null);
      if (event.pointerType === "touch") this.#tell(this.#at(event));
    });
    root.addEventListener("pointermove", (event) => this.#dragged(event));
    for (const name of ["pointerup", "pointercancel"]) {
      root.addEventListener(name, (event) => {
        this.pointers.delete(event.pointerId);
        root.classList.remove("grab");
      });
    }
    root.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#tell(null));
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(Math.exp(-0.0018 * event.deltaY * (event.deltaMode ? 20 : 1)), event.clientX, event.clientY);
    }, { passive: false });
    root.addEventListener("dblclick", () => this.fit());
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  #dragged(event) {
    const before = this.pointers.get(event.pointerId);
    if (before && this.pointers.size === 2) {
      const other = [...this.pointers.values()].find((entry) => entry.pointerId !== event.pointerId);
      const span = (entry) => Math.hypot(entry.clientX - other.clientX, entry.clientY - other.clientY);
      this.#zoom(span(event) / Math.max(1, span(before)), (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
    } else if (before && this.view) {
      this.#move(event.clientX - before.clientX, event.clientY - before.clientY);
    }
    if (before) this.pointers.set(event.pointerId, event);
    if (this.pointers.size < 2) this.#tell(this.#at(event));
  }

  #key(event) {
    const step = event.shiftKey ? 10 : 1, box = this.root.getBoundingClientRect();
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const middle = [box.left + box.width / 2, box.top + box.height / 2];
    if (event.key in moves) {
      const at = this.point ?? { x: this.size[0] >> 1, y: this.size[1] >> 1 }, [dx, dy] = moves[event.key];
      const bound = (value, size) => Math.min(size - 1, Math.max(0, value));
      this.#tell({ x: bound(at.x + dx, this.size[0]), y: bound(at.y + dy, this.size[1]) });
    } else if (event.key === "+" || event.key === "=") this.#zoom(1.25, ...middle);
    else if (event.key === "-") this.#zoom(0.8, ...middle);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
