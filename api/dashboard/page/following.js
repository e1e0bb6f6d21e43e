// The events of one search, for the pages about it.

import { get, jobPath } from "../parts/api.js";
import { follow } from "../parts/events.js";

/**
 * Follow the events of a search until it ends.
 * @param {string} id
 * @param {number} after number of the last event that the page reflects already
 * @param {(kind: string, data: Object) => void} onEvent
 * @param {() => void} reload has everything read again; called when events may have been missed
 */
export function followJob(id, after, onEvent, reload) {
  async function resume() {
    const { last_event: last } = await get(jobPath(id)); // before the reading, which then reflects it
    reload();
    return last;
  }
  follow(`${jobPath(id)}/events`, after, onEvent, resume);
}
