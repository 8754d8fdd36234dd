// Pages work without this: it shows a change of a form at once, and what has happened meanwhile.
const EVERY = 3000;
let latest = 0;

const swap = (text) => {
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.outerHTML === part.dataset.seen || part.contains(document.activeElement)) continue;
    const open = [...part.querySelectorAll("details")].map((one) => one.open);
    const seen = fresh.outerHTML;
    part.replaceWith(fresh);
    fresh.dataset.seen = seen;
    fresh.querySelectorAll("details").forEach((one, i) => { one.open = open[i] ?? false; });
  }
};

const refresh = async (address, settings) => {
  const mine = ++latest;
  const reply = await fetch(address, settings);
  const text = await reply.text();
  if (mine !== latest) return reply;  // a later change is on its way
  if (reply.ok) swap(text);
  return reply;
};

const gone = (is) => document.documentElement.classList.toggle("gone", is);

for (const form of document.querySelectorAll("form[data-now]")) {
  form.classList.add("now");
  let waiting;
  const change = () => {
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const address = `${location.pathname}?${new URLSearchParams(fields)}`;
    history.replaceState(null, "", address);
    refresh(address);
  };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(change, 200); });
  form.addEventListener("submit", (event) => { event.preventDefault(); change(); });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  document.activeElement.blur();
  const reply = await refresh(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!reply.ok) form.submit();  // shows what is wrong
});

for (const place of document.querySelectorAll("[data-load]")) {
  fetch(place.dataset.load).then((reply) => reply.text()).then((text) => {
    const found = new DOMParser().parseFromString(text, "text/html").getElementById("section");
    if (found) place.replaceChildren(...found.childNodes);
  });
}

const look = async () => {
  const live = document.querySelector("[data-live]"), begun = performance.now();
  if (live && !document.hidden) {
    await refresh(live.dataset.live || location.href).then(() => gone(false), () => gone(true));
  }
  setTimeout(look, Math.max(EVERY, 10 * (performance.now() - begun)));  // a long page is made less often
};
setTimeout(look, EVERY);
