// The links at the top of a page to the pages above it.

import { byId, el, put } from "../parts/dom.js";

/**
 * Show the pages above this one: all searches, and those that are given.
 * @param {...[string, string]} links the text and the address of each
 */
export function drawCrumbs(...links) {
  const all = [["Searches", "/"], ...links];
  put(byId("crumbs"), all.map(([text, href]) => el("span", {}, el("a", { href }, text))));
}
