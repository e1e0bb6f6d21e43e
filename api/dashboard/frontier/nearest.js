// The point under the pointer, found in square cells so that only near points are compared.

const CELL = 24; // side of a cell and greatest distance of a found point, in pixels

/** An index over visible points in pixels, which is built when it is first asked. */
export class Nearest {
  /**
   * @param {Float32Array} place x and y of each point; points far outside are never found
   * @param {Int32Array} keys what `find` returns of each point
   */
  constructor(place, keys) {
    this.place = place;
    this.keys = keys;
  }

  /** The key of the nearest point within a cell's width, or null. Of equally near points the last one wins. */
  find(x, y) {
    this.cells ??= this.#sorted();
    let [best, least] = [-1, CELL * CELL];
    for (let dx = -CELL; dx <= CELL; dx += CELL) {
      for (let dy = -CELL; dy <= CELL; dy += CELL) {
        for (const n of this.cells.get(cell(x + dx, y + dy)) ?? []) {
          const away = (this.place[2 * n] - x) ** 2 + (this.place[2 * n + 1] - y) ** 2;
          if (away < least || (away === least && n > best)) [least, best] = [away, n];
        }
      }
    }
    return best < 0 ? null : this.keys[best];
  }

  #sorted() {
    const cells = new Map();
    for (let n = 0; n < this.keys.length; n += 1) {
      const name = cell(this.place[2 * n], this.place[2 * n + 1]);
      const found = cells.get(name);
      if (found) found.push(n);
      else cells.set(name, [n]);
    }
    return cells;
  }
}

function cell(x, y) {
  return Math.floor(x / CELL) * 4096 + Math.floor(y / CELL);
}
