// Where the members of a line of ancestors are drawn: a column for each generation, near their children.

const NODE = { height: 112, gap: 14 };
const COLUMN_GAP = 56;
const HEAD = 32;

/**
 * Places for the members of a line.
 * @param {{number: number, generation: number, parents: number[]}[]} line by generation and number
 * @param {number} width of a member in pixels
 * @returns {{width: number, height: number, columns: {left: number, members: Object[]}[],
 *   boxes: Map<number, {left: number, top: number, width: number, height: number}>}}
 */
export function layout(line, width) {
  const generations = Math.max(...line.map(({ generation }) => generation)) + 1;
  const rows = new Map();
  const columns = Array.from({ length: generations }, (_, generation) => {
    const members = line.filter((one) => one.generation === generation);
    const wished = new Map(members.map((one) => [one, wish(one, line, rows)]));
    members.sort((one, other) => wished.get(one) - wished.get(other));
    members.forEach((one, row) => rows.set(one.number, row));
    return { left: generation * (width + COLUMN_GAP), members };
  });
  const tallest = Math.max(...columns.map(({ members }) => members.length));
  const step = NODE.height + NODE.gap;
  const boxes = new Map();
  for (const { left, members } of columns) {
    const top = HEAD + ((tallest - members.length) * step) / 2;
    members.forEach(({ number }, row) =>
      boxes.set(number, { left, top: top + row * step, width, height: NODE.height }),
    );
  }
  const [full, height] = [generations * (width + COLUMN_GAP) - COLUMN_GAP, HEAD + tallest * step];
  return { width: full, height, columns, boxes };
}

/** The mean row of the children of a member that have a row already. */
function wish({ number }, line, rows) {
  const children = line.filter(({ parents, number: child }) => parents.includes(number) && rows.has(child));
  return children.reduce((sum, { number: child }) => sum + rows.get(child), 0) / Math.max(1, children.length);
}
