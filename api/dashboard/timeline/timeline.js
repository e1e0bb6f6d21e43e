// The time slider: the number of outcomes after which the search is shown, which is in the page's address.

import { readAddress, writeAddress } from "../parts/address.js";
import { el, put } from "../parts/dom.js";
import { whole } from "../parts/format.js";

const FRAMES = 120; // of a whole play
const FRAME_MS = 90;

/** The slider in one element. Its right end follows the search. */
export class Timeline {
  /**
   * @param {HTMLElement} place
   * @param {() => Promise<void>} show called after `at` changed: the number of outcomes, or null for the present
   */
  constructor(place, show) {
    this.place = place;
    this.show = show;
    const { after } = readAddress();
    this.at = /^\d+$/.test(after ?? "") ? Number(after) : null;
    this.playing = false;
    this.range = el("input", { type: "range", min: 0, step: 1, "aria-label": "Outcomes so far" });
    this.range.addEventListener("input", () => this.#move(Number(this.range.value)));
    this.button = el("button", { type: "button", on: { click: () => (this.playing ? this.#stop() : this.#play()) } });
    this.said = el("output", { class: "timeline-said" });
    put(place, this.button, this.range, this.said);
  }

  /** Draw the slider for a search that has had so many outcomes. */
  draw(last, live) {
    this.last = last;
    this.live = live;
    this.place.hidden = last === 0;
    if (this.at !== null && this.at >= last) this.at = null;
    const at = this.at ?? last;
    this.range.max = last;
    this.range.value = at;
    const text = this.at === null ? `${live ? "live, " : ""}${whole(last)} outcomes` : `after ${whole(at)} of ${whole(last)}`;
    this.said.textContent = text;
    this.range.setAttribute("aria-valuetext", text);
    this.button.textContent = this.playing ? "Pause" : "Play";
    this.button.setAttribute("aria-label", this.playing ? "Pause the course of the search" : "Play the course of the search");
  }

  async #move(at) {
    this.at = at >= this.last ? null : at;
    writeAddress({ after: this.at });
    this.draw(this.last, this.live);
    if (this.showing) return;
    this.showing = true;
    let shown;
    do {
      shown = this.at;
      await this.show();
    } while (shown !== this.at);
    this.showing = false;
  }

  async #play() {
    this.playing = true;
    let at = this.at ?? 0;
    while (this.playing && at < this.last) {
      await Promise.all([this.#move(at), new Promise((done) => setTimeout(done, FRAME_MS))]);
      if (this.at !== at) break; // somebody moved the slider
      at = Math.min(this.last, at + Math.ceil(this.last / FRAMES));
    }
    if (this.playing && at >= this.last) await this.#move(this.last);
    this.#stop();
  }

  #stop() {
    this.playing = false;
    this.draw(this.last, this.live);
  }
}
