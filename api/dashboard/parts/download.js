// Downloads: the frontier as JSON, text and URLs as files.

import { get, jobPath } from "./api.js";
import { el } from "./dom.js";

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
