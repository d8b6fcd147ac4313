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
    const now = Date.now();
    const items = found.slice(0, MOST_SHOWN).map((stream) => this.#item([stream.name], stream, now));
    const exact = streams.some(({ name }) => name === sought);
    if (sought && !exact) {
      const typed = this.#item(splitNames(sought), undefined, now);
      // What is in the list comes first, a pattern or something new is taken as it was typed.
      if (found.length > 0 && !sought.includes("*")) items.push(typed);
      else items.unshift(typed);
    } else if (!sought && streams.length > 1) {
      items.unshift(this.#item(["**"], undefined, now));
    }
    const focused = document.activeElement?.dataset?.names;
    this.#list.replaceChildren(...items);
    if (focused) items.map((item) => item.firstChild).find((link) => link.dataset.names === focused)?.focus();
    this.#summary.textContent = this.#summarize(streams.length, found.length);
  }

  #summarize(all, found) {
    if (!this.#streams) return "";
    if (all === 0) return "No stream has a line that you may read yet.";
    if (found > MOST_SHOWN) return `${count(found - MOST_SHOWN, "more stream")}: search to see them`;
    return found < all ? `${found.toLocaleString("en")} of ${count(all, "stream")}` : count(all, "stream");
  }

  #item(names, stream, now) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = fragmentOf(names);
    link.dataset.names = names.join(",");
    const followed = names.join() === this.#followed.join();
    if (followed) link.setAttribute("aria-current", "page");
    const name = element("span", "name", title(names, stream));
    name.title = names.join(", ");
    link.append(name);
    if (stream) {
      link.append(element("span", "rate", rate(stream.lines_per_second)));
      link.append(element("span", "ago", stream.last_arrival ? ago(stream.last_arrival, now) : "no line yet"));
      if (stream.lines_per_second > 0) link.classList.add("moving");
    } else {
      link.classList.add("typed");
    }
    item.append(link);
    return item;
  }
}

function title(names, stream) {
  if (stream) return stream.name;
  return names.join() === "**" ? "All streams" : `Follow ${names.join(", ")}`;
}
