// What the commands of the keyboard and of the buttons do: one table, over what they do it with.

import type { Preferences } from "../address/preferences.ts";
import type { Log } from "../follow/log.ts";
import type { Action } from "../row/acts.ts";
import { act, type Acted, type Desk } from "./acting.ts";
import type { Choice } from "./choice.svelte.ts";
import type { Clipboard, Copied } from "./clipboard.ts";
import type { Display } from "./display.svelte.ts";
import type { Finding } from "./finding.svelte.ts";
import type { Journey } from "./journey.ts";
import { type Command, commandOf, type Press } from "./keys.ts";
import type { Sheets } from "./sheets.svelte.ts";

/** The view that commands act on. */
export interface Commanded extends Acted, Copied {
  readonly log: Pick<Log, "togglePause">;
  readonly choice: Pick<Choice, "cursor" | "empty" | "lines" | "move" | "clear">;
  readonly display: Pick<Display, "columns" | "addColumn">;
  readonly journey: Pick<Journey, "toStart" | "toLive" | "to">;
  readonly finding: Pick<Finding, "open" | "close" | "go">;
}

/** Where the focus goes, and what only the page's elements can do. */
export interface Hands {
  toFilter(): void;
  toFind(): void;
  /** To the log: the keys go on there. */
  toLog(): void;
  toStreams(): void;
  /** Moves the log by a window. */
  page(by: 1 | -1): void;
}

export interface CommandParts {
  readonly desk: Omit<Desk, "reading"> & { readonly reading: Commanded };
  readonly hands: Hands;
  readonly sheets: Sheets;
  readonly clipboard: Pick<Clipboard, "lines" | "link">;
  preferences(): Preferences;
  prefer(changed: Partial<Preferences>): void;
}

export class Commands {
  readonly #parts: CommandParts;
  readonly #table: Readonly<Record<Command, () => void>>;

  constructor(parts: CommandParts) {
    const { desk, hands, sheets, clipboard } = parts;
    this.#parts = parts;
    this.#table = {
      down: () => desk.reading.choice.move(1, "moving"),
      up: () => desk.reading.choice.move(-1, "moving"),
      chooseDown: () => desk.reading.choice.move(1, "choosing"),
      chooseUp: () => desk.reading.choice.move(-1, "choosing"),
      pageDown: () => hands.page(1),
      pageUp: () => hands.page(-1),
      start: () => void desk.reading.journey.toStart(),
      live: () => desk.reading.journey.toLive(),
      toggle: () => this.#onCursor("toggle"),
      context: () => this.#onCursor("context"),
      copy: () => void clipboard.lines(desk.reading),
      link: () => void clipboard.link(desk.reading),
      filter: () => hands.toFilter(),
      find: () => this.#find(),
      next: () => desk.reading.finding.go(1),
      previous: () => desk.reading.finding.go(-1),
      jump: () => sheets.show("jump"),
      streams: () => hands.toStreams(),
      pause: () => desk.reading.log.togglePause(),
      wrap: () => parts.prefer({ wrap: !parts.preferences().wrap }),
      chart: () => parts.prefer({ chart: !parts.preferences().chart }),
      export: () => sheets.show("export"),
      settings: () => sheets.toggle("settings"),
      help: () => sheets.show("help"),
      leave: () => this.#leave(),
    };
  }

  do(command: Command): void {
    this.#table[command]();
  }

  /** A key was pressed. Answers whether that was a command, so that the browser does nothing with it. */
  pressed(press: Press, target: Pick<Element, "closest">, selects: boolean): boolean {
    const command = heeded(press, target, selects);
    if (command) this.do(command);
    // The browser closes things with Escape, too.
    return command !== undefined && command !== "leave";
  }

  /** The bar, or its end. */
  toggleFind(): void {
    if (this.#parts.desk.reading.finding.open) this.closeFind();
    else this.#find();
  }

  /** The keys go on in the log. */
  closeFind(): void {
    this.#parts.desk.reading.finding.close();
    this.#parts.hands.toLog();
  }

  /** Goes to a time, or says that there is nothing. */
  async jump(time: number): Promise<void> {
    const { reading, say } = this.#parts.desk;
    if ((await reading.journey.to({ time })) !== "nowhere") return;
    say("There is no line of that time or later. This is the live end.");
    reading.journey.toLive();
  }

  #find(): void {
    this.#parts.desk.reading.finding.open = true;
    this.#parts.hands.toFind();
  }

  #onCursor(does: Action["act"]): void {
    const { desk } = this.#parts;
    const { cursor } = desk.reading.choice;
    if (cursor) act(desk, cursor, { act: does });
  }

  /** What is open, from the nearest to the farthest: one thing each time. */
  #leave(): void {
    const { sheets, desk } = this.#parts;
    const { finding, choice } = desk.reading;
    if (sheets.open) void sheets.close();
    else if (finding.open) this.closeFind();
    else if (!choice.empty) choice.clear();
    else choice.cursor = undefined;
  }
}

/**
 * What a key press asks for, where it was pressed.
 * @param selects whether text is selected, which the browser copies.
 */
export function heeded(press: Press, target: Pick<Element, "closest">, selects: boolean): Command | undefined {
  const within = (selector: string) => target.closest(selector) !== null;
  if (within("dialog, .popover")) return undefined;
  const command = commandOf(press, within("input, textarea, select, [contenteditable]"));
  // A button and a link have keys of their own.
  if (within("button, a") && (press.key === "Enter" || press.key === " ")) return undefined;
  if (within("[role=slider], [role=separator]") && press.key.startsWith("Arrow")) return undefined;
  if (command === "copy" && selects) return undefined;
  return command;
}
