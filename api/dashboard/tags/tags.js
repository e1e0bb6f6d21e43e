// Tags of searches: each is a link to the list of searches that have it.

import { el } from "../parts/dom.js";

/** A tag as a link to the searches that have it. */
export function tagLink(tag) {
  return el("a", { class: "tag", href: `/?tag=${encodeURIComponent(tag)}` }, tag);
}

/** The tags of a search as a list; null for a search without tags. */
export function tagList(job) {
  const items = job.tags.map((tag) => el("li", {}, tagLink(tag)));
  return items.length > 0 && el("ul", { class: "tags", "aria-label": "Tags" }, items);
}

export const HINT = "Separated by spaces; lower-case letters, digits and . _ : -";

/** A text field for tags. */
export function tagInput(attributes) {
  return el("input", { autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...attributes });
}

/** The tags in a text. */
export function tagsOf(text) {
  return text.split(/\s+/).filter(Boolean);
}
