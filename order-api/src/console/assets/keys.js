// "/" search, "j k" move, Enter open, "x" select, "g" and a letter go, "?" help.
const places = { o: "", l: "/orders", h: "/health", c: "/chaos", s: "/stock", n: "/new", a: "/audit" };
let before = "";

const rows = () => [...document.querySelectorAll("[data-rows] > tr")];

function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.classList.contains("here"));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  all[at]?.classList.remove("here");
  next.classList.add("here");
  next.querySelector("a[href]")?.focus();
  next.scrollIntoView({ block: "nearest" });
}

function press(event) {
  const key = event.key;
  if (key === "/") document.getElementById("search")?.focus();
  else if (key === "j") move(1);
  else if (key === "k") move(-1);
  else if (key === "x") document.querySelector("tr.here input[type=checkbox]")?.click();
  else if (key === "Enter" && event.target === document.body) document.querySelector("tr.here a[href]")?.click();
  else if (key === "?") document.getElementById("keys")?.showModal();
  else if (before === "g" && key in places) location.assign(`/console${places[key]}`);
  else { before = key; return; }
  before = "";
  if (key !== "Enter" && key !== "x") event.preventDefault();
}

export function keys() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key === "Escape" && event.target.id === "search") event.target.blur();
      return;
    }
    press(event);
  });
}
