// Where expressions run: beside the page, which goes on whatever they do.

import { work, type Job } from "./search.ts";

self.onmessage = ({ data }: MessageEvent<Job>): void => self.postMessage(work(data));
self.postMessage("ready");
