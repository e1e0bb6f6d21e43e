// The dialog in which a search gets another name and other tags.

import { jobPath, patch } from "../parts/api.js";
import { el, put } from "../parts/dom.js";
import { HINT, tagInput, tagsOf } from "./tags.js";

/**
 * Open the dialog.
 * @param {Object} job
 * @param {(job: Object) => void} changed called with the changed search
 */
export function editSearch(job, changed) {
  const name = el("input", { id: "edit-name", required: true, maxlength: 200, autocomplete: "off", value: job.name });
  const tags = tagInput({ id: "edit-tags", "aria-describedby": "edit-hint", value: job.tags.join(" ") });
  const fault = el("p", { class: "fault", role: "alert" });
  const dialog = el("dialog", { id: "edit", "aria-labelledby": "edit-title" });
  const send = async (event) => {
    event.preventDefault();
    try {
      const change = { name: name.value.trim(), tags: tagsOf(tags.value) };
      changed(await patch(jobPath(job.id), change));
      dialog.close();
    } catch (problem) {
      put(fault, inWords(problem, tagsOf(tags.value)));
    }
  };
  put(
    dialog,
    el(
      "form",
      { on: { submit: send } },
      el("header", {}, el("h2", { id: "edit-title" }, "Name and tags")),
      el(
        "div",
        { class: "edit-fields" },
        el("label", { for: "edit-name" }, "Name"),
        name,
        el("label", { for: "edit-tags" }, "Tags"),
        tags,
        el("p", { id: "edit-hint", class: "small" }, HINT),
      ),
      el(
        "footer",
        {},
        fault,
        el("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel"),
        el("button", { type: "submit", class: "primary" }, "Save"),
      ),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** A problem in words; a fault of a tag names the tag. */
function inWords(problem, tags) {
  const at = problem.errors?.[0]?.pointer?.match(/^\/tags\/(\d+)$/);
  return at ? `“${tags[at[1]]}” is no tag.` : problem.message;
}
