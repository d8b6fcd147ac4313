// What the keyboard does while a log is open: one table, for the page and for its help. Pure.

export type Command =
  | "down"
  | "up"
  | "chooseDown"
  | "chooseUp"
  | "pageDown"
  | "pageUp"
  | "start"
  | "live"
  | "toggle"
  | "context"
  | "copy"
  | "link"
  | "filter"
  | "find"
  | "next"
  | "previous"
  | "jump"
  | "streams"
  | "pause"
  | "wrap"
  | "chart"
  | "export"
  | "settings"
  | "help"
  | "leave";

export interface Binding {
  readonly command: Command;
  /** As `KeyboardEvent.key` says them, with `Ctrl+` and `Shift+` before. Ctrl stands for ⌘ too. */
  readonly keys: readonly string[];
  readonly words: string;
  readonly group: "Reading" | "Finding" | "A line" | "The page";
  /** Those of the keys that are heeded while a field is typed in, too. */
  readonly always?: readonly string[];
}

export const BINDINGS: readonly Binding[] = [
  { command: "down", keys: ["j", "ArrowDown"], words: "Next line", group: "Reading" },
  { command: "up", keys: ["k", "ArrowUp"], words: "Previous line", group: "Reading" },
  { command: "pageDown", keys: ["PageDown", " "], words: "A page on", group: "Reading" },
  { command: "pageUp", keys: ["PageUp", "Shift+ "], words: "A page back", group: "Reading" },
  { command: "start", keys: ["g", "Home"], words: "To the first line kept", group: "Reading" },
  { command: "live", keys: ["G", "End"], words: "To the live end, and follow", group: "Reading" },
  { command: "pause", keys: ["p"], words: "Pause, or go on: while paused, lines wait at the server", group: "Reading" },
  { command: "jump", keys: ["t"], words: "Jump to a date and time", group: "Reading" },
  { command: "filter", keys: ["/"], words: "Filter", group: "Finding" },
  { command: "find", keys: ["Ctrl+f"], words: "Find in the lines", group: "Finding", always: ["Ctrl+f"] },
  { command: "next", keys: ["n", "F3", "Ctrl+g"], words: "Next match", group: "Finding", always: ["F3", "Ctrl+g"] },
  {
    command: "previous",
    keys: ["N", "Shift+F3", "Ctrl+Shift+g"],
    words: "Previous match",
    group: "Finding",
    always: ["Shift+F3", "Ctrl+Shift+g"],
  },
  { command: "toggle", keys: ["Enter", "o"], words: "Open or close its fields", group: "A line" },
  { command: "chooseDown", keys: ["Shift+ArrowDown", "J"], words: "Choose lines downward", group: "A line" },
  { command: "chooseUp", keys: ["Shift+ArrowUp", "K"], words: "Choose lines upward", group: "A line" },
  { command: "copy", keys: ["c", "Ctrl+c"], words: "Copy the line, or the chosen ones", group: "A line" },
  { command: "link", keys: ["l"], words: "Copy a permanent link to the line", group: "A line" },
  { command: "context", keys: ["x"], words: "Show the line in context, without the filter", group: "A line" },
  { command: "streams", keys: ["s"], words: "Find a stream", group: "The page" },
  { command: "wrap", keys: ["w"], words: "Wrap long lines, or not", group: "The page" },
  { command: "chart", keys: ["r"], words: "Show the chart, or not", group: "The page" },
  { command: "export", keys: ["e"], words: "Copy or download", group: "The page" },
  { command: "settings", keys: [","], words: "Settings", group: "The page" },
  { command: "help", keys: ["?"], words: "This sheet", group: "The page" },
  { command: "leave", keys: ["Escape"], words: "Close what is open, or forget what is chosen", group: "The page" },
];

/** A key press, as far as it matters. */
export interface Press {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** What a key press asks for. @param typing a field has the focus. */
export function commandOf(press: Press, typing: boolean): Command | undefined {
  if (press.altKey) return undefined;
  const ctrl = press.ctrlKey || press.metaKey ? "Ctrl+" : "";
  // A character that Shift makes says so itself.
  const shift = press.shiftKey && (press.key.length > 1 || press.key === " " || ctrl) ? "Shift+" : "";
  const key = ctrl ? press.key.toLowerCase() : press.key;
  const pressed = `${ctrl}${shift}${press.key.length > 1 ? press.key : key}`;
  return BINDINGS.find(({ keys, always }) => (typing ? always : keys)?.includes(pressed))?.command;
}

/** Of keys that are called otherwise than they are written. */
const NAMES: Readonly<Record<string, string>> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
  " ": "Space",
  Escape: "Esc",
};

/** Keys as people write them. */
export function keyWords(key: string): string {
  const [, modifiers = "", last = ""] = /^((?:Ctrl\+|Shift\+)*)(.+)$/s.exec(key) ?? [];
  const name = NAMES[last] ?? (modifiers && last.length === 1 ? last.toUpperCase() : last);
  return `${modifiers.replaceAll("+", " ")}${name}`.trim();
}
