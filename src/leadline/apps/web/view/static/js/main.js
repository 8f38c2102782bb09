// The page: what is shown, and how its parts work together.

import { coloured, objectColour, setTable } from "./colours.js";
import { showLegend, showObjects, showReadout } from "./readout.js";
import { Files, Stream } from "./source.js";
import { Stage } from "./stage.js";

const $ = (selector) => document.querySelector(selector);
const WIDE_PX = 1100, WIDE = 1.6, STEP_MS = 100, SMOOTH = 0.15;

const state = { view: null, frames: [], index: 0, threshold: 50, point: null, ranges: new Map(), source: null, cloud: null, isPlaying: false };
const stage = new Stage($("#stage"));

async function begin() {
  const answer = await fetch("/api/view");
  const view = (state.view = await answer.json());
  setTable(view.plasma);
  document.title = `${view.sides.map((side) => side.title).join(" | ")} · leadline`;
  $("#title").textContent = view.sides.map((side) => side.title).join("  |  ");
  state.threshold = Math.round(100 * view.confident);
  $("#threshold").value = state.threshold;
  setThreshold();
  listen();
  showFacts();
  if (view.live) {
    $("#time").hidden = false;
    for (const name of ["#back", "#forward", "#moment"]) $(name).hidden = true;
    setPlaying(true);
    state.source = new Stream((frame) => show([frame]), say);
    return;
  }
  state.source = new Files(view.sides);
  $("#moment").max = view.moments.length - 1;
  $("#time").hidden = view.moments.length < 2;
  poster();
  await go(0);
}

/** Shows the image before the layers are there. */
function poster() {
  const early = new Image();
  early.onload = () => {
    if (state.frames.length) return;
    const canvas = new OffscreenCanvas(early.width, early.height), context = canvas.getContext("2d");
    context.drawImage(early, 0, 0);
    const image = context.getImageData(0, 0, early.width, early.height);
    stage.show([image, image], ["Image", "Image"]);
    mark("first-image");
  };
  early.src = "/api/0/frames/0/image.jpg";
}

function mark(name) {
  if (!performance.getEntriesByName(name).length) performance.mark(name);
  document.body.dataset[name === "first-image" ? "shown" : "ready"] = "1";
}

function say(text, isBad) {
  $("#status").textContent = text;
  $("#status").classList.toggle("bad", Boolean(isBad));
}

async function go(index) {
  state.index = index;
  $("#moment").value = index;
  try {
    const frames = await state.source.load(index);
    if (state.index !== index) return;
    await show(frames);
    say("");
    state.source.ahead(index + 1, state.view.moments.length);
  } catch (error) {
    say(error.message, true);
    setPlaying(false);
  }
}

async function show(frames) {
  const isFirst = state.frames.length === 0, [first] = frames;
  const isNewSize = isFirst || first.width !== state.frames[0].width || first.height !== state.frames[0].height;
  if (frames[1] && (frames[1].width !== first.width || frames[1].height !== first.height)) {
    say("the two results have different sizes: only the first is shown", true);
    frames = [first];
  }
  state.frames = frames;
  fillChoices();
  settleRanges();
  if (isFirst) chooseMode();
  draw();
  mark("first-image");
  stage.boxes(first.objects);
  showObjects($("#objects"), first.objects, objectColour);
  showNotes(frames);
  showDownloads(frames);
  showClock(first);
  await drawCloud(isNewSize);
  mark("ready");
}

/** The ranges of the colours: those of the first side for both, and steady from frame to frame. */
function settleRanges() {
  for (const frame of state.frames) {
    for (const layer of frame.layers.values()) {
      if (!layer.range) continue;
      const known = state.ranges.get(layer.id), isFirst = frame === state.frames[0];
      if (!known) state.ranges.set(layer.id, [...layer.range]);
      else if (isFirst && layer.id !== "confidence") known.forEach((at, i) => (known[i] = at + SMOOTH * (layer.range[i] - at)));
    }
  }
}

