"use strict";
const byId = (id) => document.getElementById(id);
const texts = JSON.parse(byId("texts").textContent);
const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
const form = byId("form"), settings = form.querySelector("fieldset");
const AT_ONCE = 2, CROP = 96, CROPS_KEPT = 60, STILL_MS = 180;
const cards = [];
let shown = null, secondsPerMegapixel = 0, models = [];

document.body.classList.add("live");
for (const element of document.querySelectorAll(".has-script")) element.hidden = false;
byId("picture").multiple = true;
byId("picture").required = false;

// What is asked for, as the query of a request; what was left as it is says nothing.
const asked = () => {
  const query = new URLSearchParams();
  for (const element of settings.querySelectorAll("select, input")) {
    if (element.disabled || !element.value.trim() || (element.type === "checkbox" && !element.checked)) continue;
    query.set(element.name, element.value.trim());
  }
  if (query.has("scale")) query.delete("fit");
  return query;
};
const scaleOf = ({ width, height }) => {
  const query = asked(), fit = /^(\d+) *x *(\d+)$/.exec(query.get("fit") || "");
  if (fit) return Math.min(fit[1] / width, fit[2] / height);
  if (query.has("scale")) return Number(query.get("scale"));
  return Math.max(...models.filter((one) => one.name === query.get("model")).map((one) => one.scale || 4));
};
const timeText = (seconds) => seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
const sizeText = (bytes) => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
const problemOf = async (answer) => {
  try { return (await answer.json()).detail || answer.statusText; } catch { return answer.statusText; }
};
const fetched = async (...request) => {
  let answer;
  try { answer = await fetch(...request); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(say("offline"));
  }
  if (!answer.ok) throw new Error(await problemOf(answer));
  return answer;
};
const make = (tag, members = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), members);
  element.append(...children);
  return element;
};
const button = (name, act) => {
  const one = make("button", { type: "button", textContent: say(name) });
  one.addEventListener("click", () => act(one));
  return one;
};

// One picture: its file, what it looks like, and how far its enlargement is.
const add = async (file) => {
  const card = { file, name: file.name || "picture.png", state: "new", width: 0, height: 0, url: URL.createObjectURL(file), result: null, fault: "" };
  card.thumb = make("button", { className: "thumb", type: "button" });
  card.thumb.setAttribute("aria-label", say("show", { name: card.name }));
  card.thumb.addEventListener("click", () => show(card));
  card.told = make("span", { className: "told" });
  card.bar = make("progress", { max: 1, value: 0, hidden: true });
  card.bar.setAttribute("aria-label", card.name);
  card.does = make("div", { className: "does" });
  card.said = make("span", { className: "fault", hidden: true });
  card.said.setAttribute("role", "alert");
  card.element = make("li", { className: "card" }, card.thumb, make("span", { className: "name", textContent: card.name }), card.told, card.bar, card.said, card.does);
  cards.push(card);
  byId("list").append(card.element);
  const image = make("img", { src: card.url, alt: "", draggable: false });
  try {
    await image.decode();
    Object.assign(card, { width: image.naturalWidth, height: image.naturalHeight });
    card.thumb.append(image);
  } catch { card.thumb.disabled = true; } // a TIFF, for most browsers
  draw(card);
  return card;
};
const take = async (files) => {
  const added = await Promise.all([...files].map(add));
  drawAll();
  if (added.length) show(added.find((card) => card.width) || shown);
};
const sized = (card) => {
  const scale = scaleOf(card);
  return { width: card.width, height: card.height, large: Math.round(card.width * scale), tall: Math.round(card.height * scale) };
};
const described = (card) => {
  if (card.made) return say("sizes", card.made);
  if (!card.width) return say("unseen", { size: sizeText(card.file.size) });
  const sizes = sized(card), seconds = secondsPerMegapixel * sizes.large * sizes.tall / 1e6;
  return seconds ? say("about", { ...sizes, seconds: timeText(seconds) }) : say("sizes", sizes);
};
const STATES = {
  waiting: (card) => say("waiting"),
  sending: (card) => say("sending"),
  working: (card) => say("working", { percent: Math.round(100 * card.bar.value) }),
  done: (card) => say("done", { seconds: card.seconds.toFixed(1), size: sizeText(card.result.size) }),
  stopped: (card) => say("stopped"),
};
const draw = (card) => {
  const busy = ["waiting", "sending", "working"].includes(card.state), how = STATES[card.state];
  card.told.textContent = described(card) + (how ? ` · ${how(card)}` : "");
  card.bar.hidden = !busy;
  card.said.hidden = !card.fault;
  card.said.textContent = card.fault;
  card.element.classList.toggle("shown", card === shown);
  if (card.drawn === card.state) return;
  card.drawn = card.state;
  const does = [];
  if (card.state === "done") {
    const link = make("a", { className: "button", href: card.resultUrl, download: card.target, textContent: say("download") });
    does.push(link, button("copy", (one) => copy(card, one)));
  }
  if (busy) does.push(button("cancel", () => stop(card)));
  else {
    if (card.state !== "new") does.push(button("again", () => { enqueue(card); work(); }));
    does.push(button("remove", () => remove(card)));
  }
  card.does.replaceChildren(...does);
};
const drawAll = () => {
  cards.forEach(draw);
  const open = cards.filter((card) => ["new", "failed", "stopped"].includes(card.state)).length;
  byId("work").hidden = !cards.length;
  byId("zip").hidden = cards.filter((card) => card.result).length < 2;
  byId("go").textContent = open > 1 ? say("enlarge_all", { count: open }) : say("enlarge");
  byId("go").disabled = cards.length > 0 && !open;
};
const forget = (card) => {
  if (card.resultUrl) URL.revokeObjectURL(card.resultUrl);
  Object.assign(card, { result: null, resultUrl: "", made: null });
};
const remove = (card) => {
  forget(card);
  URL.revokeObjectURL(card.url);
  cards.splice(cards.indexOf(card), 1);
  card.element.remove();
  drawAll();
  if (card === shown) show(cards[0] || null);
};

