// Layers as colours.

export const VALID = 1, POINT = 2;
const DIM = 0.36;

let table = new Uint8Array(768);

/** Takes the 256 colours that the server's own plasma has. */
export function setTable(base64) {
  table = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

export const colourAt = (share) => {
  const at = 3 * Math.round(255 * Math.min(1, Math.max(0, share)));
  return `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
};

export const ramp = () =>
  `linear-gradient(90deg, ${Array.from({ length: 17 }, (_, i) => colourAt(i / 16)).join(", ")})`;

/** The value that a share of the colours stands for. */
export function valueAt(layer, range, share) {
  const at = range[0] + share * (range[1] - range[0]);
  return layer.inverse ? 1 / at : at;
}

/** Whether a pixel has any value. */
export const hasValue = (frame, layer, at) =>
  layer.values[at] !== 0 || (frame.flags && (frame.flags[at] & VALID) !== 0 && !layer.inverse);

/** Whether the method stands by a pixel, and is as sure as asked. */
export function isSure(frame, at, threshold) {
  if (frame.flags && !(frame.flags[at] & VALID)) return false;
  const confidence = frame.layers.get("confidence");
  return !confidence || confidence.values[at] >= 2.55 * threshold - 1e-6;
}

/** A layer as RGBA; what is not sure is dimmed. */
export function coloured(frame, layer, range, threshold) {
  if (layer.pixels) return layer.pixels;
  const { width, height } = frame;
  const image = new ImageData(width, height);
  const out = new Uint32Array(image.data.buffer);
  const bright = packed(1), dark = packed(DIM);
  const [low, high] = range, gain = 255 / (high - low), { values, scale, inverse, flip } = layer;
  const plain = layer.id === "confidence" || layer.id === "motion";
  const sure = plain ? null : sureness(frame, threshold);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] * scale;
    if (value === 0 && !plain && (inverse || (sure && !(frame.flags[i] & VALID)))) {
      out[i] = 0xff000000;
      continue;
    }
    let level = ((inverse ? 1 / value : value) - low) * gain;
    level = level < 0 ? 0 : level > 255 ? 255 : (level + 0.5) | 0;
    if (flip) level = 255 - level;
    out[i] = sure === null || sure[i] ? bright[level] : dark[level];
  }
  return image;
}

/** 1 where the method stands by a pixel and is as sure as asked. */
function sureness(frame, threshold) {
  if (!frame.flags) return null;
  const { flags } = frame, confidence = frame.layers.get("confidence")?.values;
  const least = 2.55 * threshold - 1e-6, sure = new Uint8Array(flags.length);
  for (let i = 0; i < flags.length; i++) sure[i] = flags[i] & VALID && (!confidence || confidence[i] >= least) ? 1 : 0;
  return sure;
}

function packed(share) {
  const out = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const [r, g, b] = [0, 1, 2].map((c) => Math.round(table[3 * i + c] * share));
    out[i] = 0xff000000 | (b << 16) | (g << 8) | r;
  }
  return out;
}

/** A colour that stays with an object's number. */
export const objectColour = (number) => `hsl(${(number * 137.5 + 140) % 360}, 85%, 62%)`;
