// The filters of listed candidates: state, kind of failure, a class that they contain, the frontier.

import { el, put } from "../parts/dom.js";
import { words } from "../parts/format.js";

const STATES = ["running", "succeeded", "failed", "cancelled"];

/**
 * Draw the filters, unless a person is using them.
 * @param {HTMLFormElement} place
 * @param {Object<string, string>} chosen parameters of the address
 * @param {{name: string}[]} classes those of the search
 * @param {string[]} failures kinds of failures
 * @param {(changes: Object<string, string>) => void} go is called with the parameter that a person changed
 */
export function drawFilters(place, chosen, classes, failures, go) {
  if (place.dataset.shown === JSON.stringify(chosen)) return;
  place.dataset.shown = JSON.stringify(chosen);
  const focused = document.activeElement?.id;
  const names = classes.map(({ name }) => name).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const tick = el("input", {
    type: "checkbox",
    id: "only-frontier",
    checked: chosen.frontier === "true",
    on: { change: ({ target }) => go({ frontier: target.checked ? "true" : "" }) },
  });
  put(
    place,
    choice("state", "State", STATES, chosen, go),
    choice("failure", "Failed because", failures, chosen, go),
    choice("contains", "Contains class", names, chosen, go),
    el("label", { class: "tick" }, tick, "On the frontier"),
  );
  if (focused) document.getElementById(focused)?.focus();
}

function choice(name, label, values, chosen, go) {
  const change = ({ target }) => go({ [name]: target.value });
  const options = values.map((value) => el("option", { value, selected: chosen[name] === value }, words(value)));
  // An id and no name: a control by the name of a member, such as "contains", hides that member of its form.
  const select = el("select", { id: `only-${name}`, on: { change } }, el("option", { value: "" }, "any"), options);
  return el("label", {}, label, select);
}
