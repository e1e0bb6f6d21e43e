// Where the names of baselines stand, so that they neither leave the chart nor cover each other or a baseline.

const LINE = 15; // pixels from one line of text to the next
const PLACES = [0, 37, -LINE, 37 + LINE]; // pixels down from the place above the mark, best first: above, below, beyond
const MARK = { down: 21, half: 11 }; // pixels from a name to the line of text that its mark covers, and half its width

/**
 * Move names, which are centred above their marks, to where they can be read: sideways into the chart, and above or below
 * others.
 * @param {SVGTextElement[]} names that are drawn
 * @param {number} width of the chart in pixels
 */
export function arrange(names, width) {
  const found = names.map((name) => ({ name, x: Number(name.getAttribute("x")), y: Number(name.getAttribute("y")) }));
  const taken = found.map(({ x, y }) => ({ x, y: y + MARK.down, half: MARK.half }));
  for (const { name, x: middle, y: above } of found) {
    const half = name.getComputedTextLength() / 2;
    const x = Math.min(width - half, Math.max(half, middle));
    const free = (y) => taken.every((one) => Math.abs(one.y - y) >= LINE || Math.abs(one.x - x) >= one.half + half);
    const y = PLACES.map((down) => above + down).find(free) ?? above;
    taken.push({ x, y, half });
    name.setAttribute("x", x);
    name.setAttribute("y", y);
  }
}
