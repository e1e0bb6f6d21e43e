// The dialog that asks for an API key once the server wants one. The server keeps it in a cookie that no script reads.

import { el, put } from "../parts/dom.js";

let open = null;

/** Ask for a key, unless the dialog is open already; the page begins anew once the server knows the key. */
export function login() {
  if (open) return;
  const key = el("input", { id: "key", type: "password", autocomplete: "off", required: true, maxlength: 100 });
  const fault = el("p", { class: "fault", role: "alert" });
  const form = el(
    "form",
    { on: { submit: (event) => send(event, key.value, fault) } },
    el("header", {}, el("h2", {}, "This service needs a key")),
    el(
      "div",
      { class: "login" },
      el("p", {}, "Whoever runs the service creates keys with ", el("code", {}, "star keys create NAME"), "."),
      el("label", { for: "key" }, "API key"),
      key,
    ),
    el("footer", {}, fault, el("button", { class: "primary", type: "submit" }, "Continue")),
  );
  open = el("dialog", { id: "login", "aria-label": "API key" }, form);
  open.addEventListener("cancel", (event) => event.preventDefault());
  document.body.append(open);
  open.showModal();
}

async function send(event, key, fault) {
  event.preventDefault();
  const body = JSON.stringify({ key: key.trim() });
  try {
    const response = await fetch("/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (response.ok) return location.reload();
    put(fault, (await response.json()).detail);
  } catch {
    put(fault, "The server cannot be reached. Check that it is running, then try again.");
  }
  return undefined;
}
