// One stream says when to look. What is shown is the same page, asked for again: parts marked data-live are
// replaced where they stand, rows are renewed in place, and new rows wait until somebody wants them.
import { tell } from "./times.js";

const POLL_MS = 5000;
let looking = false;
let source;
let poll;

const lost = (text) => {
  const note = document.getElementById("lost");
  if (note.hidden === !text && note.textContent === text) return;
  note.hidden = !text;
  note.textContent = text;
};

const busy = (part) => part.contains(document.activeElement) && document.activeElement !== document.body;

// what somebody has typed, or was just told, stays
const touched = (part) => part.querySelector(".said")
  || [...part.querySelectorAll("input:not([type=hidden]), textarea")]
    .some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);

// an action is meant for what is shown, and that has just been renewed
function renewVersions(part, next) {
  const version = next.querySelector("input[name=version]")?.value;
  if (version) for (const field of part.querySelectorAll("input[name=version]")) field.value = version;
}

function renewParts(page) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = page.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!next) continue;
    if (busy(part) || touched(part)) { renewVersions(part, next); continue; }
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.closest("[id]")?.id);
    tell(next);
    if (part.innerHTML === next.innerHTML && part.className === next.className) continue;
    for (const id of open) next.querySelector(`[id="${id}"] details`)?.setAttribute("open", "");
    part.replaceChildren(...next.childNodes);
    part.className = next.className;
  }
}

function renewRows(page) {
  const list = document.querySelector("[data-rows]");
  const next = page.querySelector("[data-rows]");
  if (!next || (!list && !next.rows.length)) return;
  let fresh = 0;
  for (const row of next.querySelectorAll(":scope > tr")) {
    const here = list && document.getElementById(row.id);
    if (!here) { fresh += 1; continue; }
    for (const [n, cell] of [...row.cells].entries()) {
      const old = here.cells[n];
      tell(cell);
      if (cell.classList.contains("pick") || busy(old) || old.innerHTML === cell.innerHTML) continue;
      old.replaceChildren(...cell.childNodes);
      if (n === 1) { old.classList.remove("changed"); void old.offsetWidth; old.classList.add("changed"); }
    }
  }
  const note = document.getElementById("fresh");
  if (!note || new URLSearchParams(location.search).has("cursor")) return;
  note.hidden = fresh === 0;
  if (fresh === 0) return;
  const show = document.createElement("a");
  show.href = location.href.split("#")[0];
  show.textContent = `${fresh} new, show`;
  if (note.textContent !== show.textContent) note.replaceChildren(show);
}

async function look() {
  if (looking || document.hidden || !document.querySelector("[data-live]")) return;
  looking = true;
  try {
    const answer = await fetch(document.body.dataset.page, { headers: { "valerix-live": "1" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    renewParts(page);
    renewRows(page);
    if (poll) lost(`Live updates are lost; this page looks again every ${POLL_MS / 1000} seconds.`);
  } catch {
    lost("The service does not answer; what you see may be old. This page goes on trying.");
  } finally {
    looking = false;
  }
}

function open() {
  source = new EventSource("/console/live");
  source.addEventListener("look", look);
  source.onopen = () => { lost(""); clearInterval(poll); poll = undefined; };
  source.onerror = () => {
    lost(`Live updates are lost; this page looks again every ${POLL_MS / 1000} seconds.`);
    poll ??= setInterval(() => {
      look();
      if (source.readyState === EventSource.CLOSED) { source.close(); open(); }
    }, POLL_MS);
  };
}

export function live() {
  // a browser has few connections to one host: a page that nobody sees gives its one back
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); clearInterval(poll); poll = undefined; } else { open(); look(); }
  });
  addEventListener("pagehide", () => source?.close());
  if (!document.hidden) open();
}
