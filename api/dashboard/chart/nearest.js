// The point under the pointer, found in square cells so that only near points are compared.

const CELL = 24; // side of a cell and greatest distance of a found point, in pixels

/** An index over visible points in pixels. */
export class Nearest {
  constructor() {
    this.cells = new Map();
  }

  /** @param {number} key value that `find` returns */
  add(x, y, key) {
    const name = cell(x, y);
    const found = this.cells.get(name);
    if (found) found.push(x, y, key);
    else this.cells.set(name, [x, y, key]);
  }

  /** The key of the nearest point within a cell's width, or null. Of equally near points the last added wins. */
  find(x, y) {
    let best = null;
    let least = CELL * CELL;
    for (let dx = -CELL; dx <= CELL; dx += CELL) {
      for (let dy = -CELL; dy <= CELL; dy += CELL) {
        const found = this.cells.get(cell(x + dx, y + dy)) ?? [];
        for (let n = 0; n < found.length; n += 3) {
          const away = (found[n] - x) ** 2 + (found[n + 1] - y) ** 2;
          if (away <= least) [least, best] = [away, found[n + 2]];
        }
      }
    }
    return best;
  }
}

function cell(x, y) {
  return Math.floor(x / CELL) * 4096 + Math.floor(y / CELL);
}
