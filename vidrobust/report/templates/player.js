"use strict";
(function () {
  const holder = document.getElementById("player-data");
  const root = document.getElementById("player");
  if (!holder || !root) return;
  const data = JSON.parse(holder.textContent);
  const $ = (name) => root.querySelector("[data-p=" + name + "]");
  const line = $("line"), range = $("at"), image = $("image"), boxes = $("boxes");
  const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5"];
  const DOT = 2.5, NEAR = 7, LEFT = 44, RIGHT = 10, RIBBON = 14;
  let item = 0, model = 0, at = 0, event = -1, timer = 0;

  function option(select, text, value) {
    const each = document.createElement("option");
    each.textContent = text;
    each.value = value;
    select.append(each);
  }
  function colour(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }
  function answers() { return data.items[item].a[model]; }
  function own() { return data.events.filter((e) => e[0] === item && e[1] === model); }
  function place(frame) {
    const f = data.items[item].f;
    let low = 0, high = f.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (f[middle] < frame) low = middle + 1; else high = middle;
    }
    return low;
  }
  function picture(frame) {
    const of = data.pictures[item] || {};
    if (of[frame]) return [frame, of[frame]];
    const there = Object.keys(of).map(Number);
    if (!there.length) return [frame, ""];
    let best = there[0];
    for (const each of there) if (Math.abs(each - frame) < Math.abs(best - frame)) best = each;
    return [best, of[best]];
  }
  function jpeg(text) { return "data:image/jpeg;base64," + text; }
  function leading() {
    const counts = new Map();
    for (const label of answers()[0]) if (label >= 0) counts.set(label, (counts.get(label) || 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length).map((each) => each[0]);
  }
  function span() {
    const t = data.items[item].t;
    return [t[0], t[t.length - 1] - t[0] || 1];
  }
  function x(k, width) {
    const [first, whole] = span();
    return LEFT + (width - LEFT - RIGHT) * (data.items[item].t[k] - first) / whole;
  }
  function stroke(pen, x1, y1, x2, y2) {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  }
  function axes(pen, width, top, bottom, y) {
    const soft = colour("--soft");
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = soft;
    pen.strokeStyle = colour("--line");
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    const percent = data.models[model].task === "detection" ? ["0", "0.5", "1"] : ["0 %", "50 %", "100 %"];
    [0, 0.5, 1].forEach((p, k) => {
      stroke(pen, LEFT, y(p), width - RIGHT, y(p));
      pen.fillText(percent[k], LEFT - 5, y(p));
    });
    const [first, whole] = span(), most = width < 500 ? 4 : 10;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((s) => whole / s <= most) || whole;
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (let t = Math.ceil(first / step) * step; t <= first + whole + 1e-9; t += step) {
      const at = LEFT + (width - LEFT - RIGHT) * (t - first) / whole;
      stroke(pen, at, bottom, at, bottom + 4);
      pen.fillText(Number(t.toFixed(2)) + " s", Math.min(at, width - 14), bottom + 6);
    }
  }
  function draw() {
    const width = line.clientWidth, height = line.clientHeight, ratio = window.devicePixelRatio || 1;
    line.width = width * ratio;
    line.height = height * ratio;
    const pen = line.getContext("2d");
    pen.scale(ratio, ratio);
    const ink = colour("--ink"), top = 22, bottom = height - 20, ribbon = bottom - RIBBON;
    const y = (p) => ribbon - 6 - (ribbon - 6 - top) * p;
    axes(pen, width, top, bottom, y);
    const [labels, values] = answers(), first = leading();
    const of = (k) => {
      const rank = first.indexOf(labels[k]);
      return rank < 0 ? colour("--grey") : colour(COLOURS[rank]);
    };
    pen.strokeStyle = colour("--soft");
    pen.setLineDash([3, 3]);
    for (const frame of data.items[item].breaks) {
      const k = place(frame);
      stroke(pen, x(k, width), top, x(k, width), bottom);
    }
    pen.setLineDash([]);
    for (let k = 0; k < values.length; k++) {
      if (values[k] === null) continue;
      const end = k + 1 < values.length ? x(k + 1, width) : width - RIGHT;
      pen.fillStyle = of(k);
      pen.fillRect(x(k, width), ribbon, Math.max(1, end - x(k, width) + 0.5), RIBBON);
      pen.beginPath();
      pen.arc(x(k, width), y(values[k]), DOT, 0, 7);
      pen.fill();
    }
    pen.lineWidth = 1.5;
    for (const each of own()) {
      pen.strokeStyle = data.events.indexOf(each) === event ? colour("--bad") : ink;
      stroke(pen, x(place(each[3]), width), 3, x(place(each[3]), width), 16);
    }
    pen.strokeStyle = ink;
    stroke(pen, x(at, width), 0, x(at, width), bottom);
  }
  function key() {
    const list = $("key");
    list.replaceChildren();
    leading().forEach((label, rank) => {
      const each = document.createElement("li"), dot = document.createElement("i");
      dot.className = "dot c" + (rank + 1);
      each.append(dot, data.labels[label]);
      list.append(each);
    });
  }
  function drawBoxes(svg, frame) {
    svg.replaceChildren();
    const size = data.items[item].size, of = ((data.boxes[item] || {})[model] || {})[frame] || [];
    svg.setAttribute("viewBox", "0 0 " + (size[0] || 1) + " " + (size[1] || 1));
    const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const b of of) {
      const rect = make("rect");
      rect.setAttribute("x", b[0]);
      rect.setAttribute("y", b[1]);
      rect.setAttribute("width", Math.max(0, b[2] - b[0]));
      rect.setAttribute("height", Math.max(0, b[3] - b[1]));
      const text = make("text");
      text.setAttribute("x", b[0] + size[0] / 200);
      text.setAttribute("y", Math.max(b[1], 0) + size[0] / 30);
      text.setAttribute("font-size", size[0] / 32);
      text.textContent = data.labels[b[4]] + " " + b[5].toFixed(2);
      svg.append(rect, text);
    }
  }
  function said(k) {
    const [labels, values] = answers();
    if (labels[k] < 0 || values[k] === null) return "no answer";
    const what = data.models[model].task === "detection" ? ", mean score " : ", ";
    return data.labels[labels[k]] + what + values[k].toFixed(2);
  }
  function clock(seconds) {
    return seconds < 60 ? seconds.toFixed(2) + " s"
      : Math.floor(seconds / 60) + ":" + (seconds % 60).toFixed(1).padStart(4, "0");
  }
  function show() {
    const of = data.items[item], frame = of.f[at], [there, text] = picture(frame);
    $("view").hidden = !text;
    if (text) {
      image.src = jpeg(text);
      image.alt = of.name + ", frame " + there;
    }
    drawBoxes(boxes, frame);
    const other = text && there !== frame ? " (the picture is frame " + there + ")" : "";
    $("where").textContent = clock(of.t[at]) + ", frame " + frame + other;
    $("said").textContent = said(at);
    range.value = at;
    range.setAttribute("aria-valuetext", "frame " + frame + ", " + said(at));
    draw();
  }
  function shot(frame, text, alt) {
    const each = document.createElement("figure"), view = document.createElement("div");
    view.className = "view";
    const img = document.createElement("img"), caption = document.createElement("figcaption");
    img.src = text;
    img.alt = alt;
    view.append(img);
    if (frame !== null) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("class", "boxes");
      svg.setAttribute("aria-hidden", "true");
      drawBoxes(svg, frame);
      view.append(svg);
    }
    caption.textContent = alt;
    each.append(view, caption);
    return each;
  }
  function open(chosen) {
    event = chosen;
    const panel = $("flip"), shots = $("shots"), strip = $("strip"), causes = $("causes");
    panel.hidden = chosen < 0;
    for (const each of [shots, strip, causes]) each.replaceChildren();
    if (chosen < 0) { show(); return; }
    const [, , a, b, what, parts, unstripped] = data.events[chosen];
    at = place(b);
    $("what").textContent = "Frame " + a + " to frame " + b + ": " + what;
    for (const frame of [a, b]) {
      const [there, text] = picture(frame);
      if (text) shots.append(shot(frame, jpeg(text), "frame " + there + ": " + said(place(frame))));
    }
    const difference = (data.differences[item] || {})[b];
    if (difference) shots.append(shot(null, jpeg(difference[1]), "their difference" + (difference[0] > 1 ? ", " + difference[0] + " times as bright" : "")));
    for (const [name, share] of parts) {
      const each = document.createElement("li");
      each.textContent = name + " " + Math.round(100 * share) + " %";
      causes.append(each);
    }
    $("causes-said").textContent = parts.length ? "Replayed change by change, this one flip comes from:" : "";
    for (const tile of data.strips[item + " " + model + " " + b] || []) {
      const alt = tile.title + ": " + tile.label + " " + tile.p;
      strip.append(shot(null, tile.src, tile.measured ? alt + " (" + tile.measured + ")" : alt));
    }
    $("strip-said").textContent = strip.children.length ? data.strip_said : unstripped;
    show();
  }
  function next(direction) {
    const here = data.items[item].f[at], mine = own();
    const later = mine.filter((e) => (direction > 0 ? e[3] > here : e[3] < here));
    const found = direction > 0 ? later[0] : later[later.length - 1];
    if (found) open(data.events.indexOf(found));
    return Boolean(found);
  }
  function go(k) {
    at = Math.min(Math.max(0, k), data.items[item].f.length - 1);
    if (event >= 0) open(-1); else show();
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Play";
  }
  function play() {
    if (timer) { stop(); return; }
    const t = data.items[item].t, step = t.length > 1 ? (t[t.length - 1] - t[0]) / (t.length - 1) : 0.04;
    if (at === t.length - 1) at = 0;
    $("play").textContent = "Stop";
    timer = setInterval(() => { if (at >= t.length - 1) stop(); else go(at + 1); }, Math.max(30, 1000 * step));
  }
  function begin() {
    stop();
    range.max = data.items[item].f.length - 1;
    at = 0;
    event = -1;
    const mine = own();
    $("count").textContent = mine.length + (mine.length === 1 ? " flip" : " flips");
    for (const name of ["before", "after"]) $(name).disabled = !mine.length;
    key();
    $("flip").hidden = true;
    show();
  }
  function pointed(e) {
    const box = line.getBoundingClientRect(), width = box.width, spot = e.clientX - box.left;
    const near = own().map((each) => [Math.abs(x(place(each[3]), width) - spot), each]).sort((a, b) => a[0] - b[0])[0];
    if (e.type === "pointerdown" && near && near[0] <= NEAR) { open(data.events.indexOf(near[1])); return; }
    const t = data.items[item].t, time = t[0] + (t[t.length - 1] - t[0]) * (spot - LEFT) / (width - LEFT - RIGHT);
    let best = 0;
    for (let k = 0; k < t.length; k++) if (Math.abs(t[k] - time) < Math.abs(t[best] - time)) best = k;
    go(best);
  }

  data.items.forEach((each, k) => option($("item"), each.name, k));
  data.models.forEach((each, k) => option($("model"), each.name, k));
  $("item").parentElement.hidden = data.items.length < 2;
  $("model").parentElement.hidden = data.models.length < 2;
  $("item").addEventListener("change", (e) => { item = Number(e.target.value); begin(); });
  $("model").addEventListener("change", (e) => { model = Number(e.target.value); begin(); });
  range.addEventListener("input", () => go(Number(range.value)));
  $("before").addEventListener("click", () => next(-1));
  $("after").addEventListener("click", () => next(1));
  $("play").addEventListener("click", play);
  line.addEventListener("pointerdown", (e) => { line.setPointerCapture(e.pointerId); pointed(e); });
  line.addEventListener("pointermove", (e) => { if (e.buttons) pointed(e); });
  root.addEventListener("keydown", (e) => {
    if (e.target.tagName === "SELECT" || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "n") next(1);
    else if (e.key === "p") next(-1);
    else if (e.key === " " && e.target.tagName !== "BUTTON") { e.preventDefault(); play(); }
  });
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (data.worst >= 0) { item = data.events[data.worst][0]; model = data.events[data.worst][1]; }
  $("item").value = item;
  $("model").value = model;
  root.hidden = false;
  begin();
  if (data.worst >= 0) open(data.worst);
})();
