// The zoom of the frontier chart: a box that the pointer draws selects a part, a double click shows all again.

import { svg } from "../parts/dom.js";

const LEAST = 10; // pixels; a box that is narrower keeps the whole width, and one that is lower the whole height
const CLOSEST = 1e-8; // the span of a zoomed scale as a share of its end; rounding would show in a closer one
const TOUCH = matchMedia("(pointer: coarse)"); // a finger scrolls the page

/** The part of the data that a chart shows. */
export class Zoom {
  /**
   * @param {HTMLElement} place the chart
   * @param {() => void} changed called when another part is to be shown
   */
  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
    this.box = svg("rect", { class: "box", visibility: "hidden" });
    this.part = null;
    this.dragging = false; // whether a box is being drawn
    place.addEventListener("pointerdown", (event) => this.#drag(event));
    place.addEventListener("dblclick", () => this.#show(null));
  }

  /**
   * The scales to show. A zoom is kept while the key stays the same.
   * @param {string} key of the axes
   * @param {{x: import("../chart/scale.js").Scale, y: import("../chart/scale.js").Scale}} whole of all data
   */
  scales(key, whole) {
    if (key !== this.key) this.part = null;
    this.key = key;
    return this.part ?? whole;
  }

  /** Take the frame in which boxes are drawn from now on. */
  within(frame) {
    this.frame = frame;
  }

  #show(part) {
    this.part = part;
    this.changed();
  }

  #drag(down) {
    const start = this.#at(down);
    if (down.button !== 0 || TOUCH.matches || !this.frame?.holds(...start)) return;
    const events = new AbortController();
    const listen = (kind, listener) => this.place.addEventListener(kind, listener, { signal: events.signal });
    const end = () => {
      events.abort();
      this.#draw(null);
    };
    this.place.setPointerCapture(down.pointerId);
    listen("pointercancel", end);
    listen("pointermove", (event) => this.#draw(this.#sides(start, this.#at(event))));
    listen("pointerup", (event) => {
      end();
      const sides = this.#sides(start, this.#at(event));
      if (sides) this.#zoom(sides);
    });
  }

  /** The place of an event in pixels of the chart. */
  #at({ clientX, clientY }) {
    const { left, top } = this.place.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  /** The ends of a box between two places, as shares of the scales; null if it is too small. */
  #sides(from, to) {
    const wide = from.map((_, side) => Math.abs(to[side] - from[side]) >= LEAST);
    if (!wide.some(Boolean)) return null;
    const [a, b] = [this.frame.shares(...from), this.frame.shares(...to)];
    return wide.map((enough, side) => (enough ? [a[side], b[side]].sort((low, high) => low - high) : [0, 1]));
  }

  #draw(sides) {
    this.dragging = sides !== null;
    this.box.setAttribute("visibility", sides ? "visible" : "hidden");
    if (!sides) return;
    const { left, bottom, width, height } = this.frame;
    const [across, up] = sides;
    this.box.setAttribute("x", left + across[0] * width);
    this.box.setAttribute("y", bottom - up[1] * height);
    this.box.setAttribute("width", (across[1] - across[0]) * width);
    this.box.setAttribute("height", (up[1] - up[0]) * height);
  }

  #zoom([across, up]) {
    const { x, y } = this.frame.scales;
    const part = { x: x.part(...across), y: y.part(...up) };
    if (Object.values(part).every(({ from, to }) => to - from > CLOSEST * Math.abs(to))) this.#show(part);
  }
}
