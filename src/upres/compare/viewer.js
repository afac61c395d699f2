"use strict";
// Two pictures of one size under one zoom and one place. Zoom counts device pixels: at 1, a pixel of the picture is
// a pixel of the screen. The elements are <img>, never a canvas, whose area browsers limit.
const makeViewer = (stage, { changed = () => {}, pointed = () => {} } = {}) => {
  const [first, second] = stage.querySelectorAll(".pane"), images = [...stage.querySelectorAll(".pane img")];
  const divider = stage.querySelector("input"), line = stage.querySelector(".line"), tags = stage.querySelectorAll(".tag");
  const STEPS = [.125, .25, .5, 1, 2, 3, 4, 6, 8, 12, 16], NEAR = 24, STILL = 4;
  const state = { mode: "slider", zoom: 0, x: .5, y: .5, width: 1, height: 1, flipped: false, names: ["", ""] };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const ratio = () => window.devicePixelRatio || 1;
  const pane = () => ({ width: first.clientWidth, height: first.clientHeight });
  const fit = () => Math.min(pane().width / state.width, pane().height / state.height);
  const scale = () => state.zoom ? state.zoom / ratio() : fit();
  const pans = () => state.width * scale() > pane().width + 1 || state.height * scale() > pane().height + 1;

  const draw = () => {
    stage.classList.remove("slider", "flip", "side");
    stage.classList.add(state.mode);
    const most = Math.max(240, window.innerHeight * .76), wide = pane().width;
    const whole = wide * state.height / state.width, drawn = state.zoom ? state.height * state.zoom / ratio() : 0;
    stage.style.height = Math.round(Math.min(most, Math.max(whole, drawn, 160))) + "px";
    const { width, height } = pane(), k = scale(), pixel = ratio();
    // What is smaller than its place stands in the middle; what is larger covers it.
    const place = (share, side, room) => side * k <= room ? .5 : clamp(share, room / 2 / (side * k), 1 - room / 2 / (side * k));
    state.x = place(state.x, state.width, width);
    state.y = place(state.y, state.height, height);
    const snap = (value) => Math.round(value * pixel) / pixel;
    const left = snap(width / 2 - state.x * state.width * k), top = snap(height / 2 - state.y * state.height * k);
    for (const image of images) {
      image.style.width = state.width + "px";
      image.style.height = state.height + "px";
      image.style.transform = `translate(${left}px, ${top}px) scale(${k})`;
      image.classList.toggle("sharp", k * pixel >= .999);
    }
    const at = divider.value, slides = state.mode === "slider";
    first.style.clipPath = slides ? `inset(0 ${100 - at}% 0 0)` : "";
    second.style.clipPath = slides ? `inset(0 0 0 ${at}%)` : "";
    line.style.left = at + "%";
    const shows = state.flipped ? 1 : 0;
    [first, second].forEach((one, index) => one.classList.toggle("hidden", index !== shows));
    tags.forEach((tag, index) => { tag.classList.toggle("hidden", index !== shows); tag.textContent = state.names[index]; });
    divider.setAttribute("aria-label", `Divider between ${state.names[0]} and ${state.names[1]}`);
    divider.setAttribute("aria-valuetext", `${Math.round(at)} percent ${state.names[0]}, the rest ${state.names[1]}`);
    stage.classList.toggle("pans", pans());
    changed({ mode: state.mode, fitted: !state.zoom, percent: Math.round(k * pixel * 100), shown: state.names[shows] });
  };
  const zoomTo = (zoom, point = null) => {
    const before = scale(), { width, height } = pane();
    state.zoom = zoom && clamp(zoom, .02, 32);
    if (point) { // what lies under the pointer stays there
      const after = scale(), [dx, dy] = [point[0] - width / 2, point[1] - height / 2];
      state.x += dx * (1 / before - 1 / after) / state.width;
      state.y += dy * (1 / before - 1 / after) / state.height;
    }
    draw();
  };
  const step = (direction) => {
    const now = scale() * ratio();
    const next = direction > 0 ? STEPS.find((one) => one > now * 1.01) : STEPS.findLast((one) => one < now * .99);
    if (next) zoomTo(next);
  };
  const pan = (dx, dy) => {
    state.x += dx / (state.width * scale());
    state.y += dy / (state.height * scale());
    draw();
    pointed(state.x, state.y);
  };
  const setMode = (mode) => {
    const mine = stage.contains(document.activeElement);
    Object.assign(state, { mode, flipped: false });
    draw();
    if (mine) (mode === "slider" ? divider : stage).focus({ preventScroll: true }); // a divider that hides loses it
  };
  const flip = () => { if (state.mode !== "flip") setMode("flip"); state.flipped = !state.flipped; draw(); };
  const divide = (value) => { divider.value = value; draw(); };

  // The pointer: the divider is dragged where the picture is seen whole, or by its line; else the picture is dragged.
  const pointers = new Map();
  let action = "", start = null, pinch = null, divided = 50;
  const local = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const follow = ([x]) => divide(100 * x / stage.clientWidth);
  const inPane = ([x, y]) => [state.mode === "side" && x > stage.clientWidth / 2 ? x - stage.clientWidth / 2 : x, y];
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return { size: Math.hypot(a[0] - b[0], a[1] - b[1]), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = local(event);
    pointers.set(event.pointerId, at);
    stage.setPointerCapture(event.pointerId);
    (state.mode === "slider" ? divider : stage).focus({ preventScroll: true });
    if (event.pointerType === "mouse") event.preventDefault();
    if (pointers.size === 2) {
      action = "pinch";
      divide(divided); // the first finger was no hand on the divider
      pinch = { ...spread(), zoom: scale() * ratio() };
      return;
    }
    const onLine = Math.abs(at[0] - stage.clientWidth * divider.value / 100) <= NEAR;
    action = state.mode === "slider" && (onLine || !pans()) ? "divide" : "pan";
    start = at;
    divided = divider.value;
    stage.classList.add("dragging");
    divider.step = "any";
    if (action === "divide") follow(at);
  });
  stage.addEventListener("pointermove", (event) => {
    const at = local(event), before = pointers.get(event.pointerId);
    if (!before) {
      const { width, height } = pane(), [x, y] = inPane(at);
      pointed(clamp(state.x + (x - width / 2) / (state.width * scale()), 0, 1), clamp(state.y + (y - height / 2) / (state.height * scale()), 0, 1));
      return;
    }
    pointers.set(event.pointerId, at);
    if (action === "divide") follow(at);
    if (action === "pan" && pans()) pan(before[0] - at[0], before[1] - at[1]);
    if (action === "pinch" && pointers.size === 2) {
      const now = spread();
      zoomTo(pinch.zoom * now.size / pinch.size, inPane(now.middle));
    }
  });
  const lift = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    const at = local(event), still = start && Math.hypot(at[0] - start[0], at[1] - start[1]) < STILL;
    if (event.type === "pointerup" && action === "pan" && still && state.mode === "slider") follow(at);
    if (event.type === "pointerup" && action === "pan" && still && state.mode === "flip") flip();
    if (!pointers.size) { action = ""; stage.classList.remove("dragging"); }
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("dblclick", (event) => { if (state.mode !== "flip") zoomTo(state.zoom ? 0 : 1, inPane(local(event))); });
  // The wheel scrolls the page until the picture has been clicked.
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !stage.contains(document.activeElement)) return;
    event.preventDefault();
    zoomTo(scale() * ratio() * Math.exp(-clamp(event.deltaY, -60, 60) * .004), inPane(local(event)));
  }, { passive: false });
  divider.addEventListener("input", draw);

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const key = (event) => {
    const arrow = ARROWS[event.key], mine = stage.contains(document.activeElement);
    if (arrow) {
      if (!mine) return false;
      if (state.mode === "slider" && !event.shiftKey && arrow[0]) {
        divider.step = "any";
        divide(clamp(Math.round(Number(divider.value)) + arrow[0], 0, 100));
      } else pan(arrow[0] * 48, arrow[1] * 48);
      return true;
    }
    switch (event.key) {
      case " ": if (event.target.closest("button, summary, a")) return false; flip(); return true;
      case "f": case "F": setMode("flip"); return true;
      case "s": case "S": setMode("slider"); return true;
      case "d": case "D": setMode("side"); return true;
      case "+": case "=": step(1); return true;
      case "-": case "_": step(-1); return true;
      case "0": zoomTo(0); return true;
      case "z": case "Z": zoomTo(1); return true;
    }
    return false;
  };
  new ResizeObserver(draw).observe(stage.parentElement);

  return {
    state, draw, zoomTo, step, setMode, flip, key,
    // Show two pictures of width × height; the place is kept, so that versions and pictures can be flipped through.
    show(one, other, width, height, names) {
      Object.assign(state, { width, height, names });
      [one, other].forEach((source, index) => {
        if (images[index].src !== source.src) images[index].src = source.src;
        images[index].alt = source.alt;
        images[index].classList.toggle("pixels", source.pixels === true);
      });
      draw();
    },
  };
};

// The buttons of a viewer: modes and zoom, and what they say.
const bindButtons = (viewer, root) => {
  for (const button of root.querySelectorAll("[data-mode]")) button.addEventListener("click", () => viewer.setMode(button.dataset.mode));
  const calls = { in: () => viewer.step(1), out: () => viewer.step(-1), fit: () => viewer.zoomTo(0), full: () => viewer.zoomTo(1) };
  for (const button of root.querySelectorAll("[data-zoom]")) button.addEventListener("click", calls[button.dataset.zoom]);
  return ({ mode, fitted, percent }) => {
    for (const button of root.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    root.querySelector('[data-zoom="fit"]').setAttribute("aria-pressed", String(fitted));
    root.querySelector('[data-zoom="full"]').setAttribute("aria-pressed", String(!fitted && percent === 100));
    root.querySelector(".percent").textContent = percent + " %";
  };
};
const typing = (event) => event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input[type=text], textarea");
