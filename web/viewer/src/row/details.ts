// What an open row shows below its line: when exactly, which line, and its fields with what can be done with each.

import { figure } from "../count.ts";
import type { JsonValue } from "tailcast-client";
import type { LineEntry } from "../buffer/entry.ts";
import { type Act, buttonFor, isOfField } from "./acts.ts";
import { type Zone, exact } from "./clock.ts";
import { asText, isObject, pathTo } from "./fields.ts";
import { MessageView } from "./message.ts";
import { cut } from "./segments.ts";
import { UNDECIDED } from "./words.ts";

/** So many members of an object stand there at first, and so many more after each click. */
const MEMBERS_SHOWN = 100;
/** Objects within objects are open so far down. */
const DEPTH_OPEN = 2;
const VALUE_SHOWN = 1_000;

const LINE_ACTS: readonly (readonly [Act, string])[] = [
  ["copy-line", "Copy line"],
  ["copy-link", "Copy link"],
  ["context", "Show in context"],
];

const VALUE_ACTS: readonly (readonly [Act, string])[] = [
  ["only", "Only this"],
  ["without", "Without this"],
  ["column", "As column"],
];

/** A value within the fields. */
interface Member {
  readonly name: string;
  /** `undefined` where nothing can be asked for by path: within a name that is empty. */
  readonly path: string | undefined;
  readonly value: JsonValue;
}

export class Details {
  readonly element = made("div", "details");
  readonly #facts = made("div", "facts");
  readonly #fields = made("div", "tree");
  #entry: LineEntry | undefined;
  #zone: Zone | undefined;

  constructor() {
    const acts = made("div", "line-acts");
    acts.append(...LINE_ACTS.map(([act, label]) => buttonFor(act, label)));
    const head = made("div", "details-head");
    head.append(this.#facts, acts);
    this.element.append(head, this.#fields);
  }

  show(entry: LineEntry, zone: Zone): void {
    if (entry === this.#entry && zone === this.#zone) return;
    const { line, stream } = entry;
    this.#facts.replaceChildren(
      withText("span", "fact", timeOf(line.ts, zone)),
      withText("span", "fact", `${stream.name} #${line.offset}`),
      ...(line.undecided ? [withText("span", "fact doubt", UNDECIDED.long)] : []),
    );
    // The tree stays when only the zone is another: what the reader opened in it stays open.
    if (entry !== this.#entry) {
      const members = isObject(line.fields) ? membersOf(line.fields, "") : [];
      this.#fields.replaceChildren(...(members.length > 0 ? [listOf(members, 0)] : [withText("p", "none", "No fields.")]));
    }
    this.#entry = entry;
    this.#zone = zone;
  }
}

/** To the last digit, once: the row has the clock of the zone. */
function timeOf(ts: string, zone: Zone): string {
  return exact(ts, zone).split("\n").at(-1) ?? ts;
}

/** The members of an object, or a list's items, which have the path of the list. */
function membersOf(value: JsonValue, path: string | undefined): Member[] {
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).map((item, i) => ({ name: String(i), path, value: item }));
  }
  if (!isObject(value)) return [];
  return Object.keys(value).map((name) => ({
    name,
    path: path === undefined || name === "" ? undefined : pathTo(path, name),
    value: value[name] as JsonValue,
  }));
}

function listOf(members: readonly Member[], depth: number): HTMLElement {
  const list = made("ul", "members");
  let shown = 0;
  const rest = document.createElement("button");
  rest.type = "button";
  rest.className = "rest";
  const showMore = (): void => {
    const next = members.slice(shown, shown + MEMBERS_SHOWN);
    shown += next.length;
    rest.remove();
    list.append(...next.map((member) => itemOf(member, depth)));
    const left = members.length - shown;
    rest.textContent = `… ${figure(left)} more`;
    if (left > 0) list.append(rest);
  };
  rest.addEventListener("click", showMore);
  showMore();
  return list;
}

function itemOf(member: Member, depth: number): HTMLElement {
  const inner = membersOf(member.value, member.path);
  const item = made("li", "member");
  if (member.path !== undefined) isOfField(item, member.path, member.value);
  const head = made("div", "member-head");
  const name = withSigns("span", "name", member.name);
  if (inner.length === 0) {
    head.append(name, valueOf(member.value), actsOf(member, true));
    item.append(head);
    return item;
  }
  head.append(nestOf(item, name, inner, Array.isArray(member.value), depth), actsOf(member, false));
  item.prepend(head);
  return item;
}

/** The button that opens and closes what is within a value. Members are made when they are first shown. */
function nestOf(item: HTMLElement, name: HTMLElement, inner: readonly Member[], isList: boolean, depth: number): HTMLElement {
  const nest = document.createElement("button");
  nest.type = "button";
  nest.className = "nest";
  const size = `${isList ? "[" : "{"}${figure(inner.length)}${isList ? "]" : "}"}`;
  nest.append(name, withText("span", "size", size));
  let list: HTMLElement | undefined;
  const open = (wanted: boolean): void => {
    nest.setAttribute("aria-expanded", String(wanted));
    if (wanted) item.append((list ??= listOf(inner, depth + 1)));
    else list?.remove();
  };
  open(depth < DEPTH_OPEN && inner.length <= MEMBERS_SHOWN);
  nest.addEventListener("click", () => open(nest.getAttribute("aria-expanded") !== "true"));
  return nest;
}

/** What can be done: a filter and a column are of single values with a path. */
function actsOf({ path }: Member, isValue: boolean): HTMLElement {
  const acts = made("span", "member-acts");
  if (path === undefined) return acts;
  acts.append(buttonFor("copy-value", "Copy value"), buttonFor("copy-path", "Copy path"));
  if (isValue) acts.append(...VALUE_ACTS.map(([act, label]) => buttonFor(act, label)));
  return acts;
}

function valueOf(value: JsonValue): HTMLElement {
  const text = asText(value);
  const kind = typeof value === "string" ? "string" : value === null || typeof value === "boolean" ? "word" : "number";
  const shown = text === "" ? '""' : text.length > VALUE_SHOWN ? `${cut(text, VALUE_SHOWN)}…` : text;
  const element = withSigns("span", `value ${kind}`, shown);
  if (text.length > VALUE_SHOWN) element.append(withText("span", "size", ` ${figure(text.length)} characters`));
  return element;
}

function withSigns(name: string, className: string, text: string): HTMLElement {
  const view = new MessageView(made(name, className));
  view.show(text.length > VALUE_SHOWN + 1 ? `${cut(text, VALUE_SHOWN)}…` : text, false);
  return view.element;
}

function withText(name: string, className: string, text: string): HTMLElement {
  const element = made(name, className);
  element.textContent = text;
  return element;
}

function made(name: string, className: string): HTMLElement {
  const element = document.createElement(name);
  element.className = className;
  return element;
}
