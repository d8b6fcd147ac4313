// A line's fields: in a few words, by path, and as JSON. Pure.
//
// A path is the names joined by dots, as in the server's filters: a name can have dots itself, a list's items have the
// path of the list, and what has an empty name cannot be reached.

import { type JsonValue, type Line, Numeral } from "tailcast-client";
import { cut } from "./segments.ts";

export type Fields = NonNullable<Line["fields"]>;
type JsonObject = { readonly [name: string]: JsonValue };

/** The summary of a row is no longer; of one that wraps. */
const SUMMARY_MOST = 240;
export const SUMMARY_MOST_WRAPPED = 600;

/** A value and where it is. */
export interface Pair {
  readonly path: string;
  readonly value: JsonValue;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Numeral);
}

export function isNumber(value: JsonValue | undefined): boolean {
  return typeof value === "number" || value instanceof Numeral;
}

/** Whether a line has fields to show. */
export function hasFields(fields: Line["fields"]): fields is Fields {
  if (!isObject(fields)) return false;
  for (const _ in fields) return true;
  return false;
}

/** The path of a member of what is at `path`. */
export const pathTo = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** Every value that is no object with members, in the order of the wire, with its path. */
export function* pairs(fields: Fields, path = ""): Generator<Pair> {
  for (const name in fields) {
    const value = fields[name] as JsonValue;
    const here = pathTo(path, name);
    if (hasFields(value as Fields)) yield* pairs(value as Fields, here);
    else yield { path: here, value };
  }
}

/** On one line: `status=200 path=/cart user.id=7`, no longer than `most` and a `…`. @param without what stands elsewhere. */
export function summary(fields: Fields, most = SUMMARY_MOST, without: readonly { readonly path: string }[] = []): string {
  let text = "";
  for (const { path, value } of pairs(fields)) {
    if (without.some((column) => column.path === path)) continue;
    text += `${text === "" ? "" : " "}${inText(path)}=${typeof value === "string" ? inText(value, most) : shortJson(value, most)}`;
    if (text.length > most) return `${cut(text, most)}…`;
  }
  return text;
}

/** A word as it is, everything else in JSON's quotes. Of a text that is cut anyway, no more than that is quoted. */
function inText(text: string, most = SUMMARY_MOST): string {
  const seen = text.length > most ? text.slice(0, most + 1) : text;
  return /^[^\s="]+$/.test(seen) ? seen : JSON.stringify(seen);
}

/** Of a long list, no more than what a cut leaves of it. */
function shortJson(value: JsonValue, most: number): string {
  return json(Array.isArray(value) && value.length > most ? value.slice(0, most) : value);
}

/** What is at a path, as a column shows it: where a list is on the way, all that its items have, as a list. */
export function valueAt(fields: Line["fields"], path: string): JsonValue | undefined {
  if (!isObject(fields) || path === "") return undefined;
  // Nearly every column is a member of the fields themselves.
  if (Object.hasOwn(fields, path)) return fields[path];
  const found: JsonValue[] = [];
  gather(fields, path, found);
  return found.length > 1 ? found : found[0];
}

/** Follows every name that the rest of the path can begin with. */
function gather(value: JsonValue | undefined, rest: string, found: JsonValue[]): void {
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) gather(item, rest, found);
    return;
  }
  if (!isObject(value)) return;
  if (rest !== "" && Object.hasOwn(value, rest)) found.push(value[rest] as JsonValue);
  for (let dot = rest.indexOf(".", 1); dot > 0; dot = rest.indexOf(".", dot + 1)) {
    const name = rest.slice(0, dot);
    if (Object.hasOwn(value, name)) gather(value[name], rest.slice(dot + 1), found);
  }
}

/** A value as it is copied, shown in a column, or asked for by a filter: text as it is, the rest as JSON. */
export function asText(value: JsonValue | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : json(value);
}

/** JSON with every number as it was written, on one line, or indented by two. */
export function json(value: JsonValue, form: "line" | "pretty" = "line"): string {
  return form === "line" ? onOneLine(value) : indented(value, "\n");
}

function onOneLine(value: JsonValue): string {
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(onOneLine).join(",")}]`;
  if (!isObject(value)) return scalar(value);
  return `{${Object.keys(value).map((name) => `${JSON.stringify(name)}:${onOneLine(value[name] as JsonValue)}`).join(",")}}`;
}

function indented(value: JsonValue, line: string): string {
  const inner = `${line}  `;
  if (Array.isArray(value)) {
    const items = (value as readonly JsonValue[]).map((item) => indented(item, inner));
    return items.length === 0 ? "[]" : `[${inner}${items.join(`,${inner}`)}${line}]`;
  }
  if (!isObject(value)) return scalar(value);
  const members = Object.keys(value).map((name) => `${JSON.stringify(name)}: ${indented(value[name] as JsonValue, inner)}`);
  return members.length === 0 ? "{}" : `{${inner}${members.join(`,${inner}`)}${line}}`;
}

function scalar(value: JsonValue): string {
  return value instanceof Numeral ? value.source : JSON.stringify(value);
}

/** A line as it is stored, byte for byte: what has no text of its own is what JSON makes of its members, in their order. */
export function stored({ offset: _, undecided: __, source, ...members }: Line): string {
  return source ?? onOneLine(members as JsonObject);
}

/** A whole line as it is stored, with its offset first. */
export function lineJson(line: Line): string {
  return `{"offset":${line.offset},${stored(line).slice(1)}`;
}
