// Points in 3D. Any beginning of their order is an even sample, so that fewer are drawn while the view turns.

import {
  BoxGeometry, BufferAttribute, BufferGeometry, EdgesGeometry, Group, Line, LineBasicMaterial, LineSegments, Mesh,
  MeshBasicMaterial, PerspectiveCamera, Points, Scene, ShaderMaterial, SphereGeometry, Vector3, WebGLRenderer,
} from "../vendor/three.module.min.js";
import { OrbitControls } from "../vendor/OrbitControls.js";
import { POINT, objectColour } from "./colours.js";

const VERTEX = `
  attribute vec4 tint;
  uniform float least, grain, steady;
  varying vec3 shade;
  void main() {
    shade = tint.rgb;
    vec4 seen = modelViewMatrix * vec4(position, 1.0);
    gl_Position = tint.a < least ? vec4(2.0, 2.0, 2.0, 1.0) : projectionMatrix * seen;
    float side = steady > 0.0 ? steady : abs(position.z);
    gl_PointSize = clamp(grain * side / max(1e-6, -seen.z), 1.0, 40.0);
  }`;
const FRAGMENT = "varying vec3 shade; void main() { gl_FragColor = vec4(shade, 1.0); }";
const CLOSED = 1.3, SPARSE = 1.9, FEWEST = 60_000, SMALL = 1_000_000;
const SLOW_MS = 45, FAST_MS = 24, REST_MS = 160, LONGEST_MS = 300;

/** Numbers below `count` in an order of which every beginning is an even sample; the same each time. */
const orders = new Map();
function shuffled(count) {
  if (!orders.has(count)) {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    let state = 2463534242;
    for (let i = count - 1; i > 0; i--) {
      state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
      const other = (state >>> 0) % (i + 1), kept = order[i];
      order[i] = order[other];
      order[other] = kept;
    }
    orders.clear();
    orders.set(count, order);
  }
  return orders.get(count);
}

export class Cloud {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.labels = root.querySelector(".labels");
    this.renderer = new WebGLRenderer({ canvas: this.canvas, antialias: false, alpha: true, powerPreference: "high-performance" });
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(50, 1, 0.01, 5000);
    this.controls = new OrbitControls(this.camera, this.canvas);
    Object.assign(this.controls, { enableDamping: true, dampingFactor: 0.12, zoomToCursor: true });
    this.material = new ShaderMaterial({
      vertexShader: VERTEX, fragmentShader: FRAGMENT,
      uniforms: { least: { value: 0 }, grain: { value: 1 }, steady: { value: 0 } },
    });
    this.geometry = new BufferGeometry();
    this.points = new Points(this.geometry, this.material);
    this.points.frustumCulled = false;
    this.extras = new Group();
    this.marker = new Mesh(new SphereGeometry(1, 16, 12), new MeshBasicMaterial({ color: 0xffffff, depthTest: false, transparent: true, opacity: 0.9 }));
    this.marker.visible = false;
    this.scene.add(this.points, this.extras, this.marker);
    this.count = 0;
    this.drawn = 0;
    this.budget = 400_000;
    this.moved = 0;
    this.asked = false;
    this.onCount = () => {};
    this.controls.addEventListener("change", () => { this.moved = performance.now(); this.#ask(); });
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#resize()).observe(root);
  }

  /** Takes the points of a frame with the colours of an image of its size; `fresh` looks at them anew. */
  show(frame, image, fresh) {
    if (frame.cloud) this.#fromFile(frame.cloud);
    else this.#fromDepth(frame, image);
    if (fresh || !this.focus) this.home();
    this.drawn = Math.min(this.count, this.budget);
    this.moved = performance.now();
    this.#ask();
  }

  #fromFile({ count, points, colours }) {
    this.#room(count);
    for (let i = 0; i < count; i++) {
      this.place.set([points[3 * i], -points[3 * i + 1], -points[3 * i + 2]], 3 * i);
      this.tint.set([colours[3 * i], colours[3 * i + 1], colours[3 * i + 2], 255], 4 * i);
    }
    this.count = count;
    this.#sent();
    const box = this.#extent(), side = box[1].distanceTo(box[0]);
    this.material.uniforms.steady.value = (0.7 * side) / Math.sqrt(Math.max(1, count));
    this.focal = 1;
    this.tangents = null;
  }

