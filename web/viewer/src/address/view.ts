// The view, as the part of the address behind `#` holds it: `#/stream/payments/**?filter=level%3E%3Dwarn&at=web/access:1234`.
// Or `#view=ID`, which is whatever is saved under that id.
// Pure. Addresses are read by people, sent through chat programs and typed by hand: what is written is plain, and what is
// read may be bent. Knows nothing of what a stream or a filter means; the server refuses those that are none.

/** Where the reader is: at a line, or at a time (RFC 3339 with its zone). */
export type At = { readonly stream: string; readonly offset: number } | { readonly time: string };

/** A field that stands in a column of its own. */
export interface Column {
  /** The field, and the fields within it, joined by dots. */
  readonly path: string;
  /** In characters. */
  readonly width?: number;
}

/** All that a colleague needs in order to see the same lines. */
export interface View {
  /** Names and patterns, in the order chosen. None: the list of streams. */
  readonly streams: readonly string[];
  readonly filter: string;
  /** Absent: live. */
  readonly at?: At;
  readonly columns: readonly Column[];
  /** Names of streams that are followed and not shown. */
  readonly hidden: readonly string[];
  readonly find?: string;
  /** The saved view that it came from. Alone, without streams, it stands for all of that. */
  readonly saved?: string;
}

/** What an address says. */
export interface Address {
  readonly view: View;
  /** A token that is handed over. It has to leave the address at once. */
  readonly token?: string;
}

export const NO_VIEW: View = { streams: [], filter: "", columns: [], hidden: [] };

/** What the id of a saved view looks like: 128 bits in base64url. */
export const SAVED_ID = /^[A-Za-z0-9_-]{22}$/;

/** Longer addresses are cut off on their way by some programs. */
export const MOST_CHARACTERS = 8_000;
/** More streams than a person puts together; a pattern is shorter. */
const MOST_NAMES = 200;
const MOST_COLUMNS = 50;
export const COLUMN_WIDTHS = { least: 2, most: 400 };

/** What is left out first when an address would be too long. */
const LEAST_IMPORTANT_FIRST = ["find", "columns", "hide", "at", "filter"];

