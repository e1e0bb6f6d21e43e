// The choice of the metric on each axis and of the metric shown as colour, and of logarithmic axes.

import { readAddress, writeAddress } from "../parts/address.js";
import { byId, el, put } from "../parts/dom.js";
import { metric, offered, spansDecades } from "../parts/metrics.js";

const ROLES = { x: "Across", y: "Up", colour: "Colour" };
const NO_COLOUR = "none";

/**
 * The axes that the page's address names, or else the first objective up, the second across, the third as colour.
 * @returns {{x: string, y: string, colour: string, log: {x: ?boolean, y: ?boolean, colour: ?boolean}}}
 *   a `log` of null follows from the data
 */
export function firstAxes(objectives) {
  const address = readAddress();
  const log = (role) => ({ 1: true, 0: false })[address[`${role}log`]] ?? null;
  return {
    x: address.x ?? objectives[1] ?? "number",
    y: address.y ?? objectives[0],
    colour: address.colour ?? objectives[2] ?? NO_COLOUR,
    log: { x: log("x"), y: log("y"), colour: null },
  };
}

/** Whether an axis is logarithmic: as a person chose, or else whether its values span decades. */
export function isLog(axes, role, values) {
  return axes.log[role] ?? spansDecades(values);
}

/** Draw the choosers; `changed` is called after `axes` was changed in place. */
export function drawAxes(place, axes, points, objectives, shownLog, changed) {
  const names = [...offered(Object.keys(points.columns.metrics), objectives), "number"];
  // The choosers are drawn only when something changed, because a list may be open.
  const shown = JSON.stringify([axes, names, shownLog]);
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  const focus = document.activeElement?.id;
  const choosers = Object.keys(ROLES).map((role) => chooser(role, axes, names, shownLog, changed));
  put(place, choosers);
  if (focus?.startsWith("axis-")) byId(focus)?.focus();
}

function chooser(role, axes, names, shownLog, changed) {
  const pick = (event) => {
    axes[role] = event.target.value;
    axes.log[role] = null;
    writeAddress({ [role]: axes[role], [`${role}log`]: null });
    changed();
  };
  const choices = role === "colour" ? [NO_COLOUR, ...names.filter((name) => name !== "number")] : names;
  const options = choices.map((name) => el("option", { value: name, selected: name === axes[role] }, title(name)));
  const select = el("select", { id: `axis-${role}`, on: { change: pick } }, options);
  const toggle = (event) => {
    axes.log[role] = event.target.checked;
    writeAddress({ [`${role}log`]: event.target.checked ? 1 : 0 });
    changed();
  };
  const box = el("input", {
    type: "checkbox",
    id: `axis-${role}-log`,
    checked: shownLog[role],
    on: { change: toggle },
  });
  const log = role !== "colour" && el("label", { class: "log", title: "logarithmic" }, box, "log");
  return el("div", { class: "axis" }, el("label", { for: `axis-${role}` }, ROLES[role]), select, log);
}

/** The title of an axis that shows a metric, the order of proposal, or nothing. */
export function title(name) {
  if (name === NO_COLOUR) return "None";
  return name === "number" ? "Order of proposal" : metric(name).label;
}
