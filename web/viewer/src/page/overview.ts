// What is known of a view's lines beside themselves: how many there are, over time and by level, and which fields they have.

import type { LineEntry, Run, Stream } from "../buffer/entry.ts";
import { Counting } from "../chart/counting.ts";
import { Histogram } from "../chart/histogram.ts";
import { Seen } from "../filter/seen.ts";
import type { On } from "../follow/log.ts";

export class Overview implements Pick<On, "lines" | "begun" | "removed" | "renewed"> {
  readonly histogram = new Histogram();
  /** Of what is stored and not loaded. */
  readonly counting: Counting;
  readonly seen = new Seen();

  /** @param counted called when the server has counted more. */
  constructor(filter: string, counted: () => void) {
    this.counting = new Counting({ histogram: this.histogram, filter, onchange: counted });
  }

  lines(lines: readonly LineEntry[], runs: readonly Run[]): void {
    this.histogram.add(lines, runs);
    for (const { line } of lines) this.seen.note(line);
  }

  begun({ name }: Stream, firstAvailable: number, cursor: number): void {
    this.histogram.begins(name, firstAvailable, cursor);
  }

  removed(name: string, until: number): void {
    this.histogram.beginsAt(name, until);
  }

  renewed(name: string, from: number): void {
    this.counting.renewed();
    this.histogram.renew(name, from);
  }
}
