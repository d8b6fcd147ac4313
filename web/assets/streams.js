// The list of readable streams, with its search. Knows no wire.

import { fragmentOf, splitNames } from "./address.js";
import { element } from "./row.js";
import { ago, count, rate } from "./text.js";

/** Streams in the list at once. The search finds the others. */
const MOST_SHOWN = 300;

export class StreamList {
  #list;
  #search;
  #summary;
  #open;
  #streams;
  #followed = [];

  /** @param open called with the names and patterns to follow. */
  constructor({ list, search, summary, open }) {
    this.#list = list;
    this.#search = search;
    this.#summary = summary;
    this.#open = open;
    search.addEventListener("input", () => this.#draw());
    search.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("keydown", (event) => this.#step(event));
  }

  /** The streams as the server lists them; undefined when they are not known. */
  show(streams) {
    this.#streams = streams?.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    this.#draw();
  }

  follow(names) {
    this.#followed = names;
    this.#draw();
  }

  #key(event) {
    if (event.key === "Enter") {
      const first = this.#list.querySelector("a");
      if (first) this.#open(splitNames(first.dataset.names));
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      this.#list.querySelector("a")?.focus();
    } else if (event.key === "Escape") {
      this.#search.value = "";
      this.#draw();
      this.#search.blur();
    }
  }

  #step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const links = [...this.#list.querySelectorAll("a")];
    const next = links[links.indexOf(document.activeElement) + step];
    (next ?? (step < 0 ? this.#search : document.activeElement)).focus();
  }

  #draw() {
    const streams = this.#streams ?? [];
    const sought = this.#search.value.trim();
    const found = streams.filter(({ name }) => name.toLowerCase().includes(sought.toLowerCase()));
    const shown = found.slice(0, MOST_SHOWN).map((stream) => ({ names: [stream.name], stream }));
    const exact = streams.some(({ name }) => name === sought);
    if (sought && !exact) {
      const typed = { names: splitNames(sought) };
      // What is in the list comes first, a pattern or something new is taken as it was typed.
      if (found.length > 0 && !sought.includes("*")) shown.push(typed);
      else shown.unshift(typed);
    } else if (!sought && streams.length > 1) {
      shown.unshift({ names: ["**"] });
    }
    this.#put(shown);
    this.#summary.textContent = this.#summarize(streams.length, found.length);
  }

  /** Items that stay are kept as they are: one may be under the pointer, or have the focus. */
  #put(shown) {
    const kept = new Map([...this.#list.children].map((item) => [item.firstChild.dataset.names, item]));
    const now = Date.now();
    const items = shown.map(({ names, stream }) => {
      const item = kept.get(names.join()) ?? newItem(names);
      this.#describe(item.firstChild, names, stream, now);
      return item;
    });
    const same = items.length === kept.size && items.every((item, i) => item === this.#list.children[i]);
    if (same) return;
    const focused = items.find((item) => item.contains(document.activeElement));
    this.#list.replaceChildren(...items);
    focused?.firstChild.focus({ preventScroll: true });
  }

  #summarize(all, found) {
    if (!this.#streams) return "";
    if (all === 0) return "No stream has a line that you may read yet.";
    if (found > MOST_SHOWN) return `${count(found - MOST_SHOWN, "more stream")}: search to see them`;
    return found < all ? `${found.toLocaleString("en")} of ${count(all, "stream")}` : count(all, "stream");
  }

  #describe(link, names, stream, now) {
    if (names.join() === this.#followed.join()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.classList.toggle("typed", !stream);
    const [name, speed, last] = link.children;
    name.textContent = title(names, stream);
    speed.textContent = stream ? rate(stream.linesPerSecond) : "";
    last.textContent = stream ? (stream.lastArrival ? ago(stream.lastArrival, now) : "no line yet") : "";
  }
}

function newItem(names) {
  const link = document.createElement("a");
  link.href = fragmentOf(names);
  link.dataset.names = names.join();
  const name = element("span", "name");
  name.title = names.join(", ");
  link.append(name, element("span", "rate"), element("span", "ago"));
  const item = document.createElement("li");
  item.append(link);
  return item;
}

function title(names, stream) {
  if (stream) return stream.name;
  return names.join() === "**" ? "All streams" : `Follow ${names.join(", ")}`;
}
