// Keeps an exported page for offline use, from the first visit on.
//
// All files of an export but index.html lie in a folder that is named by their content, so those of
// two exports never meet. A newer export is another file than this one, which browsers look for at
// each visit: all of it is fetched, each file held to its digest, and the next start is of it.

// Both lines are filled in by trash-keras demo --export: files by address, with their digests.
const VERSION = "";
const FILES = {};

const START = "./"; // index.html
const IN_A_VERSION = /^[0-9a-f]{16}\//;
const SCOPE = self.registration.scope;
const PREFIX = `trash_keras ${SCOPE} `; // other pages of the same server have caches of their own
const CACHE = PREFIX + VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(VERSION ? keep() : Promise.resolve());
  self.skipWaiting(); // an open page keeps its files: they have other addresses
});
self.addEventListener("activate", (event) => event.waitUntil(VERSION ? tidy() : leave()));

self.addEventListener("fetch", (event) => {
  const address = event.request.url.replace(/[?#].*/s, "");
  const name = address.startsWith(SCOPE) ? address.slice(SCOPE.length) : null;
  if (!VERSION || name === null || event.request.method !== "GET") return;
  if (name === "" || name === "index.html") {
    event.respondWith(answer(SCOPE));
    event.waitUntil(tidy());
  } else if (IN_A_VERSION.test(name)) {
    event.respondWith(answer(address));
  }
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(Object.entries(FILES).map(
    ([name, integrity]) => new Request(name, { cache: "no-cache", integrity })));
}

async function answer(address) {
  // The start is that of this version; other addresses are of whichever version the page is.
  const kept = await caches.match(address, address === SCOPE ? { cacheName: CACHE } : {});
  return kept ?? fetch(address);
}

/** Forgets older versions, once no page is open that may be of one. */
async function tidy() {
  if ((await pages()).length) return;
  await forget((key) => key !== CACHE);
}

/** Ends it all where trash-keras demo serves at an address that an exported page had before. */
async function leave() {
  await forget(() => true);
  await self.registration.unregister();
  await Promise.all((await pages()).map((page) => page.navigate(page.url)));
}

async function forget(isOld) {
  const old = (await caches.keys()).filter((key) => key.startsWith(PREFIX) && isOld(key));
  await Promise.all(old.map((key) => caches.delete(key)));
}

/** The windows that show this page, whichever version it is of. */
async function pages() {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return all.filter(({ url }) => url.startsWith(SCOPE));
}
