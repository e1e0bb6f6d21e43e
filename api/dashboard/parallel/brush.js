// The controls of one axis: its name, its ticks, the selected range, and a handle at each end of the range.

import { el, put } from "../parts/dom.js";
import { metric } from "../parts/metrics.js";

const STEPS = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 };
const ENDS = { Home: 0, End: 1 };
const CLICK = 0.015; // a shorter stroke along the axis, as a share of its length, selects nothing

/** The elements of one axis, which stay the same while its values change, so that the focus stays too. */
export class Brush {
  /**
   * @param {string} name of the metric
   * @param {(range: [number|null, number|null]|null) => void} changed called with the new range; null for none
   */
  constructor(name, changed) {
    this.changed = changed;
    const { label, better } = metric(name);
    this.ticks = el("div", { class: "parallel-ticks", "aria-hidden": "true" });
    this.band = el("div", { class: "parallel-band" });
    this.limits = [0, 1].map(() => el("div", { class: "parallel-limit" }));
    this.handles = [0, 1].map((end) => this.#handle(end, `${label}, ${end ? "at most" : "at least"}`));
    this.track = el("div", { class: "parallel-track" }, this.band, this.limits, this.handles);
    this.track.addEventListener("pointerdown", (event) => this.#drag(event));
    this.element = el(
      "div",
      { class: "parallel-axis", role: "group", "aria-label": label, "data-metric": name },
      el("span", { class: "parallel-name" }, label),
      this.track,
      this.ticks,
      better && el("span", { class: "parallel-better", title: `${better} is better` }, "↓ better"),
    );
  }

  /**
   * Show an axis, the selected range on it and the plan's limits.
   * @param {import("./axis.js").Axis} axis
   * @param {[number|null, number|null]|undefined} range
   * @param {[number|null, number|null]} limits
   */
  show(axis, range, limits) {
    this.axis = axis;
    const [low, high] = range ?? [null, null];
    this.shares = [low === null ? 0 : clamped(axis.share(low)), high === null ? 1 : clamped(axis.share(high))];
    const { write } = metric(axis.name);
    this.handles.forEach((handle, end) => {
      handle.style.bottom = `${100 * this.shares[end]}%`;
      handle.setAttribute("aria-valuenow", Math.round(100 * this.shares[end]));
      handle.setAttribute("aria-valuetext", [low, high][end] === null ? "open" : write([low, high][end]));
    });
    this.element.classList.toggle("brushed", range !== undefined);
    this.band.style.bottom = `${100 * this.shares[0]}%`;
    this.band.style.top = `${100 * (1 - this.shares[1])}%`;
    this.limits.forEach((mark, end) => {
      const bound = limits[end] === null ? -1 : axis.share(limits[end]);
      mark.hidden = bound < 0 || bound > 1;
      mark.style.bottom = `${100 * bound}%`;
      mark.title = limits[end] === null ? "" : `limit of the plan: ${end ? "at most" : "at least"} ${write(limits[end])}`;
    });
    put(this.ticks, axis.ticks().map((value) => tick(axis, value, write)));
  }

  #handle(end, label) {
    const attributes = { role: "slider", tabindex: 0, "aria-orientation": "vertical", "aria-label": label };
    const keydown = (event) => this.#key(event, end);
    return el("div", {
      class: `parallel-handle parallel-handle-${end}`,
      ...attributes,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      on: { keydown },
    });
  }

  #key(event, end) {
    if (event.key === "Escape") return this.changed(null);
    const to = event.key in ENDS ? ENDS[event.key] : this.shares[end] + (STEPS[event.key] ?? NaN);
    if (Number.isNaN(to)) return undefined;
    event.preventDefault();
    const shares = [...this.shares];
    shares[end] = end ? Math.max(to, shares[0]) : Math.min(to, shares[1]);
    return this.#select(shares);
  }

  /** Follow the pointer: from a handle it moves that end, from elsewhere on the axis it selects a new range. */
  #drag(down) {
    down.preventDefault();
    const end = this.handles.indexOf(down.target);
    const start = end < 0 ? this.#shareAt(down) : this.shares[1 - end];
    if (end >= 0) this.handles[end].focus();
    this.track.setPointerCapture(down.pointerId);
    const move = (event) => {
      const at = this.#shareAt(event);
      if (end >= 0 || Math.abs(at - start) > CLICK) this.#select([Math.min(start, at), Math.max(start, at)]);
    };
    const up = (event) => {
      this.track.removeEventListener("pointermove", move);
      if (end < 0 && Math.abs(this.#shareAt(event) - start) <= CLICK) this.changed(null);
    };
    this.track.addEventListener("pointermove", move);
    this.track.addEventListener("pointerup", up, { once: true });
  }

  #shareAt({ clientY }) {
    const { top, height } = this.track.getBoundingClientRect();
    return clamped(1 - (clientY - top) / height);
  }

  #select([low, high]) {
    const value = (share) => Number(this.axis.value(share).toPrecision(6));
    const range = [low <= 0 ? null : value(low), high >= 1 ? null : value(high)];
    this.changed(range.every((end) => end === null) ? null : range);
  }
}

function tick(axis, value, write) {
  const line = el("span", { class: "parallel-tick" }, write(value));
  line.style.bottom = `${100 * axis.share(value)}%`;
  return line;
}

function clamped(share) {
  return Math.min(1, Math.max(0, share));
}
