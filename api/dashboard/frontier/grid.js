// The axes of the frontier chart: grid lines, labels and titles.

import { svg } from "../parts/dom.js";
import { title } from "./axes.js";

const LABEL = { x: 17, y: 8 }; // pixels between an axis and its labels
const TITLE = { x: 39, y: 20 }; // pixels from an axis, or from the labels of the upright one, to the line of its title

/**
 * The axes as SVG. Each says in data attributes where it begins and ends, in pixels and in values.
 * @param {import("./frame.js").Frame} frame
 */
export function grid(frame) {
  const { left, right, top, bottom, ticks, axes } = frame;
  const across = ticks.x.map(({ value, text }) => {
    const x = frame.x(value);
    const line = svg("line", { class: "grid", x1: x, x2: x, y1: top, y2: bottom });
    return [line, svg("text", { x, y: bottom + LABEL.x, "text-anchor": "middle" }, text)];
  });
  const up = ticks.y.map(({ value, text }) => {
    const y = frame.y(value);
    const line = svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
    return [line, svg("text", { x: left - LABEL.y, y: y + 4, "text-anchor": "end" }, text)];
  });
  const below = { x: (left + right) / 2, y: bottom + TITLE.x };
  const beside = { x: left - frame.labelWidth - TITLE.y, y: (top + bottom) / 2 };
  const turned = { transform: `rotate(-90 ${beside.x} ${beside.y})` };
  return [
    axis("x", frame.scales.x, left, right, [
      across,
      svg("text", { class: "xtitle", "text-anchor": "middle", ...below }, title(axes.x)),
    ]),
    axis("y", frame.scales.y, bottom, top, [
      up,
      svg("text", { class: "ytitle", "text-anchor": "middle", ...beside, ...turned }, title(axes.y)),
    ]),
  ];
}

function axis(role, scale, start, end, children) {
  const values = { "data-from": scale.value(0), "data-to": scale.value(1), "data-log": scale.log };
  return svg("g", { class: `axis-${role}`, "data-start": start, "data-end": end, ...values }, children);
}
