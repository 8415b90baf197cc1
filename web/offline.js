// The page's side of service_worker.js.

/**
 * Keeps an exported page for offline use.
 * @param {(text: string) => void} tell Called when it can be opened offline.
 */
export async function keepOffline(tell) {
  const workers = navigator.serviceWorker;
  if (!workers) return; // over http from another machine, or switched off
  // The page's own files are in the folder of their version, see web_export.py.
  await workers.register("../service_worker.js", { updateViaCache: "none" });
  await workers.ready;
  tell("This page opens without a network from now on.");
}
