// The export of a candidate: it is made on request and then offered as a download.

import { jobPath, post } from "../parts/api.js";
import { el, put } from "../parts/dom.js";

/** Draw the export button into `place`. */
export function drawExport(place, jobId, candidate) {
  const button = el(
    "button",
    { type: "button", class: "primary", id: "export-button", disabled: !candidate.weights },
    "Export the model",
  );
  const said = el("p", { class: "small", role: "status" });
  if (!candidate.weights) said.textContent = "Its weights were not kept: only the frontier and baselines keep theirs.";
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "Preparing the files…";
    try {
      const made = await post(`${jobPath(jobId)}/candidates/${candidate.number}/export`);
      put(
        place,
        el(
          "a",
          { class: "button primary", id: "download", href: localPath(made.download), download: true },
          "Download (zip)",
        ),
        contents(made),
      );
    } catch (problem) {
      button.disabled = false;
      said.textContent = problem.message;
    }
  });
  put(place, button, said);
}

function contents(made) {
  return el("p", { class: "small", role: "status" }, made.files.join(", "));
}

/** The download as a path of this server, whichever host the answer names. */
function localPath(url) {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}