function fillChoices() {
  const options = state.frames.flatMap((frame, side) => [...frame.layers.values()].filter((layer) => !layer.hidden).map((layer) => {
    const title = state.frames.length > 1 ? `${state.view.sides[side].title}: ` : "";
    return { value: `${side}:${layer.id}`, text: title + layer.label };
  }));
  const known = options.map((option) => option.value).join();
  if (known === state.choices) return;
  state.choices = known;
  $("#flat").classList.toggle("one", options.length < 2);
  const has = (value) => options.some((option) => option.value === value);
  const first = (...values) => values.find(has) ?? options[0]?.value;
  const two = state.frames.length > 1, main = ["depth", "disparity", "flow"].find((id) => has(`0:${id}`));
  const wanted = {
    "#layer-a": two ? first(`0:${main}`) : first("0:image", `0:${main}`),
    "#layer-b": two ? first(`1:${main}`, "1:image") : first(`0:${main}`),
    "#layer-c": first("0:image", "0:depth"),
  };
  for (const [selector, value] of Object.entries(wanted)) {
    const select = $(selector), before = select.value;
    select.replaceChildren(...options.map((option) => new Option(option.text, option.value)));
    select.value = has(before) ? before : value ?? "";
  }
}

function chosen(selector) {
  const [side, id] = $(selector).value.split(":"), frame = state.frames[side], layer = frame?.layers.get(id);
  return layer && { side: Number(side), frame, layer, range: state.ranges.get(id), label: $(selector).selectedOptions[0].text };
}

const image = (choice) => coloured(choice.frame, choice.layer, choice.range, state.threshold);

function draw() {
  const a = chosen("#layer-a"), b = chosen("#layer-b");
  $("#stage .empty").hidden = Boolean(a && b);
  if (!a || !b) {
    $("#stage .empty").textContent = "No image: this file holds points alone.";
    return;
  }
  stage.show([image(a), image(b)], [a.label, b.label]);
  showLegend($("#legend"), [a, b]);
  point(state.point);
}

function chooseMode() {
  const [first] = state.frames, hasPoints = Boolean(first.camera || first.cloud);
  for (const button of document.querySelectorAll("[data-mode]")) {
    if (button.tagName === "BUTTON") button.disabled = button.dataset.mode === "image" ? !first.width : !hasPoints || (button.dataset.mode === "both" && !first.width);
  }
  setMode(!first.width ? "space" : hasPoints && innerWidth > WIDE_PX ? "both" : "image");
  if (!hasPoints) $("#cloud .empty").textContent = "No points: the depth has no scale or no camera.";
  $("#cloud .empty").hidden = hasPoints;
  $("#colours").hidden = Boolean(first.cloud);
  $("#main").classList.toggle("wide", first.width > WIDE * first.height);
  $("#certainty").hidden = !first.layers.has("confidence");
}

function setMode(mode) {
  $("#main").dataset.mode = mode;
  for (const button of document.querySelectorAll(".tabs button")) button.setAttribute("aria-pressed", button.dataset.mode === mode);
}

/** Draws the points if they are looked at; the library is loaded then. */
async function drawCloud(isFresh) {
  if ($("#main").dataset.mode === "image") return;
  const choice = chosen("#layer-c"), frame = choice?.frame ?? state.frames[0];
  if (!frame || !(frame.camera || frame.cloud)) return;
  if (!state.cloud) {
    const { Cloud } = await import("./cloud.js");
    try {
      state.cloud ??= new Cloud($("#cloud"));
    } catch {
      $("#cloud .empty").textContent = "This browser draws no 3D (WebGL 2 is missing or switched off).";
      $("#cloud .empty").hidden = false;
      return;
    }
    state.cloud.onCount = (drawn, count) => ($("#count").textContent = drawn < count ? `${drawn.toLocaleString("en")} of ${count.toLocaleString("en")} points` : `${count.toLocaleString("en")} points`);
    isFresh = true;
  }
  state.cloud.show(frame, frame.cloud ? null : image(choice), isFresh);
  state.cloud.objects(frame.objects);
  setThreshold();
}

function point(at) {
  state.point = at;
  stage.mark(at);
  showReadout($("#readout"), state.frames, state.view.sides.map((side) => side.title), at, state.threshold);
  state.cloud?.mark(state.frames[0], at);
}

function setThreshold() {
  $("#threshold-value").textContent = `${state.threshold} %`;
  state.cloud?.setThreshold(state.frames[0]?.layers.has("confidence") ? state.threshold : 0);
}

function showFacts() {
  $("#facts").replaceChildren(...state.view.sides.flatMap(({ title, facts }) => {
    const head = document.createElement("h2"), list = document.createElement("dl");
    head.textContent = title;
    for (const [name, value] of facts) {
      const [term, said] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      said.textContent = value;
      list.append(term, said);
    }
    return facts.length ? [head, list] : [];
  }));
}

