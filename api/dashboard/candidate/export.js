// The export of a candidate: it is made on request, in a format that is chosen, and then offered as a download.

import { get, jobPath, post } from "../parts/api.js";
import { el, put } from "../parts/dom.js";

/** Why a candidate cannot be exported, by the place of its weights. */
const REASONS = {
  here: "",
  not_kept: "Its weights are not kept: only baselines and candidates on the frontier keep their weights.",
  elsewhere:
    "Its weights are kept, but not in this server's store of artifacts. " +
    "The server and the runners must share one (STAR_ARTIFACTS).",
};

let known = null;

/** The formats of exports, asked for once. Without an answer there is the default of the server. */
function formats() {
  known ??= get("/v1/formats").then(
    (found) => found.formats,
    () => [],
  );
  return known;
}

/** Draw the export button, and a choice of the format beside it, into `place`. */
export function drawExport(place, jobId, candidate) {
  const disabled = candidate.weights_place !== "here";
  const button = el("button", { type: "button", class: "primary", id: "export-button", disabled }, "Export the model");
  const choice = el("select", { id: "export-format", "aria-label": "Format", disabled, hidden: true });
  const action = el("span", {}, button);
  const status = el("p", { class: "small", role: "status" }, REASONS[candidate.weights_place]);
  const about = el("p", { class: "small", id: "export-about" });
  button.addEventListener("click", async () => {
    button.disabled = choice.disabled = true;
    status.textContent = "Preparing the files…";
    try {
      const chosen = choice.value ? `?format=${encodeURIComponent(choice.value)}` : "";
      const made = await post(`${jobPath(jobId)}/candidates/${candidate.number}/export${chosen}`);
      put(action, link(made));
      status.textContent = made.files.join(", ");
    } catch (problem) {
      status.textContent = problem.message;
    }
    button.disabled = choice.disabled = false;
  });
  put(place, el("div", { class: "export-row" }, choice, action), about, status);
  if (!disabled) formats().then((found) => offer(found, choice, about, () => put(action, button) && put(status)));
}

/** Offer the formats, if there are several, and tell of the chosen one; `changed` is called after each choice. */
function offer(found, choice, about, changed) {
  if (found.length < 2) return;
  put(choice, ...found.map(({ name }) => el("option", { value: name }, name)));
  choice.hidden = false;
  const tell = () => {
    const { description, needs } = found[choice.selectedIndex];
    about.textContent = `${description}. Loading it needs ${needs.join(", ") || "nothing"}.`;
  };
  choice.addEventListener("change", () => {
    tell();
    changed();
  });
  tell();
}

function link({ download }) {
  return el("a", { class: "button primary", id: "download", href: localPath(download), download: true }, "Download (zip)");
}

/** The download as a path of this server, whichever host the answer names. */
function localPath(url) {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}
