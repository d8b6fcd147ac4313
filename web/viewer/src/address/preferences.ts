// How a reader likes the page, remembered by the browser. The one place that knows which preferences there are.

import { isZone, type TimeFormat, type Zone } from "../row/clock.ts";
import { BROWSER, Shelf, type Ground } from "./shelf.ts";

export interface Preferences {
  readonly zone: Zone;
  /** How a line's time is written. */
  readonly time: TimeFormat;
  /** Long lines go on below instead of to the right. */
  readonly wrap: boolean;
  readonly density: "compact" | "normal" | "roomy";
  /** Of lines, in px. */
  readonly fontSize: number;
  readonly theme: "system" | "light" | "dark";
  /** Colours that lines ask for are shown. */
  readonly ansi: boolean;
  /** Stack traces are folded. */
  readonly fold: boolean;
  readonly chart: boolean;
  readonly sidebar: boolean;
}

export const FONT_SIZES = { least: 10, most: 20 };

export const DEFAULTS: Preferences = {
  zone: "local",
  time: "time",
  wrap: true,
  density: "normal",
  fontSize: 13,
  theme: "system",
  ansi: true,
  fold: true,
  chart: true,
  sidebar: true,
};

/** What each preference may be. What is refused has its default. */
const ALLOWED: { readonly [Name in keyof Preferences]: (value: unknown) => boolean } = {
  zone: (value) => typeof value === "string" && value !== "" && isZone(value),
  time: oneOf("time", "datetime", "iso", "relative"),
  wrap: isBoolean,
  density: oneOf("compact", "normal", "roomy"),
  fontSize: (value) => Number.isInteger(value) && (value as number) >= FONT_SIZES.least && (value as number) <= FONT_SIZES.most,
  theme: oneOf("system", "light", "dark"),
  ansi: isBoolean,
  fold: isBoolean,
  chart: isBoolean,
  sidebar: isBoolean,
};

/** Preferences out of whatever was kept: by an older page, another one, or by hand. */
export function preferencesOf(kept: unknown): Preferences {
  const given = (typeof kept === "object" && kept !== null ? kept : {}) as Record<string, unknown>;
  const allowed = Object.entries(ALLOWED).filter(([name, allows]) => Object.hasOwn(given, name) && allows(given[name]));
  return { ...DEFAULTS, ...Object.fromEntries(allowed.map(([name]) => [name, given[name]])) };
}

export class KeptPreferences {
  readonly #shelf: Shelf;

  constructor(ground: Ground = BROWSER) {
    this.#shelf = new Shelf("tailcast.preferences", ground);
  }

  read(): Preferences {
    return preferencesOf(this.#shelf.readJson());
  }

  /** Only what differs from the defaults, so that a better default reaches who never chose. */
  write(preferences: Preferences): void {
    const chosen = Object.entries(preferences).filter(([name, value]) => DEFAULTS[name as keyof Preferences] !== value);
    this.#shelf.writeJson(Object.fromEntries(chosen));
  }

  /** Calls when another tab has changed them. Answers how to stop that. */
  watch(changed: () => void): () => void {
    return this.#shelf.watch(changed);
  }
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function oneOf(...values: readonly string[]): (value: unknown) => boolean {
  return (value) => typeof value === "string" && values.includes(value);
}
