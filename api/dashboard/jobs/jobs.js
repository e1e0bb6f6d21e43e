// The page of all searches: a row per job, updated by events.

import { readAddress } from "../parts/address.js";
import { get, jobPage, jobPath } from "../parts/api.js";
import { byId, el, put } from "../parts/dom.js";
import { follow, paced } from "../parts/events.js";
import { openForm } from "../form/form.js";
import { digits, duration, whole } from "../parts/format.js";
import { sparkline } from "../chart/lines.js";
import { progress, stateWord } from "../parts/state.js";
import { ago } from "../parts/time.js";
import { tagLink, tagList } from "../tags/tags.js";

const PAGE = 50;
const RETRY_MS = 2000;
const SPARKLINES = 20; // newest rows, whose histories are read
const MOST_STEPS = 200; // of a sparkline
const COLUMNS = ["Search", "Done", "Frontier", "Hypervolume", "Workers", "Time left"];

const { tag } = readAddress(); // only searches with it are shown
const shown = { pages: 1, search: "", histories: new Map(), lastEvent: new Map() };

const refresh = paced(async () => {
  try {
    await load();
  } catch (problem) {
    put(byId("jobs"), el("p", { class: "failure", role: "alert" }, problem.message));
  }
});

async function load() {
  const jobs = [];
  let token = null;
  for (let page = 0; page < shown.pages; page += 1) {
    const sought = { ...(tag && { tag }), ...(shown.search && { search: shown.search }) };
    const query = new URLSearchParams({ page_size: PAGE, ...sought, ...(token && { page_token: token }) });
    const answer = await get(`/v1/jobs?${query}`);
    jobs.push(...answer.jobs);
    token = answer.next_page_token;
    if (!token) break;
  }
  byId("more").hidden = !token;
  draw(jobs);
  await loadHistories(jobs.slice(0, SPARKLINES));
  draw(jobs);
}

async function loadHistories(jobs) {
  for (const job of jobs) prolong(shown.histories.get(job.id), job);
  const stale = jobs.filter((job) => job.done > 0 && !shown.histories.has(job.id));
  await Promise.all(
    stale.map(async (job) => {
      const history = await get(`${jobPath(job.id)}/history?most=${MOST_STEPS}`).catch(() => null);
      if (history) shown.histories.set(job.id, { outcomes: job.outcomes, values: history.hypervolume });
    }),
  );
}

/** Append the job's present hypervolume to a history that was read before. */
function prolong(history, job) {
  if (!history || history.outcomes === job.outcomes) return;
  history.outcomes = job.outcomes;
  history.values.push(job.hypervolume);
}

function draw(jobs) {
  byId("search").hidden = jobs.length === 0 && !shown.search;
  if (jobs.length === 0 && (shown.search || tag)) {
    const wanted = [tag && `the tag “${tag}”`, shown.search && `“${shown.search}” in its name`].filter(Boolean);
    put(byId("jobs"), el("p", { class: "empty" }, `No search has ${wanted.join(" and ")}.`));
    return;
  }
  if (jobs.length === 0) {
    const text = "No search yet. A search evolves architectures and shows the best trade-offs it finds.";
    put(byId("jobs"), el("div", { class: "empty" }, el("p", {}, text), newButton("Start the first search")));
    return;
  }
  const focused = focusedLink();
  const heads = COLUMNS.map((name, n) => el("th", { scope: "col", class: n > 1 ? "numeric" : null }, name));
  put(
    byId("jobs"),
    el("table", { class: "jobs" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, jobs.map(row))),
  );
  if (focused) byId("jobs").querySelector(focused)?.focus();
}

/** The selector of the link that has the focus, in its row; null if there is none. */
function focusedLink() {
  const href = document.activeElement?.getAttribute("href");
  const job = document.activeElement?.closest("[data-job]")?.dataset.job;
  return job && href ? `[data-job="${CSS.escape(job)}"] a[href="${CSS.escape(href)}"]` : null;
}

function row(job) {
  const link = el("a", { href: jobPage(job.id), class: "stretched" }, job.name || job.id);
  const last = shown.lastEvent.get(job.id) ?? job.finished_at ?? job.started_at ?? job.created_at;
  return el(
    "tr",
    { "data-job": job.id },
    el("th", { scope: "row" }, link, el("div", { class: "under" }, stateWord(job), ago(last)), tagList(job)),
    cell("Done", progress(job)),
    cell("Frontier", whole(job.frontier_size), "numeric"),
    cell("Hypervolume", hypervolume(job), "numeric hypervolume"),
    cell("Workers", whole(job.workers_busy), "numeric"),
    cell("Time left", duration(job.seconds_left ?? NaN), "numeric"),
  );
}

function cell(label, content, kind = null) {
  return el("td", { "data-label": label, class: kind }, el("span", {}, content));
}

function hypervolume(job) {
  const values = shown.histories.get(job.id)?.values;
  const line = values?.length > 1 && sparkline(values, "Hypervolume over trainings");
  return [line, el("span", { class: "share" }, job.done ? digits(job.hypervolume) : "–")];
}

function newButton(text) {
  return el("button", { type: "button", class: "primary", on: { click: openForm } }, text);
}

byId("new").addEventListener("click", openForm);
byId("new").disabled = false; // until now a click would have done nothing
byId("search").addEventListener("input", (event) => {
  shown.search = event.target.value.trim();
  shown.pages = 1;
  refresh();
});
byId("more").addEventListener("click", () => {
  shown.pages += 1;
  refresh();
});

function onEvent(_, data) {
  if (data.job_id) shown.lastEvent.set(data.job_id, new Date().toISOString());
  refresh();
}

/** Read the searches again, and return the number of the last event before that. */
async function resume() {
  const { last_event: last } = await get("/v1/jobs?page_size=1");
  refresh();
  return last;
}

async function begin() {
  const last = await resume().catch(() => null);
  if (last !== null) return follow("/v1/events", last, onEvent, resume);
  refresh(); // it shows why the searches could not be read
  return setTimeout(begin, RETRY_MS);
}

if (tag) {
  const all = el("a", { class: "small", href: "/" }, "Show all searches");
  put(byId("filtered"), "Only searches with the tag ", tagLink(tag), all).hidden = false;
}
if (location.hash === "#new") openForm();
begin();
