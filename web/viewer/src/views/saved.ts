// A saved view: what it has, how it goes over the wire, and whether it is what is on the page. Pure.

import { type At, type Column, NO_VIEW, SAVED_ID, type View, splitNames } from "../address/view.ts";

export const LONGEST_NAME = 100;

/** What its owner decides. */
export interface ViewContent {
  readonly name: string;
  /** Whether whoever has its link may open it. */
  readonly shared: boolean;
  readonly view: View;
}

export interface SavedView extends ViewContent {
  readonly id: string;
  readonly version: string;
  /** Whether it is the reader's own, and can be changed. */
  readonly own: boolean;
}

/** A new id: 128 random bits, since whoever has it can open a view that is shared. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** As a person typed it. */
export function tidyName(name: string): string {
  return [...name.replace(/[\s\p{Cc}]+/gu, " ").trim()].slice(0, LONGEST_NAME).join("").trim();
}

export function toServer({ name, shared, view }: ViewContent): unknown {
  const { streams, filter, columns, hidden, at, find } = view;
  return {
    name,
    shared,
    streams,
    ...(filter ? { filter } : {}),
    ...(columns.length > 0 ? { columns } : {}),
    ...(hidden.length > 0 ? { hidden } : {}),
    ...(at ? { at } : {}),
    ...(find ? { find } : {}),
  };
}

/** Nothing of an answer is believed that does not look as it should: it is shown, and followed like a link. */
export function fromServer(answer: unknown): SavedView | undefined {
  const { id, version, own, name, shared, streams, filter, columns, hidden, at, find } = record(answer);
  if (typeof id !== "string" || !SAVED_ID.test(id) || typeof version !== "string" || typeof name !== "string") return undefined;
  const names = texts(streams);
  if (names.length === 0) return undefined;
  const place = readAt(at);
  const view: View = {
    ...NO_VIEW,
    streams: names,
    filter: typeof filter === "string" ? filter : "",
    columns: readColumns(columns),
    hidden: texts(hidden),
    saved: id,
    ...(place ? { at: place } : {}),
    ...(typeof find === "string" && find ? { find } : {}),
  };
  return { id, version, own: own === true, name, shared: shared === true, view };
}

/** Whether two views show the same, wherever in it the reader is. */
export function isSameView(one: View, other: View): boolean {
  return told(one) === told(other);
}

/** Whether the reader is where it begins, too. */
export function isSamePlace(one: View, other: View): boolean {
  return isSameView(one, other) && JSON.stringify(placeOf(one.at)) === JSON.stringify(placeOf(other.at));
}

function told({ streams, filter, columns, hidden, find }: View): string {
  const widths = columns.map(({ path, width }) => [path, width ?? null]);
  return JSON.stringify([streams, filter.trim(), widths, [...hidden].sort(), find ?? ""]);
}

function placeOf(at: At | undefined): unknown {
  if (!at) return null;
  return "time" in at ? [at.time] : [at.stream, at.offset];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function texts(value: unknown): string[] {
  const all = Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
  return splitNames(all.join(","));
}

function readColumns(value: unknown): Column[] {
  const columns = (Array.isArray(value) ? value : []).map(record);
  return columns.flatMap(({ path, width }) =>
    typeof path === "string" && path ? [typeof width === "number" ? { path, width } : { path }] : [],
  );
}

function readAt(value: unknown): At | undefined {
  const { stream, offset, time } = record(value);
  if (typeof stream === "string" && typeof offset === "number") return { stream, offset };
  return typeof time === "string" && !Number.isNaN(Date.parse(time)) ? { time } : undefined;
}
