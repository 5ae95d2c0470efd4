// Relative times go on counting, by the server's clock.
const began = performance.now();
const served = Number(document.body.dataset.now) || Date.now();

export function words(ms) {
  const s = Math.abs(ms) / 1000;
  const n = (value, unit) => `${Math.floor(value)} ${unit}`;
  const text = s < 120 ? n(s, "s") : s < 7200 ? n(s / 60, "min") : s < 172800 ? n(s / 3600, "h") : n(s / 86400, "days");
  if (s < 1) return "now";
  return ms >= 0 ? `${text} ago` : `in ${text}`;
}

export function tell(root = document) {
  const now = served + (performance.now() - began);
  for (const time of root.querySelectorAll("time[datetime]")) {
    const text = words(now - Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

export function times() {
  tell();
  setInterval(tell, 1000);
}
