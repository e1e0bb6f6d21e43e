// The page of all candidates of a search. The server sorts, filters and pages; the page's address says by what.

import { comparePage, get, jobPage, jobPath } from "../parts/api.js";
import { readAddress, writeAddress } from "../parts/address.js";
import { readGenome } from "../genome/blueprint.js";
import { drawCrumbs } from "../page/crumbs.js";
import { byId, el, put, showError } from "../parts/dom.js";
import { paced } from "../parts/events.js";
import { drawFilters } from "./filters.js";
import { followJob } from "../page/following.js";
import { genomeLegend } from "../genome/genome.js";
import { drawTable, orderInWords } from "./rows.js";
import { isLive } from "../parts/state.js";

const PAGE = 50;
const ASKED = ["sort", "state", "failure", "contains", "frontier", "page_token"]; // parameters of the API and the page
const id = decodeURIComponent(location.pathname.split("/")[2]);
const view = { job: null, failures: [], shown: null };

const reload = paced(load);

/** Read the page that the address names, and return the number of the last event before that. */
async function load() {
  let last = 0;
  try {
    view.job = await get(jobPath(id));
    last = view.job.last_event;
    drawHead(view.job);
    const asked = Object.entries(readAddress()).filter(([name]) => ASKED.includes(name));
    view.shown = await get(`${jobPath(id)}/candidates?${new URLSearchParams([["page_size", PAGE], ...asked])}`);
    draw(view.shown);
    showError(null);
  } catch (problem) {
    showError(problem);
  }
  return last;
}

function drawHead(job) {
  const name = job.name || id;
  document.title = `All candidates · ${name} · STAR`;
  drawCrumbs([name, jobPage(id)]);
  drawFilters(byId("filters"), readAddress(), job.space.classes, view.failures, go);
}

function draw({ candidates, next_page_token: next }) {
  const { sort = "number", page_token: token, chosen: _, ...sought } = readAddress();
  const chosen = chosenNumbers();
  put(byId("said"), orderInWords(sort));
  if (candidates.length === 0) {
    const filtered = Object.keys(sought).length > 0;
    put(byId("table"), el("p", { class: "small" }, filtered ? "No candidate passes the filters." : "No candidate yet."));
  } else {
    const read = (genome) => readGenome(genome, view.job.space.classes);
    drawTable(byId("table"), candidates, { job: view.job, read, sort, order: (by) => go({ sort: by }), chosen, choose });
  }
  put(
    byId("pages"),
    token && el("a", { class: "button", href: addressWith({}) }, "First page"),
    next && el("a", { class: "button", href: addressWith({ page_token: next }) }, "Next page"),
  );
  drawChosen(chosen);
}

function chosenNumbers() {
  return (readAddress().chosen ?? "").split("-").filter(Boolean).map(Number);
}

/** Choose a candidate to compare, or not; of more than two the latest are kept. */
function choose(number, on) {
  const others = chosenNumbers().filter((other) => other !== number);
  const chosen = on ? [...others, number].slice(-2) : others;
  writeAddress({ chosen: chosen.length ? chosen.join("-") : null });
  draw(view.shown);
}

function drawChosen(chosen) {
  const [a, b] = chosen;
  const link = () => el("a", { class: "button primary", href: comparePage(id, a, b) }, `Compare ${a} and ${b}`);
  const text = chosen.length ? `Candidate ${a} is chosen; choose another one to compare it with.` : "";
  put(byId("chosen"), b ? link() : text);
}

/** The address of this page with some parameters changed; an empty one is left out. Any change begins at page one. */
function addressWith(changes) {
  const parameters = Object.entries({ ...readAddress(), page_token: "", ...changes }).filter(([, value]) => value);
  return parameters.length ? `?${new URLSearchParams(parameters)}` : location.pathname;
}

function go(changes) {
  history.pushState(null, "", addressWith(changes));
  reload();
}

/** The kinds of failures, as the API's description lists them. */
async function kindsOfFailure() {
  const { components } = await get("/openapi.json");
  return components.schemas.Failure.enum;
}

async function begin() {
  put(byId("legend"), genomeLegend());
  addEventListener("popstate", reload);
  view.failures = await kindsOfFailure().catch(() => []);
  const last = await load();
  if (view.job && isLive(view.job)) followJob(id, last, reload, reload);
}

begin();
