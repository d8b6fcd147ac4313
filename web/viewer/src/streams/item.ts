// A row of the list of streams.

import type { StreamInfo } from "tailcast-client";

/** Something that can be followed. */
export interface Item {
  readonly names: readonly string[];
  readonly title: string;
  /** Absent for a folder, a pattern, several streams, and what was typed and is not in the list. */
  readonly stream?: StreamInfo;
  /** Of a folder: what is below it. */
  readonly folder?: { readonly path: string; readonly streams: number; readonly rate: number; readonly open: boolean };
  /** How many folders it is in. */
  readonly depth?: number;
  /** What else there is to say. */
  readonly note?: string;
}
