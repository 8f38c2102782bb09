// Values under the pointer, and what the colours mean.

import { hasValue, isSure, ramp, valueAt } from "./colours.js";

/** A number in as many digits as its error supports, or in three or four. */
export function number(value, error) {
  if (!Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  const digits = error > 0 ? Math.max(0, Math.min(4, 1 - Math.floor(Math.log10(error)))) : size < 10 ? 3 : size < 100 ? 2 : 1;
  return value.toFixed(digits);
}

const withUnit = (text, unit) => (unit ? `${text} ${unit}` : text);

function made(name, className, ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** Shows what the frames say of a pixel; one frame, or two that are compared. */
export function showReadout(root, frames, titles, point, threshold) {
  const [first] = frames;
  if (!first?.width) return root.replaceChildren();
  if (!point) {
    root.replaceChildren(made("h2", "", "Value"), made("p", "quiet", "Point at the image, or move over it with the arrow keys."));
    return;
  }
  const at = point.y * first.width + point.x, parts = [];
  frames.forEach((frame, side) => {
    if (!frame) return;
    const block = made("div", side ? "two" : "");
    const where = frames.length > 1 ? titles[side] : "Value", sure = isSure(frame, at, threshold);
    block.append(made("div", "head", made("span", "", where), made("span", "", side ? "" : `x ${point.x}, y ${point.y}`)));
    block.append(...valueOf(frame, at));
    if (!sure) block.append(made("p", "unsure quiet", doubt(frame, at)));
    parts.push(block);
  });
  if (frames[1]) parts.push(difference(frames, at));
  root.replaceChildren(...parts.filter(Boolean));
}

function doubt(frame, at) {
  if (frame.flags && !(frame.flags[at] & 1)) return "Not valid: the method does not stand by this value.";
  return "Less sure than asked for.";
}

function valueOf(frame, at) {
  const main = ["depth", "disparity", "motion"].map((name) => frame.layers.get(name)).find(Boolean), found = [];
  const value = main && hasValue(frame, main, at) ? main.values[at] : null;
  if (main) {
    const error = main.id === "depth" && value !== null ? frame.layers.get("error")?.values[at] : undefined;
    const big = made("div", "big", value === null ? "unknown" : number(value, error));
    if (value !== null) big.append(made("small", "", ` ${error > 0 ? `± ${number(error, error)} ` : ""}${main.unit}`));
    big.dataset.value = value ?? "";
    big.dataset.error = error ?? "";
    found.push(big);
    if (error > 0) found.push(whisker(value, error, frame));
  }
  const list = made("dl");
  for (const layer of frame.layers.values()) {
    if (!layer.values || layer === main || layer.id === "error") continue;
    const text = hasValue(frame, layer, at) || layer.id === "confidence" ? number(layer.values[at] * layer.scale) : "unknown";
    list.append(made("dt", "", layer.label), made("dd", "", withUnit(layer.id === "confidence" ? Math.round(layer.values[at] * layer.scale) : text, layer.unit)));
  }
  if (list.children.length) found.push(list);
  return found;
}

/** The value as a dot and its error as a bar, on the range that the colours span. */
function whisker(value, error, frame) {
  const layer = frame.layers.get("depth"), far = valueAt(layer, layer.range, 0), near = valueAt(layer, layer.range, 1);
  const low = Math.min(near, value - error), high = Math.max(Math.min(far, 4 * near), value + error);
  const place = (at) => Math.min(100, Math.max(0, (100 * (at - low)) / (high - low)));
  const bar = made("div", "whisker"), span = made("b"), dot = made("i");
  span.style.left = `${place(value - error)}%`;
  span.style.width = `${place(value + error) - place(value - error)}%`;
  dot.style.left = `${place(value)}%`;
  bar.append(span, dot);
  bar.title = `expected error ± ${number(error, error)} ${layer.unit}, between ${number(low)} and ${number(high)}`;
  return bar;
}

function difference(frames, at) {
  const layers = frames.map((frame) => frame.layers.get("depth") ?? frame.layers.get("disparity"));
  if (!layers[0] || layers[0].id !== layers[1]?.id || layers[0].unit !== layers[1].unit) return null;
  if (!layers.every((layer, side) => hasValue(frames[side], layer, at))) return null;
  const gap = layers[1].values[at] - layers[0].values[at];
  return made("div", "two", made("dl", "", made("dt", "", "Difference"), made("dd", "", withUnit(`${gap > 0 ? "+" : ""}${number(gap)}`, layers[0].unit))));
}

/** Shows ramps of the layers that have values. */
export function showLegend(root, entries) {
  const seen = new Map(entries.filter((entry) => entry.layer.values).map((entry) => [`${entry.layer.label} ${entry.range}`, entry]));
  root.replaceChildren(...[...seen.values()].map(({ layer, range }) => {
    const bar = made("div", "ramp"), ticks = made("div", "ticks");
    bar.style.background = ramp();
    if (layer.flip) bar.style.transform = "scaleX(-1)";
    const shares = layer.flip ? [1, 0.5, 0] : [0, 0.25, 0.5, 0.75, 1];
    ticks.append(...shares.map((share) => made("span", "", short(valueAt(layer, range, share)))));
    const unit = layer.unit ? `, ${layer.unit}` : "";
    return made("div", "", made("div", "quiet", `${layer.label}${unit}`), bar, ticks);
  }));
}

const short = (value) => (Math.abs(value) >= 1000 ? value.toPrecision(2) : Number(value.toPrecision(3)).toString());

/** Shows objects with distance and speed. */
export function showObjects(root, objects, colour) {
  root.hidden = objects.length === 0;
  root.querySelector("ul").replaceChildren(...objects.map((entry) => {
    const facts = [];
    if (entry.position_m) facts.push(`${number(Math.hypot(...entry.position_m))}${entry.error_m ? ` ± ${number(entry.error_m, entry.error_m)}` : ""} m`);
    if (entry.velocity_m_per_s) facts.push(`${Math.hypot(...entry.velocity_m_per_s).toFixed(2)} m/s`);
    const line = made("li", "", made("span", "", `${entry.label} ${entry.number}`), made("em", "", facts.join(", ")));
    line.style.color = colour(entry.number);
    return line;
  }));
}
