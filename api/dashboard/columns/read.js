// Reading answers in columns, which may hold 100,000 candidates.

import { getBytes } from "../parts/api.js";

/**
 * GET columns, those of metrics under `metrics`. Throws `Problem`.
 * @param {string} path
 * @param {string[]} [names] of the columns that are wanted; all if left out
 * @returns {Promise<Object>}
 */
export async function readColumns(path, names) {
  const bytes = await getBytes(path);
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const columns = { metrics: {} };
  try {
    await new Promise((resolve, reject) => {
      worker.addEventListener("error", () => reject(new Error("the answer could not be read; reload the page")));
      worker.addEventListener("message", ({ data: { end, name, metric, values } }) => {
        if (end) resolve();
        else if (name) columns[name] = values;
        else columns.metrics[metric] = values;
      });
      worker.postMessage({ bytes, names }, [bytes]);
    });
  } finally {
    worker.terminate();
  }
  return columns;
}
