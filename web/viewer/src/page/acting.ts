// What is done with a row when a reader asks for it.

import type { JsonValue } from "tailcast-client";
import { NO_VIEW, permalink } from "../address/view.ts";
import type { View } from "../address/view.ts";
import type { Place } from "../buffer/buffer.ts";
import type { LineEntry } from "../buffer/entry.ts";
import { only, without } from "../filter/compose.ts";
import { pathOf } from "../filter/syntax.ts";
import type { Action } from "../row/acts.ts";
import { asText, lineJson } from "../row/fields.ts";
import type { Reading } from "./reading.svelte.ts";

/** What acting needs of the page. */
export interface Desk {
  readonly reading: Reading;
  open(view: View): void;
  applyFilter(filter: string): void;
  /** @param what what was copied, to say so. */
  copy(text: string, what: string): Promise<void>;
  /** Tells the reader, for a while. */
  say(words: string): void;
}

export function act(desk: Desk, place: Place, action: Action): void {
  const { reading } = desk;
  const { entry } = place;
  if (entry.kind === "hole" && action.act === "load") reading.fill(entry);
  if (entry.kind !== "line") return;
  switch (action.act) {
    case "toggle":
      reading.toggle(place);
      break;
    case "more":
      reading.showWhole(place);
      break;
    case "fold":
      reading.toggleFold(place);
      break;
    default:
      actOnLine(desk, entry, action);
  }
}

function actOnLine(desk: Desk, { stream, line }: LineEntry, { act, path, value }: Action): void {
  switch (act) {
    case "copy-line":
      void desk.copy(lineJson(line), "the line");
      break;
    case "copy-link":
      void desk.copy(permalink(location, stream.name, line.offset), "a link to the line");
      break;
    case "context":
      desk.open({ ...NO_VIEW, streams: [stream.name], columns: desk.reading.columns, at: { stream: stream.name, offset: line.offset } });
      break;
    case "copy-path":
      if (path !== undefined) void desk.copy(path, "the field's name");
      break;
    case "copy-value":
      if (value !== undefined) void desk.copy(asText(value), "the value");
      break;
    case "column":
      if (path !== undefined) addColumn(desk.reading, path);
      break;
    case "only":
      filterBy(desk, only, path, value);
      break;
    case "without":
      filterBy(desk, without, path, value);
      break;
  }
}

function addColumn(reading: Reading, path: string): void {
  if (reading.columns.some((column) => column.path === path)) return;
  reading.setColumns([...reading.columns, { path }]);
}

/** What the grammar cannot say exactly is not asked for. */
function filterBy(desk: Desk, compose: typeof only, path: string | undefined, value: JsonValue | undefined): void {
  const name = path === undefined ? undefined : pathOf([path]);
  const numbers = name !== undefined && desk.reading.seen.hasDecimals(name) ? "decimal" : "whole";
  const filter = name === undefined || value === undefined ? undefined : compose(desk.reading.filter, name, value, numbers);
  if (filter === undefined) desk.say("No filter can say that exactly.");
  else desk.applyFilter(filter);
}