/** Reads `location.hash`, with or without its `#`. Never fails: what cannot be read is left out. */
export function readAddress(fragment: string): Address {
  const text = unbent(fragment.replace(/^#/, ""));
  const token = /^token=([^&]*)(?:&to=(.*))?/s.exec(text);
  if (!token) return { view: readView(text) };
  return { token: decoded(token[1] ?? ""), view: readView(unbent(decoded(token[2] ?? "").replace(/^#/, ""))) };
}

/** The fragment that shows a view, with its `#`. It is never too long: {@link fits} tells whether it is all of the view. */
export function fragmentOf(view: View): string {
  if (view.streams.length === 0 && view.saved) return `#view=${view.saved}`;
  const members = membersOf(view);
  const path = pathOf(view.streams);
  for (const name of LEAST_IMPORTANT_FIRST) {
    if (joined(path, members).length <= MOST_CHARACTERS) break;
    members.delete(name);
  }
  return joined(path, members);
}

/** Whether an address can hold all of a view. */
export function fits(view: View): boolean {
  return view.streams.length <= MOST_NAMES && joined(pathOf(view.streams), membersOf(view)).length <= MOST_CHARACTERS;
}

/** The whole address of a view. */
export function linkOf(location: Pick<Location, "href">, view: View): string {
  return location.href.replace(/#.*$/s, "") + fragmentOf(view);
}

/** The address of a line, among all the others of its stream. */
export function permalink(location: Pick<Location, "href">, stream: string, offset: number): string {
  return linkOf(location, { ...NO_VIEW, streams: [stream], at: { stream, offset } });
}

/** Names and patterns as a person types them, between commas or spaces. */
export function splitNames(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))].slice(0, MOST_NAMES);
}

/** Whether what is followed may be more than one stream. */
export function isMany(streams: readonly string[]): boolean {
  return streams.length > 1 || streams.some((name) => name.includes("*"));
}

// --- reading

/** Undoes what programs do to a whole fragment: full stops after it, brackets around it, all of it escaped. */
function unbent(text: string): string {
  let straight = text.slice(0, MOST_CHARACTERS).trim().replace(/[.,;:!]+$/, "");
  for (const [open, close] of ["()", "[]", "<>"]) {
    if (straight.endsWith(close as string) && !straight.includes(open as string)) straight = straight.slice(0, -1);
  }
  // With a `?` of its own only the path was escaped, and the members can be told apart as they stand.
  if (/^%(25)*2f/i.test(straight) && !straight.includes("?")) straight = decoded(straight);
  return straight;
}

function readView(text: string): View {
  const saved = savedIn(/^view=([^&]*)/.exec(text)?.[1]);
  if (saved) return { ...NO_VIEW, ...saved };
  const [, path = "", query = ""] = /^([^?]*)\??(.*)$/s.exec(text) ?? [];
  const streams = /^\/stream\/(.+)$/s.exec(decoded(path))?.[1];
  if (streams === undefined) return NO_VIEW;
  const members = readMembers(query);
  const at = readAt(members.get("at") ?? "");
  const find = members.get("find");
  return {
    streams: splitNames(streams),
    filter: (members.get("filter") ?? "").trim(),
    ...(at ? { at } : {}),
    columns: readColumns(members.get("columns") ?? ""),
    hidden: splitNames(members.get("hide") ?? ""),
    ...(find ? { find } : {}),
    ...savedIn(members.get("view")),
  };
}

function savedIn(id: string | undefined): { readonly saved: string } | undefined {
  return id !== undefined && SAVED_ID.test(id) ? { saved: id } : undefined;
}

/** The first of each name counts. A `+` is a space, as in forms: one that is meant is written `%2B`. */
function readMembers(query: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const member of query.split("&")) {
    const [, name = "", value = ""] = /^(?:amp;)?([^=]*)=?(.*)$/s.exec(member) ?? [];
    if (name && !members.has(name)) members.set(name, decoded(value.replaceAll("+", " ")));
  }
  return members;
}

const TIME = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)([Zz]|[+-]\d{2}:?\d{2})?)?$/;

function readAt(text: string): At | undefined {
  // The zone's `+` may have come as a space.
  const time = text.replace(/ (\d{2}:?\d{2})$/, (whole, zone) => (/[T ]\d{2}:\d{2}.*\s/.test(text) ? `+${zone}` : whole));
  if (TIME.test(time)) return readTime(time);
  const [, stream, digits] = /^([^:\s]+):(\d+)$/.exec(text) ?? [];
  const offset = Number(digits);
  return stream && Number.isSafeInteger(offset) ? { stream, offset } : undefined;
}

/** A time without a zone is of the reader's own, and would be another one for a colleague: it is given the zone UTC. */
export function readTime(text: string): { readonly time: string } | undefined {
  const [whole, day = "", clock = "00:00", zone = ""] = TIME.exec(text.trim()) ?? [];
  const time = `${day}T${clock}${zone.toUpperCase()}`;
  const at = new Date(time);
  if (whole === undefined || Number.isNaN(at.getTime())) return undefined;
  return { time: zone ? time : at.toISOString() };
}

function readColumns(text: string): Column[] {
  const columns = new Map<string, Column>();
  for (const item of text.split(",").slice(0, MOST_COLUMNS)) {
    const [, written = "", digits] = /^(.*?)(?::(\d+))?$/s.exec(item) ?? [];
    const path = decoded(written.trim());
    if (!path || columns.has(path)) continue;
    columns.set(path, digits === undefined ? { path } : { path, width: columnWidth(Number(digits)) });
  }
  return [...columns.values()];
}

/** A width that can be dragged back. */
export function columnWidth(characters: number): number {
  return Math.round(Math.min(COLUMN_WIDTHS.most, Math.max(COLUMN_WIDTHS.least, characters)));
}

/** Decodes what can be decoded; a `%` of a person stays one. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

// --- writing

function pathOf(streams: readonly string[]): string {
  return streams.length > 0 ? `/stream/${streams.slice(0, MOST_NAMES).map(plain).join(",")}` : "/";
}

function membersOf({ streams, filter, at, columns, hidden, find, saved }: View): Map<string, string> {
  const members = new Map<string, string>();
  if (streams.length === 0) return members;
  if (filter) members.set("filter", filter);
  if (at) members.set("at", "time" in at ? at.time : `${at.stream}:${at.offset}`);
  if (columns.length > 0) members.set("columns", columns.map(columnText).join(","));
  if (hidden.length > 0) members.set("hide", hidden.join(","));
  if (find) members.set("find", find);
  if (saved) members.set("view", saved);
  return members;
}

/** Escaped within the list, and once more with it: a program that unescapes `%2C` does not make two columns of one. */
function columnText({ path, width }: Column): string {
  const name = path.replace(/[%,:]/g, escape);
  return width === undefined ? name : `${name}:${columnWidth(width)}`;
}

function joined(path: string, members: ReadonlyMap<string, string>): string {
  const query = [...members].map(([name, value]) => `${name}=${plain(value)}`).join("&");
  // A full stop at the end would be taken for the sentence's.
  return `#${path}${query && "?"}${query}`.replace(/[.,:]$/, escape);
}

/** Escapes no more than it must: what is within names, patterns, offsets and times stays as it is. */
function plain(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd")).replace(/%(2F|2C|3A|40)|[!'()]/gi, (found) =>
    found.startsWith("%") ? decodeURIComponent(found) : escape(found),
  );
}

function escape(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
