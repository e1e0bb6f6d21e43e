// The card of motifs: the classes of genomes over time, and what the frontier has more or less often than all candidates.

import { FEWEST } from "./counting.js";
import { el, put, scroller, svg } from "../parts/dom.js";
import { digits, percent, plural, whole } from "../parts/format.js";

const FIRST = 8; // rows of a table before "Show more"
const STEP = 40;
const STRIP = { width: 168, height: 18 };

const MEANING =
  "Each candidate counts once for a motif. The ratio is the motif's share of the frontier over its share of all " +
  "candidates that succeeded; the range is the 95\u202f% interval of the first share (Wilson). A motif of fewer than " +
  `${FEWEST} candidates on the frontier has none. Among many motifs some are far from 1 by chance.`;

const TABLES = {
  pairs: { title: "Neighbours: pairs of classes", write: sequence },
  triples: { title: "Neighbours: three classes in a row", write: sequence },
  links: { title: "Shared weights and features", write: link },
};

/** The card in one element. */
export class Motifs {
  /** @param {HTMLElement} place @param {(genome: string) => Object[]} read decodes a genome into LIVs */
  constructor(place, read) {
    this.place = place;
    this.read = read;
    this.limits = Object.fromEntries(["classes", ...Object.keys(TABLES)].map((kind) => [kind, FIRST]));
  }

  /** Count and show the motifs of these points. */
  async draw(points) {
    if (points === this.points && points.lastOutcome === this.last) return;
    [this.points, this.last] = [points, points.lastOutcome];
    this.counts = await this.#count(points);
    this.#show();
  }

  #count({ columns }) {
    const rows = columns.state.flatMap((state, row) => (state === "succeeded" ? [row] : []));
    this.worker ??= new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = () => reject(new Error("the motifs could not be counted; reload the page"));
      this.worker.postMessage({
        genomes: rows.map((row) => columns.genome[row]),
        best: Uint8Array.from(rows, (row) => Number(columns.frontier[row])),
        outcomes: Int32Array.from(rows, (row) => columns.outcome[row] ?? 0),
      });
    });
  }

  #show() {
    const { best, all, windows } = this.counts;
    if (all === 0) return put(this.place, el("p", { class: "small" }, "No candidate has succeeded yet."));
    const said = `${plural(best, "candidate")} on the frontier against all ${whole(all)} that succeeded.`;
    return put(
      this.place,
      el("p", { class: "small", id: "motifs-said" }, said),
      el("h3", {}, "Classes over time"),
      el("p", { class: "small" }, `${plural(windows.length, "window")} of equally many candidates, by outcome.`),
      this.#classes(windows),
      Object.keys(TABLES).map((kind) => this.#table(kind)),
      el("p", { class: "small" }, MEANING),
    );
  }

  #classes(windows) {
    const { classes } = this.counts;
    const most = Math.max(...classes.flatMap(({ shares }) => shares));
    const row = ({ id, shares, best }) =>
      el(
        "tr",
        { "data-class": id },
        el("th", { scope: "row" }, this.#chip(id)),
        el("td", {}, strip(shares, windows, most)),
        [shares[0], shares.at(-1), best].map((share) => el("td", { class: "numeric" }, percent(share, 0))),
      );
    const names = ["Class", "Share of the LIVs", "First window", "Last window", "Frontier"];
    return [table(names, 2, classes.slice(0, this.limits.classes).map(row)), this.#more("classes")];
  }

  #more(kind) {
    const { length } = this.counts[kind];
    const show = () => {
      this.limits[kind] += STEP;
      this.#show();
    };
    const text = `Show more of ${whole(length)}`;
    return length > this.limits[kind] && el("button", { type: "button", class: "quiet", on: { click: show } }, text);
  }

  #table(kind) {
    const { title, write } = TABLES[kind];
    const rows = this.counts[kind];
    const heading = el("h3", {}, title);
    if (rows.length === 0) return [heading, el("p", { class: "small" }, "None on the frontier.")];
    const body = rows.slice(0, this.limits[kind]).map((row) => this.#row(row, write));
    const names = ["Motif", "Frontier", "All", "Ratio", "Range"];
    return [heading, table(names, 1, body, { "data-kind": kind }), this.#more(kind)];
  }

  #row({ key, best, all, ratio, low, high }, write) {
    const counts = this.counts;
    const share = (count, total) => [whole(count), el("small", {}, ` ${percent(count / total, 0)}`)];
    const known = ratio !== null;
    const clear = known && (low > 1 || high < 1);
    return el(
      "tr",
      { "data-motif": key },
      el("th", { scope: "row" }, write(key, (id) => this.#chip(id))),
      el("td", { class: "numeric" }, share(best, counts.best)),
      el("td", { class: "numeric" }, share(all, counts.all)),
      el("td", { class: clear ? "numeric clear" : "numeric" }, known ? digits(ratio) : "too few"),
      el("td", { class: "numeric" }, known ? `${digits(low)} to ${digits(high)}` : "–"),
    );
  }

  #chip(id) {
    const [{ name, structure }] = this.read(`${id}.1.1.1.1`);
    const swatch = el("span", { class: "motif-swatch" });
    swatch.style.background = `var(--${structure})`;
    return el("span", { class: "motif-class" }, swatch, name);
  }
}

function sequence(key, chip) {
  return el("span", { class: "motif" }, key.split("-").map(chip));
}

function link(key, chip) {
  const [what, classes, apart] = key.split(":");
  const [from, to] = classes.split("-").map(chip);
  return el("span", { class: "motif" }, from, `shares its ${what} with`, to, el("small", {}, `${apart} later`));
}

function table(names, first, rows, attributes = {}) {
  const heads = names.map((name, n) => el("th", { scope: "col", class: n >= first ? "numeric" : null }, name));
  return scroller(
    names[0],
    el("table", { class: "motifs", ...attributes }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)),
  );
}

/** The share in each window as a bar; the highest share of any class fills the height. */
function strip(shares, windows, most) {
  const width = STRIP.width / shares.length;
  const bars = shares.map((share, n) => {
    const height = (share / most) * STRIP.height;
    const { from, to } = windows[n];
    const title = svg("title", {}, `outcomes ${whole(from)} to ${whole(to)}: ${percent(share, 1)}`);
    return svg("rect", { x: n * width, y: STRIP.height - height, width: width - 0.5, height }, title);
  });
  return svg("svg", { class: "motif-strip", ...STRIP, role: "img", "aria-label": "share of the LIVs over time" }, bars);
}
