// A worker that counts motifs, so that the page stays fluid.

import { counted } from "./counting.js";

addEventListener("message", ({ data }) => postMessage(counted(data)));