  #fromDepth(frame, image) {
    const { width, height, camera, flags } = frame, depth = frame.layers.get("depth").values;
    const confidence = frame.layers.get("confidence")?.values, colours = image?.data, order = shuffled(width * height);
    this.#room(order.length);
    const { place, tint } = this;
    let n = 0;
    for (const at of order) {
      if (!(flags[at] & POINT)) continue;
      const z = depth[at], column = at % width, row = (at - column) / width;
      place[3 * n] = ((column - camera.center_x_px) / camera.focal_x_px) * z;
      place[3 * n + 1] = (-(row - camera.center_y_px) / camera.focal_y_px) * z;
      place[3 * n + 2] = -z;
      tint[4 * n] = colours ? colours[4 * at] : 170;
      tint[4 * n + 1] = colours ? colours[4 * at + 1] : 170;
      tint[4 * n + 2] = colours ? colours[4 * at + 2] : 170;
      tint[4 * n + 3] = confidence ? confidence[at] : 255;
      n++;
    }
    this.count = n;
    this.material.uniforms.steady.value = 0;
    this.focal = camera.focal_x_px;
    this.tangents = [(0.55 * width) / camera.focal_x_px, (0.55 * height) / camera.focal_y_px];
    this.#sent();
  }

  #room(count) {
    if (this.place && this.place.length >= 3 * count && this.place.length < 6 * count + 64) return;
    this.place = new Float32Array(3 * count);
    this.tint = new Uint8Array(4 * count);
    this.geometry.dispose();
    this.geometry.setAttribute("position", new BufferAttribute(this.place, 3));
    this.geometry.setAttribute("tint", new BufferAttribute(this.tint, 4, true));
  }

  #sent() {
    for (const name of ["position", "tint"]) this.geometry.getAttribute(name).needsUpdate = true;
  }

  /** Corners of a box around the middle 96 % of the points. */
  #extent() {
    const step = Math.max(1, Math.floor(this.count / 5000)), low = new Vector3(), high = new Vector3();
    for (let axis = 0; axis < 3; axis++) {
      const values = [];
      for (let i = 0; i < this.count; i += step) values.push(this.place[3 * i + axis]);
      values.sort((a, b) => a - b);
      low.setComponent(axis, values[Math.floor(0.02 * values.length)] ?? 0);
      high.setComponent(axis, values[Math.floor(0.98 * (values.length - 1))] ?? 0);
    }
    return [low, high];
  }

  /** Looks at the points nearly as the camera did. */
  home() {
    if (!this.count) return;
    const [low, high] = this.#extent(), middle = low.clone().add(high).multiplyScalar(0.5);
    const isFile = this.material.uniforms.steady.value > 0, span = high.distanceTo(low);
    const near = isFile ? span : Math.max(0.05, -high.z);
    this.focus = isFile ? middle : new Vector3(middle.x * 0.5, middle.y * 0.5, -(0.65 * near - 0.35 * low.z));
    this.camera.near = Math.max(1e-4, near / 200);
    this.camera.far = Math.max(50, 40 * span + 4 * Math.abs(low.z));
    this.#open();
    const back = isFile ? new Vector3(0.25, 0.2, 1.1).multiplyScalar(span) : new Vector3(-0.2, 0.12, 0.12).multiplyScalar(-this.focus.z);
    this.camera.position.copy(isFile ? this.focus.clone().add(back) : back);
    this.controls.target.copy(this.focus);
    this.controls.update();
    this.#ask();
  }

  setThreshold(percent) {
    this.material.uniforms.least.value = percent / 100 - 0.5 / 255;
    this.#ask();
  }

  /** Marks a pixel's point; null marks none. */
  mark(frame, point) {
    const at = point && point.y * frame.width + point.x, z = point && frame.camera ? frame.layers.get("depth").values[at] : 0;
    this.marker.visible = z > 0;
    if (z > 0) {
      const { focal_x_px: fx, focal_y_px: fy, center_x_px: cx, center_y_px: cy } = frame.camera;
      this.marker.position.set(((point.x - cx) / fx) * z, (-(point.y - cy) / fy) * z, -z);
    }
    this.#ask();
  }

  /** Draws boxes, ways and names of objects. */
  objects(objects) {
    for (const child of [...this.extras.children]) {
      this.extras.remove(child);
      child.geometry.dispose();
    }
    const known = objects.filter((entry) => entry.position_m);
    for (const entry of known) {
      const [x, y, z] = entry.position_m, material = new LineBasicMaterial({ color: objectColour(entry.number) });
      const box = new LineSegments(new EdgesGeometry(new BoxGeometry(...(entry.size_m ?? [0.5, 1.7, 0.5]))), material);
      box.position.set(x, -y, -z);
      this.extras.add(box);
      const way = [...(entry.trail_m ?? []), entry.position_m].map(([a, b, c]) => new Vector3(a, -b, -c));
      if (entry.velocity_m_per_s) {
        const [a, b, c] = entry.velocity_m_per_s;
        way.push(new Vector3(x + a, -y - b, -z - c)); // where it is in a second
      }
      if (way.length > 1) this.extras.add(new Line(new BufferGeometry().setFromPoints(way), material));
    }
    this.labels.replaceChildren(...known.map((entry) => {
      const label = document.createElement("span"), [x, y, z] = entry.position_m;
      label.textContent = `${entry.label} ${entry.number}`;
      label.style.color = objectColour(entry.number);
      label.at = new Vector3(x, -y + (entry.size_m?.[1] ?? 1.7) / 2, -z);
      return label;
    }));
    this.#ask();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (!width || !height) return;
    this.#open();
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
    this.renderer.setSize(width, height, false);
    this.#ask();
  }

  /** Opens the view as far as the camera's, a little more. */
  #open() {
    const aspect = this.root.clientWidth / Math.max(1, this.root.clientHeight);
    const [across, up] = this.tangents ?? [0, Math.tan(Math.PI / 7)];
    this.camera.aspect = aspect;
    this.camera.fov = (360 / Math.PI) * Math.atan(Math.min(1.4, Math.max(up, across / aspect)));
    this.camera.updateProjectionMatrix();
  }

  #ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => this.#draw(now));
  }

  #draw(now) {
    this.asked = false;
    if (!this.root.clientWidth) return;
    const gap = now - (this.drawnAt ?? now), isMoving = performance.now() - this.moved < REST_MS;
    this.drawnAt = now;
    if (isMoving && gap > 0 && gap < 1000) {
      if (gap > SLOW_MS) this.budget = Math.max(FEWEST, 0.7 * Math.min(this.budget, this.count));
      else if (gap < FAST_MS) this.budget = Math.min(Math.max(this.count, FEWEST), 1.15 * this.budget);
    }
    if (isMoving) this.drawn = Math.min(this.count, this.budget);
    else if (gap < LONGEST_MS || this.drawn < SMALL) this.drawn = Math.min(this.count, Math.max(SMALL, 2 * this.drawn));
    this.drawn = Math.floor(this.drawn);
    this.geometry.setDrawRange(0, this.drawn);
    const focalPx = (this.renderer.getPixelRatio() * this.root.clientHeight) / (2 * Math.tan((this.camera.fov * Math.PI) / 360));
    this.material.uniforms.grain.value = ((this.drawn < this.count ? SPARSE : CLOSED) * focalPx * Math.sqrt(this.count / Math.max(1, this.drawn))) / this.focal;
    this.marker.scale.setScalar(0.008 * this.camera.position.distanceTo(this.marker.position));
    this.renderer.render(this.scene, this.camera);
    this.#placeLabels();
    this.onCount(this.drawn, this.count);
    const turns = this.controls.update();
    if (turns || isMoving || (this.drawn < this.count && (gap < LONGEST_MS || this.drawn < SMALL))) this.#ask();
  }

  #placeLabels() {
    const { clientWidth: width, clientHeight: height } = this.root;
    for (const label of this.labels.children) {
      const seen = label.at.clone().project(this.camera);
      label.hidden = seen.z > 1 || Math.abs(seen.x) > 1 || Math.abs(seen.y) > 1;
      const x = Math.min(((seen.x + 1) / 2) * width, width - 80), y = ((1 - seen.y) / 2) * height;
      label.style.transform = `translate(${x}px, ${y}px) translate(-50%, -110%)`;
    }
  }

  #key(event) {
    const turns = { ArrowLeft: [0.08, 0], ArrowRight: [-0.08, 0], ArrowUp: [0, 0.06], ArrowDown: [0, -0.06] };
    if (event.key in turns) this.#turn(...turns[event.key]);
    else if (event.key === "+" || event.key === "=") this.#near(0.87);
    else if (event.key === "-") this.#near(1.15);
    else if (event.key === "Home" || event.key === "0") this.home();
    else return;
    event.preventDefault();
  }

  #turn(around, up) {
    const off = this.camera.position.clone().sub(this.controls.target);
    off.applyAxisAngle(new Vector3(0, 1, 0), around);
    const side = new Vector3().crossVectors(off, new Vector3(0, 1, 0)).normalize();
    off.applyAxisAngle(side, up);
    this.camera.position.copy(this.controls.target).add(off);
    this.controls.update();
  }

  #near(factor) {
    this.camera.position.sub(this.controls.target).multiplyScalar(factor).add(this.controls.target);
    this.controls.update();
  }
}
