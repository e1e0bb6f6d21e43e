// The export of a candidate: it is made on request and then offered as a download.

import { jobPath, post } from "../parts/api.js";
import { el, put } from "../parts/dom.js";

/** Why a candidate cannot be exported, by the place of its weights. */
const REASONS = {
  here: "",
  not_kept: "Its weights are not kept: only baselines and candidates on the frontier keep their weights.",
  elsewhere:
    "Its weights are kept, but not in this server's store of artifacts. " +
    "The server and the runners must share one (STAR_ARTIFACTS).",
};

/** Draw the export button into `place`. */
export function drawExport(place, jobId, candidate) {
  const button = el(
    "button",
    { type: "button", class: "primary", id: "export-button", disabled: candidate.weights_place !== "here" },
    "Export the model",
  );
  const status = el("p", { class: "small", role: "status" }, REASONS[candidate.weights_place]);
  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = "Preparing the files…";
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
      status.textContent = problem.message;
    }
  });
  put(place, button, status);
}

function contents(made) {
  return el("p", { class: "small", role: "status" }, made.files.join(", "));
}

/** The download as a path of this server, whichever host the answer names. */
function localPath(url) {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}
