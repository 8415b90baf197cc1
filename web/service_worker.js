// Keeps an exported page for offline use: all files of one export, from the first visit on.
//
// Another export is another file than this one, which browsers look for at each visit. All its
// files are fetched, each held to its digest, before it takes over, and it takes over only where
// nothing of the older one is open. So the files of two exports never meet.

// Both lines are filled in by trash-keras demo --export: files by address, with their digests.
const VERSION = "";
const FILES = {};

const START = "./"; // index.html
const SCOPE = self.registration.scope;
const PREFIX = `trash_keras ${SCOPE} `; // other pages of the same server have caches of their own
const CACHE = PREFIX + VERSION;

self.addEventListener("install", (event) => event.waitUntil(VERSION ? keep() : self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(VERSION ? tidy() : leave()));

self.addEventListener("fetch", (event) => {
  const address = event.request.url.replace(/[?#].*/s, "");
  const name = address.startsWith(SCOPE) ? address.slice(SCOPE.length) : null;
  const asked = name === "" || name === "index.html" ? START : name;
  if (event.request.method === "GET" && Object.hasOwn(FILES, asked)) {
    event.respondWith(answer(asked));
  }
});

self.addEventListener("message", (event) => event.waitUntil(takeOver(event)));

async function takeOver({ ports: [port] }) {
  const alone = (await pages()).length === 1;
  port.postMessage(alone);
  if (alone) self.skipWaiting(); // to wait for its end would be to wait for oneself
}

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(Object.keys(FILES).map(request));
}

/** What is fetched is asked for anew, and refused where it is not of this version. */
function request(name) {
  return new Request(name, { cache: "no-cache", integrity: FILES[name] });
}

async function answer(name) {
  const cache = await caches.open(CACHE);
  return await cache.match(name) ?? fetch(request(name));
}

async function tidy() {
  const old = (await caches.keys()).filter((key) => key.startsWith(PREFIX) && key !== CACHE);
  await Promise.all(old.map((key) => caches.delete(key)));
}

/** Ends it all where trash-keras demo serves at an address that an exported page had before. */
async function leave() {
  await tidy();
  await self.registration.unregister();
  await Promise.all((await pages()).map((page) => page.navigate(page.url)));
}

/** The windows that show this page, whichever version it is of. */
async function pages() {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return all.filter(({ url }) => url.startsWith(SCOPE));
}
