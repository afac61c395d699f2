const byId = (id) => document.getElementById(id);
const views = [...document.querySelectorAll(".view")].map((element) => ({
  element, title: element.dataset.title, facts: element.dataset.facts, width: Number(element.dataset.width), height: Number(element.dataset.height),
  clear: "clear" in element.dataset,
  versions: [...element.querySelectorAll(".version")].map((figure) => {
    const image = figure.querySelector("img");
    return { figure, image, lens: figure.querySelector(".lens"), name: figure.dataset.name, src: image.src, alt: image.alt, pixels: "pixels" in figure.dataset };
  }),
}));
const chosen = { view: 0, left: Number(document.querySelector(".view").dataset.left), right: Number(document.querySelector(".view").dataset.right) };
const lensAt = [.5, .5], MAGNIFIED = 3;

// Every lens shows the same place, so many times as large.
const magnify = (x = lensAt[0], y = lensAt[1]) => {
  lensAt[0] = Math.min(1, Math.max(0, x));
  lensAt[1] = Math.min(1, Math.max(0, y));
  const { versions, width, height } = views[chosen.view];
  for (const { image, lens } of versions) {
    const [w, h] = [lens.clientWidth, lens.clientHeight], k = Math.max(MAGNIFIED, w / width, h / height);
    const put = (share, side, room) => Math.min(0, Math.max(room - side * k, room / 2 - share * side * k));
    image.style.width = width + "px";
    image.style.height = height + "px";
    image.style.transform = `translate(${put(lensAt[0], width, w)}px, ${put(lensAt[1], height, h)}px) scale(${k})`;
  }
};
let report = () => {};
const viewer = makeViewer(byId("stage"), { changed: (shown) => report(shown), pointed: magnify });
const buttons = bindButtons(viewer, byId("viewer"));
report = (shown) => {
  buttons(shown);
  byId("stage").setAttribute("aria-label", shown.mode === "flip" ? `${shown.shown}; space shows the other` : "The two pictures; shift and arrow keys move them");
};
const show = () => {
  const view = views[chosen.view], [left, right] = [view.versions[chosen.left], view.versions[chosen.right]];
  views.forEach(({ element }) => { element.hidden = element !== view.element; });
  view.versions.forEach(({ figure, lens }, index) => {
    figure.classList.toggle("chosen", index === chosen.right);
    lens.setAttribute("aria-pressed", String(index === chosen.right));
  });
  byId("picture").value = chosen.view;
  byId("left").value = chosen.left;
  byId("right").value = chosen.right;
  byId("facts").textContent = view.facts;
  document.body.classList.toggle("see-through", view.clear);
  viewer.show(left, right, view.width, view.height, [left.name, right.name]);
  byId("spoken").textContent = `${view.title}: ${left.name} on the left, ${right.name} on the right`;
  magnify();
};
const choose = (change) => { Object.assign(chosen, change); show(); };
const turn = (by) => choose({ view: (chosen.view + by + views.length) % views.length });

const option = (text, value) => Object.assign(document.createElement("option"), { textContent: text, value });
byId("picture").append(...views.map(({ title }, index) => option(title, index)));
for (const side of ["left", "right"]) {
  byId(side).append(...views[0].versions.map(({ name }, index) => option(`${index + 1}  ${name}`, index)));
  byId(side).addEventListener("change", (event) => choose({ [side]: Number(event.target.value) }));
}
byId("picture").addEventListener("change", (event) => choose({ view: Number(event.target.value) }));
byId("pictures").hidden = views.length < 2;
byId("swap").addEventListener("click", () => choose({ left: chosen.right, right: chosen.left }));
for (const { versions, width, height } of views) {
  versions.forEach(({ lens }, index) => {
    let from = null, moved = false;
    lens.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; moved = false; lens.setPointerCapture(event.pointerId); });
    lens.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      if (!moved && Math.hypot(dx, dy) < 4) return;
      moved = true;
      from = [event.clientX, event.clientY];
      magnify(lensAt[0] - dx / (width * MAGNIFIED), lensAt[1] - dy / (height * MAGNIFIED));
    });
    for (const end of ["pointerup", "pointercancel"]) lens.addEventListener(end, () => { from = null; });
    lens.addEventListener("click", () => { if (!moved) choose({ right: index }); moved = false; });
  });
}
document.addEventListener("keydown", (event) => {
  if (typing(event)) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code), index = digit && digit[1] - 1;
  let taken = true;
  if (digit && index < views[chosen.view].versions.length) choose({ [event.shiftKey ? "left" : "right"]: index });
  else if (event.key.toLowerCase() === "x") choose({ left: chosen.right, right: chosen.left });
  else if (event.key.toLowerCase() === "n") turn(1);
  else if (event.key.toLowerCase() === "p") turn(-1);
  else taken = viewer.key(event);
  if (taken) event.preventDefault();
});
document.body.classList.add("live");
byId("viewer").hidden = false;
document.querySelector(".magnified").hidden = false;
new ResizeObserver(() => magnify()).observe(document.querySelector("main"));
show();
