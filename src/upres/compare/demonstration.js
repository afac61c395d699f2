"use strict";
// The range input carries the value, the keyboard and the screen reader; the pointer is followed over the
// whole picture, because some phones move a range only by its thumb.
const slider = document.getElementById("slider"), line = document.getElementById("line");
const draw = () => {
  slider.style.setProperty("--at", line.value);
  line.setAttribute("aria-valuetext", Math.round(line.value) + " percent bicubic");
};
const follow = (event) => {
  const box = slider.getBoundingClientRect();
  line.value = 100 * (event.clientX - box.left) / box.width;
  draw();
};
line.addEventListener("input", draw);
slider.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  slider.setPointerCapture(event.pointerId);
  line.focus({ preventScroll: true });
  line.step = "any";
  follow(event);
});
slider.addEventListener("pointermove", (event) => { if (slider.hasPointerCapture(event.pointerId)) follow(event); });
line.addEventListener("keydown", () => { line.value = Math.round(line.value); line.step = 1; });
draw();

const ways = document.getElementById("ways");
const numbers = (text) => text.split(" ").map(Number);
const share = numbers(ways.dataset.share), at = numbers(ways.dataset.at);
const clamp = (value) => Math.min(1, Math.max(0, value));
const magnify = (x, y) => {
  at[0] = clamp(x);
  at[1] = clamp(y);
  ways.style.setProperty("--x", at[0]);
  ways.style.setProperty("--y", at[1]);
};
for (const whole of ways.querySelectorAll(".whole")) {
  const point = (event) => {
    const box = whole.getBoundingClientRect();
    const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    magnify(...place.map((value, axis) => (value - share[axis] / 2) / (1 - share[axis])));
  };
  whole.addEventListener("pointerdown", point);
  whole.addEventListener("pointermove", point);
}
const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
ways.addEventListener("keydown", (event) => {
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  magnify(at[0] + step[0] * .05, at[1] + step[1] * .05);
});
