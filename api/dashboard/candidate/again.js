// Another attempt at a failed candidate, which a person asks for while its search goes on.

import { jobPath, post } from "../parts/api.js";
import { el, put } from "../parts/dom.js";

const ASKED = "A worker will train it again from the beginning, with another seed.";

/** Draw the button into `place`, or nothing for a candidate that has not failed or whose search has ended. */
export function drawAgain(place, jobId, candidate, live) {
  if (candidate.state !== "failed" || !live) {
    put(place);
    return;
  }
  const status = el("span", { class: "small", role: "status" });
  const button = el("button", { type: "button", class: "quiet", id: "again-button" }, "Train it again");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await post(`${jobPath(jobId)}/candidates/${candidate.number}/retry`);
      status.textContent = ASKED;
    } catch (problem) {
      button.disabled = false;
      status.textContent = problem.message;
    }
  });
  put(place, button, " ", status);
}
