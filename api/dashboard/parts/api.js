// Requests to the public API. Every error is thrown as a `Problem`; one for want of a key opens the dialog for it.

import { login } from "../dialog/login.js";

/** An RFC 9457 problem of the server, or the failure to reach it. */
class Problem extends Error {
  /** @param {{status?: number, title?: string, detail?: string, errors?: {pointer?: string, detail: string}[]}} body */
  constructor({ status = 0, title = "", detail = "", errors = [] }) {
    super(detail || title || `the server answered ${status}`);
    this.status = status;
    this.errors = errors;
  }
}

/** GET a path and read its JSON. Throws `Problem`. */
export function get(path) {
  return ask(path, {});
}

/** GET a path and read the bytes of its JSON, for a worker to parse. Throws `Problem`. */
export function getBytes(path) {
  return ask(path, {}, (response) => response.arrayBuffer());
}

/** POST JSON to a path and read the answer's JSON. Throws `Problem`. */
export function post(path, body = undefined, headers = {}) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers: { ...json, ...headers }, body: body && JSON.stringify(body) });
}

/** PATCH a path with JSON and read the answer's JSON. Throws `Problem`. */
export function patch(path, body) {
  return ask(path, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** DELETE a path. Throws `Problem`. */
export function remove(path) {
  return ask(path, { method: "DELETE" });
}

/** The path of a job in the API. */
export function jobPath(id) {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

/** The path of a job's page. */
export function jobPage(id) {
  return `/jobs/${encodeURIComponent(id)}`;
}

/** The path of a candidate's page. */
export function candidatePage(id, number) {
  return `${jobPage(id)}/candidates/${number}`;
}

/** The path of the page that compares two candidates. */
export function comparePage(id, a, b) {
  return `${jobPage(id)}/compare?a=${a}&b=${b}`;
}

/** A random idempotency key. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(path, options, read = (response) => response.json()) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch {
    throw new Problem({ title: "The server cannot be reached. Check that it is running, then try again." });
  }
  if (response.ok) return response.status === 204 ? null : read(response);
  if (response.status === 401) login();
  const body = await response.json().catch(() => ({}));
  throw new Problem({ status: response.status, title: response.statusText, ...body });
}
