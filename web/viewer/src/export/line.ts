// What is copied and downloaded: a line, and where it is from.

import type { Line } from "tailcast-client";

/** A line and the name of its stream. */
export interface StreamLine {
  readonly stream: string;
  readonly line: Line;
}
