// The page's side of service_worker.js.

/**
 * Keeps the page for offline use, or starts a newer version that was kept meanwhile.
 * @param {(text: string) => void} tell Called when it can be opened offline.
 */
export async function keepOffline(tell) {
  const workers = navigator.serviceWorker;
  if (!workers) return; // over http from another machine, or switched off
  const registration = await workers.register("service_worker.js", { updateViaCache: "none" });
  if (registration.waiting && workers.controller) {
    // Right at the start: nothing that could be lost is on the page yet.
    workers.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting.postMessage("take over");
  }
  await workers.ready;
  tell("This page opens without a network from now on.");
}
