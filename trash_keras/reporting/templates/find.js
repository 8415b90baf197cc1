"use strict";
// A field above each long table leaves only the rows that contain what is typed.
for (const field of document.querySelectorAll(".find")) {
  const rows = [...field.nextElementSibling.querySelectorAll("tbody tr")];
  const found = field.querySelector("output");
  field.hidden = false;
  field.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    found.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  });
}
