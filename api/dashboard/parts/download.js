// Downloads: all candidates as CSV, the frontier as JSON, the chart as PNG.

import { get, jobPath } from "./api.js";
import { el } from "./dom.js";

/** All candidates as CSV, one line each. */
export function asCsv(points) {
  const { columns } = points;
  const plain = Object.keys(columns).filter((name) => name !== "metrics");
  const metrics = Object.keys(columns.metrics);
  const line = (row) => [
    ...plain.map((name) => columns[name][row]),
    ...metrics.map((name) => columns.metrics[name][row]),
  ];
  const lines = [[...plain, ...metrics], ...columns.number.map((_, row) => line(row))];
  return lines.map((cells) => cells.map(quoted).join(",")).join("\r\n") + "\r\n";
}

/** The job and its frontier as the API gives them. */
export async function asJson(job) {
  const { candidates } = await get(`${jobPath(job.id)}/frontier`);
  return JSON.stringify({ job, frontier: candidates }, null, 2);
}

/** Save text as a file through the browser. */
export function saveText(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  saveUrl(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Save the content of a URL as a file through the browser. */
export function saveUrl(name, url) {
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

/** A value as a CSV cell. Text that a spreadsheet would read as a formula is prefixed with an apostrophe. */
function quoted(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