// The queue: few at once, the others wait here, where they cost nothing.
const enqueue = (card) => {
  forget(card);
  Object.assign(card, { state: "waiting", fault: "", query: asked() });
  card.bar.removeAttribute("value");
  draw(card);
};
const work = () => {
  drawAll();
  const running = cards.filter((card) => ["sending", "working"].includes(card.state)).length;
  for (const card of cards.filter((one) => one.state === "waiting").slice(0, Math.max(0, AT_ONCE - running))) enlarge(card).finally(work);
};
const enlarge = async (card) => {
  card.state = "sending";
  card.abort = new AbortController();
  draw(card);
  const { signal } = card.abort;
  try {
    const body = new FormData();
    body.append("picture", card.file, card.name);
    const job = await (await fetched(`/v1/upscale?${card.query}`, { method: "POST", body, headers: { Prefer: "respond-async" }, signal })).json();
    card.job = job.address;
    const end = await followed(card, job.events, signal);
    if (end.problem) throw new Error(end.problem.detail);
    const answer = await fetched(end.result, { signal });
    card.result = await answer.blob();
    card.resultUrl = URL.createObjectURL(card.result);
    const { input, output } = end;
    card.made = { width: input.width, height: input.height, large: output.width, tall: output.height };
    card.target = nameOf(answer, card);
    card.seconds = end.seconds;
    secondsPerMegapixel = end.seconds / (output.width * output.height / 1e6);
    card.state = "done";
  } catch (error) {
    card.state = card.state === "stopped" ? "stopped" : "failed";
    card.fault = card.state === "failed" ? error.message : "";
  }
  if (card.job) fetch(card.job, { method: "DELETE" }).catch(() => {});
  card.job = "";
  draw(card);
  if (card === shown || (card.state === "done" && !shown?.result)) show(card);
};
const followed = (card, address, signal) => new Promise((resolve, reject) => {
  const events = new EventSource(address);
  const close = () => events.close();
  const end = (event) => { close(); resolve(JSON.parse(event.data)); };
  for (const state of ["done", "failed", "cancelled"]) events.addEventListener(state, end);
  const going = (event) => {
    const told = JSON.parse(event.data);
    if (told.state === "running" && told.tiles.total) { card.state = "working"; card.bar.value = told.progress; draw(card); }
  };
  for (const state of ["queued", "running"]) events.addEventListener(state, going);
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) { close(); reject(new Error(say("lost"))); } };
  signal.addEventListener("abort", () => { close(); reject(new DOMException("", "AbortError")); });
});
const nameOf = (answer, card) => {
  const told = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") || "");
  return told ? decodeURIComponent(told[1]) : card.name;
};
const stop = (card) => {
  card.state = "stopped";
  card.abort?.abort();
  work();
  draw(card);
};
const copy = async (card, one) => {
  try {
    const picture = await createImageBitmap(card.result), canvas = make("canvas", { width: picture.width, height: picture.height });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    const png = card.result.type === "image/png" ? card.result : await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    one.textContent = say("copied");
  } catch { card.fault = say("not_copied"); draw(card); }
};
const save = (blob, name) => {
  const url = URL.createObjectURL(blob), link = make("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
};
byId("zip").addEventListener("click", async () => {
  const used = new Set(), files = [];
  for (const card of cards.filter((one) => one.result)) {
    let name = card.target;
    for (let number = 2; used.has(name); number++) name = card.target.replace(/(\.\w+)?$/, ` ${number}$1`);
    used.add(name);
    files.push({ name, blob: card.result });
  }
  save(await zipped(files), "upres.zip");
});

// Before it is enlarged a picture is looked at by a crop; afterwards as a whole.
let report = () => {};
const viewer = makeViewer(byId("stage"), { changed: (told) => report(told) });
report = bindButtons(viewer, byId("view"));
const show = async (card) => {
  shown = card;
  cards.forEach((one) => one.element.classList.toggle("shown", one === card));
  let seen = Boolean(card?.result);
  if (seen) {
    const image = make("img", { src: card.resultUrl });
    try { await image.decode(); } catch { seen = false; }
    if (card !== shown) return;
    if (seen) {
      byId("view").hidden = false;
      byId("view-name").textContent = card.name;
      viewer.show({ src: card.width ? card.url : card.resultUrl, alt: say("before") }, { src: card.resultUrl, alt: say("after") }, card.made.large, card.made.tall, [say("before"), say("after")]);
    }
  }
  byId("view").hidden = !seen;
  byId("preview").hidden = seen || !card?.width;
  if (!byId("preview").hidden) {
    byId("whole").src = card.url;
    await byId("whole").decode().catch(() => {});
    point(.5, .5);
  }
};
const place = { x: .5, y: .5 }, crops = new Map();
let waiting = 0, asking = null;
const mark = () => {
  const k = byId("whole").clientWidth / shown.width, px = (side) => side * k + "px";
  Object.assign(byId("mark").style, { left: px(place.left), top: px(place.top), width: px(place.side), height: px(place.side) });
};
const point = (x, y) => {
  if (!shown?.width) return;
  const { width, height } = shown, side = Math.min(CROP, width, height);
  const clamp = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
  Object.assign(place, { x, y, side, left: clamp(x * width - side / 2, width - side), top: clamp(y * height - side / 2, height - side) });
  mark();
  byId("after").classList.add("old");
  clearTimeout(waiting);
  waiting = setTimeout(preview, STILL_MS);
};
const preview = async () => {
  const card = shown, { left, top, side } = place;
  if (!card?.width || byId("preview").hidden || !form.checkValidity()) return;
  const query = asked();
  query.delete("fit");
  query.set("scale", Math.min(8, Math.max(1.01, scaleOf(card))));
  query.set("format", "png");
  asking?.abort();
  asking = new AbortController();
  const key = [card.url, left, top, query].join(" ");
  try {
    if (!crops.has(key)) {
      const picture = await createImageBitmap(card.file, left, top, side, side), canvas = make("canvas", { width: side, height: side });
      canvas.getContext("2d").drawImage(picture, 0, 0);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      const answer = await fetched(`/v1/upscale?${query}`, { method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" }, signal: asking.signal });
      const [width, height] = answer.headers.get("upres-output").split("x"), seconds = Number(answer.headers.get("upres-seconds"));
      if (!secondsPerMegapixel) { secondsPerMegapixel = seconds / (width * height / 1e6); drawAll(); }
      crops.set(key, { before: URL.createObjectURL(blob), after: URL.createObjectURL(await answer.blob()) });
      if (crops.size > CROPS_KEPT) {
        const [oldest, { before, after }] = crops.entries().next().value;
        crops.delete(oldest);
        [before, after].forEach(URL.revokeObjectURL);
      }
    }
    const found = crops.get(key);
    byId("before").src = found.before;
    byId("after").src = found.after;
    byId("after").classList.remove("old");
    byId("after-told").textContent = say("after");
  } catch (error) {
    if (error.name !== "AbortError") byId("after-told").textContent = error.message;
  }
};
const pointed = (event) => {
  const box = byId("whole").getBoundingClientRect();
  point((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
};
byId("pick").addEventListener("pointermove", pointed);
byId("pick").addEventListener("pointerdown", pointed);
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
byId("pick").addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow) return;
  event.preventDefault();
  const step = place.side / 3;
  point((place.left + place.side / 2 + arrow[0] * step) / shown.width, (place.top + place.side / 2 + arrow[1] * step) / shown.height);
});
new ResizeObserver(() => { if (!byId("preview").hidden && shown) mark(); }).observe(byId("pick"));

// What a model cannot do is not asked of it.
const fitModel = () => {
  const mine = models.filter((one) => one.name === settings.querySelector("[name=model]").value);
  for (const axis of ["denoise", "detail"]) settings.querySelector(`[name=${axis}]`).disabled = !mine.some((one) => one[axis]);
};
settings.addEventListener("input", () => { fitModel(); drawAll(); if (shown) point(place.x, place.y); });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!cards.length) { byId("picture").click(); return; }
  for (const card of cards.filter((one) => ["new", "failed", "stopped"].includes(one.state))) enqueue(card);
  work();
});
for (const id of ["picture", "camera"]) byId(id).addEventListener("change", ({ target }) => { take(target.files); target.value = ""; });
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", (event) => { event.preventDefault(); document.body.classList.remove("over"); take(event.dataTransfer.files); });
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files); });
document.addEventListener("keydown", (event) => {
  if (byId("view").hidden || typing(event) || event.target.closest("button, a, input[type=number], #pick")) return;
  if (viewer.key(event)) event.preventDefault();
});
fetch("/v1/models").then((answer) => answer.json()).then((told) => { models = told.models; fitModel(); drawAll(); }).catch(() => {});
