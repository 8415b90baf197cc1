// What the page is told of itself: its project, examples, and its address for other devices.

const FACTS = "site.json"; // beside the page

/** Reads the facts; none where the page has no such server. */
export async function readFacts() {
  const response = await fetch(FACTS).catch(() => null);
  return response?.ok ? response.json() : {};
}

/** Links to the project. */
export function showProject(link, { project }) {
  link.hidden = !project;
  if (project) link.href = project;
}

/**
 * Says how another device opens the page.
 * @param {HTMLElement} place
 * @param {{lan?: string, qr?: string, hint?: string}} facts
 */
export function showAddress(place, { lan, qr, hint }) {
  place.hidden = !lan;
  if (!lan) return;
  const [link, notes, image] = ["a", ".detail", "img"].map((part) => place.querySelector(part));
  link.href = lan;
  link.textContent = lan;
  image.hidden = !qr;
  if (qr) image.src = qr;
  notes.textContent = [
    lan.startsWith("https:") ? "Its browser warns of the self-signed certificate once."
      : "Its browser gives the camera to no page over http: start the server with --https.",
    hint && `For a QR code: ${hint}`,
  ].filter(Boolean).join(" ");
}

/**
 * Offers those examples that the model has a class for.
 * @param {HTMLElement} place
 * @param {string[]} addresses Each named after its class.
 * @param {string[]} classNames
 * @param {(image: {name: string, source: Blob}) => void} take
 */
export function showExamples(place, addresses, classNames, take) {
  const known = addresses.map((address) => ({ address, name: address.match(/([^/]+)\.\w+$/)[1] }))
    .filter(({ name }) => classNames.includes(name));
  place.hidden = !known.length;
  place.querySelector("ul").replaceChildren(...known.map(({ address, name }) => {
    const [row, button, image] = ["li", "button", "img"].map((tag) => document.createElement(tag));
    Object.assign(image, { src: address, alt: `Example: ${name}`, width: 64, height: 64 });
    button.type = "button";
    button.append(image);
    button.addEventListener("click", async () => {
      const response = await fetch(address);
      take({ name: `Example ${name}`, source: await response.blob() });
    });
    row.append(button);
    return row;
  }));
}
