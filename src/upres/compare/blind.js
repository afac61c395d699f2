const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
// Names are kept out of sight, and out of the text of this file: they are read when the last vote is given.
const secret = () => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(data.secret), (letter) => letter.charCodeAt(0))));
const KEY = `upres-votes-${data.page}-${data.seed}`;
// Some browsers keep nothing for files; then the votes live as long as the page.
const kept = {
  read() { try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; } },
  write(value) { try { localStorage.setItem(KEY, JSON.stringify(value)); } catch { /* the page still holds them */ } },
  clear() { try { localStorage.removeItem(KEY); } catch { /* nothing was kept */ } },
};
const fresh = () => ({ rater: "", begun: false, votes: [] });
let poll = kept.read();
if (!poll || !Array.isArray(poll.votes) || poll.votes.length > data.trials.length) poll = fresh();

let report = () => {}, since = 0;
const viewer = makeViewer(byId("stage"), { changed: (shown) => report(shown) });
const buttons = bindButtons(viewer, byId("trial"));
report = (shown) => {
  buttons(shown);
  byId("stage").setAttribute("aria-label", shown.mode === "flip" ? `${shown.shown}; space shows the other` : "A and B; shift and arrow keys move them");
};
const page = (name) => { for (const id of ["begin", "trial", "end"]) byId(id).hidden = id !== name; };

const go = () => {
  if (!poll.begun) return page("begin");
  if (poll.votes.length === data.trials.length) return finish();
  page("trial");
  const number = poll.votes.length, trial = data.trials[number];
  const at = (index, name) => ({ src: data.images[index], alt: `Version ${name}` });
  byId("progress").textContent = `${number + 1} of ${data.trials.length}`;
  byId("spoken").textContent = `Pair ${number + 1} of ${data.trials.length}`;
  byId("reason").value = "";
  byId("back").disabled = !number;
  document.body.classList.toggle("see-through", trial.clear);
  Object.assign(viewer.state, { x: .5, y: .5, flipped: false });
  viewer.show(at(trial.left, "A"), at(trial.right, "B"), trial.width, trial.height, ["A", "B"]);
  since = performance.now();
};
const vote = (choice) => {
  poll.votes.push({ choice, reason: byId("reason").value.trim(), seconds: Math.round((performance.now() - since) / 100) / 10 });
  kept.write(poll);
  if (byId("trial").contains(document.activeElement)) document.activeElement.blur();
  go();
};
const ballot = () => {
  const { methods, trials } = secret();
  return {
    format: "upres votes 1", page: data.page, seed: data.seed, rater: poll.rater, methods,
    votes: poll.votes.map(({ choice, reason, seconds }, index) => {
      const { picture, region, left, right, kind } = trials[index];
      return { picture, region, left: methods[left], right: methods[right], kind, choice, reason, seconds };
    }),
  };
};
// As preference.py computes it.
const wilson = (wins, count) => {
  if (!count) return [0, 1];
  const z = 1.959963984540054, share = wins / count, square = z * z;
  const middle = (share + square / (2 * count)) / (1 + square / count);
  const half = z / (1 + square / count) * Math.sqrt(share * (1 - share) / count + square / (4 * count * count));
  return [wins ? middle - half : 0, wins < count ? middle + half : 1];
};
const winner = (one) => one.choice === "none" ? null : one[one.choice];
const count = (votes) => {
  const pairs = new Map();
  for (const one of votes.filter(({ kind }) => kind === "pair")) {
    const [first, second] = [one.left, one.right].sort(), key = JSON.stringify([first, second]);
    const found = pairs.get(key) || { first, second, wins: 0, losses: 0, ties: 0 };
    found[winner(one) === null ? "ties" : winner(one) === first ? "wins" : "losses"] += 1;
    pairs.set(key, found);
  }
  return [...pairs.values()].map((pair) => pair.wins >= pair.losses ? pair : { first: pair.second, second: pair.first, wins: pair.losses, losses: pair.wins, ties: pair.ties });
};
const check = (votes) => {
  const same = votes.filter(({ kind }) => kind === "identical"), again = votes.filter(({ kind }) => kind === "repeat");
  const pair = ({ picture, region, left, right }) => JSON.stringify([picture, region, ...[left, right].sort()]);
  const first = new Map(votes.filter(({ kind }) => kind === "pair").map((one) => [pair(one), winner(one)]));
  const different = same.filter(({ choice }) => choice !== "none").length;
  const turned = again.filter((one) => winner(one) && first.get(pair(one)) && winner(one) !== first.get(pair(one))).length;
  const failed = 2 * different >= same.length || 2 * turned > again.length;
  return `${different} of ${same.length} identical pairs called different, ${turned} of ${again.length} repeats contradicted: ` +
    (failed ? "these votes are left out when several raters are counted." : "these votes count.");
};
const row = (table, cells) => {
  const line = table.tBodies[0].insertRow();
  for (const text of cells) line.insertCell().textContent = text;
};
const finish = () => {
  page("end");
  const { votes } = ballot(), percent = (value) => `${Math.round(100 * value)} %`;
  for (const id of ["pairs", "all"]) byId(id).tBodies[0].replaceChildren();
  for (const { first, second, wins, losses, ties } of count(votes)) {
    const [low, high] = wilson(wins, wins + losses);
    row(byId("pairs"), [`${first} over ${second}`, wins, losses, ties, wins + losses ? percent(wins / (wins + losses)) : "–", `${Math.round(100 * low)} to ${percent(high)}`]);
  }
  const KINDS = { pair: "", repeat: " (again)", identical: " (identical)" };
  for (const one of votes) row(byId("all"), [`${one.picture}${KINDS[one.kind]}`, one.left, one.right, { left: "A", right: "B", none: "no difference" }[one.choice], one.reason]);
  byId("check").textContent = check(votes);
  byId("done").focus();
};

byId("start").addEventListener("submit", (event) => {
  event.preventDefault();
  poll.rater = byId("rater").value.trim();
  poll.begun = true;
  kept.write(poll);
  if (window.innerWidth > 800) viewer.setMode("side"); else viewer.setMode("flip");
  viewer.state.zoom = window.innerWidth > 800 ? 1 : 0;
  go();
});
for (const button of document.querySelectorAll("[data-choice]")) button.addEventListener("click", () => vote(button.dataset.choice));
byId("back").addEventListener("click", () => { poll.votes.pop(); kept.write(poll); go(); });
byId("save").addEventListener("click", () => {
  const name = poll.rater.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "votes";
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(new Blob([JSON.stringify(ballot(), null, 1) + "\n"], { type: "application/json" })), download: `${name}.json`,
  });
  link.click();
  URL.revokeObjectURL(link.href);
});
byId("again").addEventListener("click", () => { kept.clear(); poll = fresh(); byId("rater").value = ""; go(); });
document.addEventListener("keydown", (event) => {
  if (byId("trial").hidden || typing(event)) return;
  const choice = { a: "left", n: "none", b: "right" }[event.key.toLowerCase()];
  if (choice && !event.repeat) vote(choice);
  else if (!choice && !viewer.key(event)) return;
  event.preventDefault();
});
if (poll.begun && window.innerWidth > 800) { viewer.setMode("side"); viewer.state.zoom = 1; } else if (poll.begun) viewer.setMode("flip");
go();
