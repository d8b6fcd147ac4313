// What is done with a row when a reader asks for it.

import type { JsonValue } from "tailcast-client";
import { NO_VIEW, type View, permalink } from "../address/view.ts";
import type { Place } from "../buffer/buffer.ts";
import type { LineEntry } from "../buffer/entry.ts";
import { only, without } from "../filter/compose.ts";
import type { Seen } from "../filter/seen.ts";
import { pathOf } from "../filter/syntax.ts";
import type { Action } from "../row/acts.ts";
import { asText, lineJson } from "../row/fields.ts";
import type { Choice } from "./choice.svelte.ts";
import type { Disclosure } from "./disclosure.ts";
import type { Display } from "./display.svelte.ts";
import type { Loader } from "./loader.ts";
import type { Screen } from "./screen.svelte.ts";

/** The view that the row is in. */
export interface Acted {
  readonly filter: string;
  readonly screen: Pick<Screen, "list">;
  readonly choice: Pick<Choice, "cursor">;
  readonly disclosure: Pick<Disclosure, "toggle" | "isOpen" | "isUnfolded" | "showWhole" | "toggleFold">;
  readonly display: Pick<Display, "columns" | "addColumn">;
  readonly loader: Pick<Loader, "fill">;
  readonly overview: { readonly seen: Pick<Seen, "hasDecimals"> };
}

/** What acting needs of the page. */
export interface Desk {
  readonly reading: Acted;
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
  if (entry.kind === "hole" && action.act === "load") reading.loader.fill(entry);
  if (entry.kind !== "line") return;
  switch (action.act) {
    case "toggle":
      toggle(reading, place);
      break;
    case "more":
      reading.screen.list?.stop();
      reading.disclosure.showWhole(entry);
      break;
    case "fold":
      reading.screen.list?.stop();
      reading.disclosure.toggleFold(entry);
      if (reading.disclosure.isUnfolded(entry)) reading.screen.list?.fit(place, entry.trace?.head === entry ? entry.trace.lines : 0);
      break;
    default:
      actOnLine(desk, entry, action);
  }
}

/** Opens or closes a line's fields. Reading one is no following. */
function toggle({ screen: { list }, choice, disclosure }: Acted, place: Place): void {
  choice.cursor = place;
  list?.stop();
  disclosure.toggle(place.entry);
  if (disclosure.isOpen(place.entry)) list?.fit(place);
}

function actOnLine(desk: Desk, { stream, line }: LineEntry, { act, path, value }: Action): void {
  const { display } = desk.reading;
  switch (act) {
    case "copy-line":
      void desk.copy(lineJson(line), "the line");
      break;
    case "copy-link":
      void desk.copy(permalink(location, stream.name, line.offset), "a link to the line");
      break;
    case "context":
      desk.open({ ...NO_VIEW, streams: [stream.name], columns: display.columns, at: { stream: stream.name, offset: line.offset } });
      break;
    case "copy-path":
      if (path !== undefined) void desk.copy(path, "the field's name");
      break;
    case "copy-value":
      if (value !== undefined) void desk.copy(asText(value), "the value");
      break;
    case "column":
      if (path !== undefined) display.addColumn(path);
      break;
    case "only":
    case "without":
      if (path !== undefined && value !== undefined) ask(desk, path, value, act);
      break;
  }
}

/** Asks for a value within `fields`, or leaves it out. */
function ask(desk: Desk, path: string, value: JsonValue, how: "only" | "without"): void {
  const name = pathOf([path]);
  if (name === undefined) return desk.say("No filter can say that exactly.");
  askFor(desk, name, value, how);
}

/** What the grammar cannot say exactly is not asked for. @param name as a filter says it. */
export function askFor(desk: Desk, name: string, value: JsonValue, how: "only" | "without"): void {
  const { filter: present, overview } = desk.reading;
  const numbers = overview.seen.hasDecimals(name) ? "decimal" : "whole";
  const filter = (how === "only" ? only : without)(present, name, value, numbers);
  if (filter === undefined) desk.say("No filter can say that exactly.");
  else desk.applyFilter(filter);
}
