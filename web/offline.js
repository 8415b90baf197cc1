// The page's side of service_worker.js.

const workers = navigator.serviceWorker; // none over http from another machine, or switched off
const PATIENCE = 3000; // milliseconds for the older version to end its work

/**
 * Starts a newer version of the page that was kept meanwhile, unless another window is open.
 * @param {() => boolean} isUsed Whether a reload would lose something.
 */
export async function startNewest(isUsed) {
  const registration = await workers?.getRegistration();
  if (!registration?.waiting || !workers.controller) return;
  const changed = new Promise((resolve) => {
    workers.addEventListener("controllerchange", () => resolve(true), { once: true });
  });
  const { port1, port2 } = new MessageChannel();
  const taken = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
  registration.waiting.postMessage("take over", [port2]);
  const late = new Promise((resolve) => { setTimeout(() => resolve(false), PATIENCE); });
  // Later it still reloads, but not what is in use: that has been loaded as a whole by then.
  changed.then(() => isUsed() || location.reload());
  const starts = await Promise.race([late, taken.then((yes) => yes && changed)]);
  if (starts) await new Promise(() => {}); // nothing of this version goes on
}

/**
 * Keeps the page for offline use.
 * @param {(text: string) => void} tell Called when it can be opened offline.
 */
export async function keepOffline(tell) {
  await workers?.register("service_worker.js", { updateViaCache: "none" });
  await workers?.ready;
  if (workers) tell("This page opens without a network from now on.");
}
