// The honest finish on the page of one candidate: its means beside those of each baseline, and which leads are clear.

import { get, jobPath } from "../parts/api.js";
import { byId, el, put, scroller } from "../parts/dom.js";
import { paced } from "../parts/events.js";
import { errorOf, metric, predicted, written } from "../parts/metrics.js";
import { comparisonMark } from "./finish.js";
import { READING, seedsOf } from "./words.js";

const MEANS = "The numbers are means over these seeds ± one standard error.";

/**
 * The card of a candidate's part in the honest finish, hidden while it has none.
 * @param {string} id of the job
 * @param {number} number of the candidate
 * @returns {{refresh: (objectives: string[]) => Promise<void>}} `refresh` reads the finish again
 */
export function ownFinish(id, number) {
  let objectives = [];
  const refresh = paced(async () => {
    const found = await get(`${jobPath(id)}/finish`).catch(() => null);
    const own = found?.finalists.find((one) => one.number === number);
    byId("finish-card").hidden = !own;
    if (own) put(byId("finish"), content(own, found, objectives));
  });
  return {
    refresh(names) {
      objectives = names;
      return refresh();
    },
  };
}

function content(own, { seeds, finalists }, objectives) {
  const known = `Trained again from scratch on seeds that the search never used (${seedsOf(own, seeds)}). `;
  if (own.seeds === 0) return el("p", {}, known);
  const bases = finalists.filter(({ number }) => own.against.some(({ baseline }) => baseline === number));
  const role = own.baseline && "This candidate is a baseline: the winners are compared with it. ";
  return [
    el("p", {}, known, role, MEANS),
    scroller("Honest finish", bases.length > 0 ? compared(own, bases, objectives) : alone(own, objectives)),
    bases.length > 0 && el("p", { class: "small finish-reading" }, READING),
  ];
}

function alone(own, objectives) {
  const row = (name) => el("tr", {}, head(name), numeric(written(name, own.metrics)));
  return el("table", { class: "finish-alone" }, heads("Objective", "Mean"), el("tbody", {}, objectives.map(row)));
}

function compared(own, bases, objectives) {
  const row = (base, name) => {
    const one = own.against.find((each) => each.baseline === base.number && each.metric === name);
    return el(
      "tr",
      { "data-metric": name },
      head(name),
      [written(name, own.metrics), written(name, base.metrics), difference(name, one)].map(numeric),
      numeric(comparisonMark(one, base.metrics)),
    );
  };
  return bases.map((base) =>
    el(
      "table",
      { class: "finish-own", "data-baseline": base.number },
      heads(`Against ${base.baseline}`, "This candidate", base.baseline, "Difference", "Is it better?"),
      el(
        "tbody",
        {},
        objectives.map((name) => row(base, name)),
      ),
    ),
  );
}

function heads(...names) {
  const cells = names.map((name, n) => el("th", { scope: "col", class: n ? "numeric" : null }, name));
  return el("thead", {}, el("tr", {}, cells));
}

function numeric(content) {
  return el("td", { class: "numeric" }, content);
}

function head(name) {
  return el("th", { scope: "row" }, metric(name).label);
}

/** A difference with its sign and its standard error. */
function difference(name, { difference: value, stderr }) {
  if (value === 0 && predicted().includes(name)) return "0";
  const text = written(name, { [name]: Math.abs(value), [errorOf(name)]: stderr });
  return `${value < 0 ? "\u2212" : "+"}${text}`;
}