function showNotes(frames) {
  const notes = [...new Set(frames.flatMap((frame) => frame.notes))];
  $("#notes").hidden = notes.length === 0;
  $("#notes ul").replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
}

function showDownloads(frames) {
  const key = frames.map((frame) => frame.downloads.join()).join("|");
  if (key === state.downloads) return;
  state.downloads = key;
  $("#downloads").hidden = frames.every((frame) => frame.downloads.length === 0);
  $("#downloads .buttons").replaceChildren(...frames.flatMap((frame, side) => [...titleOf(side, frames), ...frame.downloads.map((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => save(name, side));
    return button;
  })]));
}

const titleOf = (side, frames) =>
  frames.length > 1 ? [Object.assign(document.createElement("h3"), { textContent: state.view.sides[side].title })] : [];

async function save(name, side) {
  try {
    const answer = await fetch(state.source.fileAddress(name, side, state.index, state.threshold / 100));
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error ?? "this frame is gone: pause first");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    say(error.message, true);
  }
}

function showClock(frame) {
  if (frame.live) {
    $("#clock").textContent = `${frame.name}, ${Math.round(1000 * frame.live.latency_s)} ms old`;
    if (!state.source.isOver) say(frame.live.line);
    return;
  }
  const moments = state.view.moments, time = moments[state.index].time_s;
  const at = `${state.index + 1} / ${moments.length}`;
  $("#clock").textContent = time === null ? `${at} · ${moments[state.index].name}` : `${at} · ${time.toFixed(2)} s`;
  if (moments.length > 1) $("#moment").setAttribute("aria-valuetext", `frame ${at}, ${moments[state.index].name}`);
}

function setPlaying(isPlaying) {
  state.isPlaying = isPlaying;
  $("#play").classList.toggle("on", isPlaying);
  $("#play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  if (state.view?.live) state.source?.setPaused(!isPlaying);
  else if (isPlaying) play();
}

async function play() {
  const { moments } = state.view;
  if (state.index === moments.length - 1) await go(0);
  while (state.isPlaying && state.index < moments.length - 1) {
    const [now, next] = [moments[state.index].time_s, moments[state.index + 1].time_s], begun = performance.now();
    const wait = now !== null && next > now ? Math.min(2000, 1000 * (next - now)) : STEP_MS;
    state.source.ahead(state.index + 2, moments.length);
    await go(state.index + 1);
    await new Promise((done) => setTimeout(done, Math.max(0, wait - (performance.now() - begun))));
  }
  if (state.isPlaying) setPlaying(false);
}

function step(by) {
  setPlaying(false);
  go(Math.min(state.view.moments.length - 1, Math.max(0, state.index + by)));
}

function listen() {
  stage.addEventListener("point", (event) => point(event.detail));
  for (const name of ["#layer-a", "#layer-b"]) $(name).addEventListener("change", draw);
  $("#layer-c").addEventListener("change", () => drawCloud(false));
  $("#swap").addEventListener("click", () => {
    [$("#layer-a").value, $("#layer-b").value] = [$("#layer-b").value, $("#layer-a").value];
    draw();
  });
  $("#fit").addEventListener("click", () => stage.fit());
  $("#home").addEventListener("click", () => state.cloud?.home());
  $("#threshold").addEventListener("input", () => {
    state.threshold = Number($("#threshold").value);
    setThreshold();
    draw();
  });
  for (const button of document.querySelectorAll(".tabs button")) {
    button.addEventListener("click", () => {
      setMode(button.dataset.mode);
      drawCloud(false);
    });
  }
  $("#moment").addEventListener("input", () => {
    setPlaying(false);
    go(Number($("#moment").value));
  });
  $("#play").addEventListener("click", () => setPlaying(!state.isPlaying));
  $("#back").addEventListener("click", () => step(-1));
  $("#forward").addEventListener("click", () => step(1));
  document.addEventListener("keydown", (event) => {
    if ($("#time").hidden || /SELECT|INPUT|BUTTON|A/.test(event.target.tagName)) return;
    if (event.key === " ") setPlaying(!state.isPlaying);
    else if (!state.view.live && (event.key === "," || event.key === ".")) step(event.key === "," ? -1 : 1);
    else return;
    event.preventDefault();
  });
}

begin().catch((error) => say(`the page could not begin: ${error.message}`, true));
