// The card of workers and failures: who holds the search, how many workers it kept busy, and why candidates failed.

import { candidatePage, get, jobPath } from "../parts/api.js";
import { el, put } from "../parts/dom.js";
import { curve } from "../chart/lines.js";
import { plural, whole, words } from "../parts/format.js";
import { ago } from "../parts/time.js";

const PAGE = 20;

/** Units for the axis of time, longest first, and the seconds from which each is used. */
const UNITS = [
  { name: "days", seconds: 86_400, from: 4 * 86_400 },
  { name: "hours", seconds: 3600, from: 4 * 3600 },
  { name: "minutes", seconds: 60, from: 4 * 60 },
  { name: "seconds", seconds: 1, from: 0 },
];

/** The card in one element. */
export class Work {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.shown = PAGE;
  }

  /** Read and show what is known of a job's workers and failed candidates. */
  async draw(job) {
    this.job = job;
    const [{ runners }, workers, failed] = await Promise.all([
      get("/v1/runners"),
      get(`${jobPath(job.id)}/workers`),
      this.#failed(),
    ]);
    put(
      this.place,
      el("p", { id: "holder" }, holder(job, runners)),
      busyCurve(workers),
      el("h3", {}, "Failed candidates, latest first"),
      failed.rows.length > 0 ? this.#table(failed) : el("p", { class: "small" }, "None."),
    );
  }

  /** As many failed candidates as are shown, in pages, and whether there are more. */
  async #failed() {
    const rows = [];
    let token = null;
    do {
      const asked = new URLSearchParams({ state: "failed", sort: "-number", page_size: PAGE });
      if (token) asked.set("page_token", token);
      const page = await get(`${jobPath(this.job.id)}/candidates?${asked}`);
      rows.push(...page.candidates);
      token = page.next_page_token;
    } while (token && rows.length < this.shown);
    return { rows, more: token !== null };
  }

  #table({ rows, more }) {
    const names = ["Candidate", "Reason", "What happened", "When"];
    const heads = names.map((name) => el("th", { scope: "col" }, name));
    const show = () => {
      this.shown += PAGE;
      this.draw(this.job);
    };
    return [
      el(
        "div",
        { class: "scroll" },
        el(
          "table",
          { id: "failed" },
          el("thead", {}, el("tr", {}, heads)),
          el("tbody", {}, rows.map((row) => failedRow(this.job.id, row))),
        ),
      ),
      more && el("button", { type: "button", class: "quiet", on: { click: show } }, `Show more of ${whole(this.job.failed)}`),
    ];
  }
}

function failedRow(id, { number, failure, detail, finished_at: at }) {
  return el(
    "tr",
    { "data-number": number },
    el("th", { scope: "row" }, el("a", { href: candidatePage(id, number) }, `${number}`)),
    el("td", {}, words(failure)),
    el("td", { class: "failed-detail" }, detail || "–"),
    el("td", {}, ago(at)),
  );
}

function holder(job, runners) {
  const runner = runners.find(({ jobs }) => jobs.includes(job.id));
  if (!runner) return "No runner holds this search.";
  return `Runner ${runner.name} holds this search. ${whole(job.workers_busy)} of its ${plural(runner.workers, "worker")} train for it.`;
}

function busyCurve({ begin, end, busy }) {
  const seconds = (new Date(end) - new Date(begin)) / 1000;
  const unit = UNITS.find(({ from }) => seconds >= from);
  const points = busy.map((workers, n) => [((n + 0.5) / busy.length) * (seconds / unit.seconds), workers]);
  const title = `Busy workers over ${unit.name} since the start`;
  const names = { label: title, x: `${unit.name} since the start`, y: "busy workers", fromZero: true };
  return seconds > 0 && el("div", { id: "busy" }, el("h3", {}, title), curve(points, names));
}
