// The token: out of what was pasted, and kept for as long as the tab. Never in `localStorage`, which other tabs can read and
// which outlives the person in front of the screen.

import { readAddress } from "./view.ts";
import { Shelf, TAB, type Ground } from "./shelf.ts";

/** A token out of what was pasted: itself, a header, or the address that `tailcast serve` prints. */
export function tokenFrom(pasted: string): string | undefined {
  const text = pasted.trim();
  const fragment = /#token=.*/s.exec(text)?.[0];
  const token = fragment ? readAddress(fragment).token : text.replace(/^(authorization:\s*)?bearer\s+/i, "");
  return token !== undefined && /^[A-Za-z0-9._~+/=-]+$/.test(token) ? token : undefined;
}

/** When a token ends (ms since 1970) by what it says of itself. */
export function tokenEnd(token: string): number | undefined {
  const { exp } = claimsOf(token);
  return typeof exp === "number" ? exp * 1000 : undefined;
}

/** Who a token belongs to by what it says of itself. */
export function tokenSubscriber(token: string): string {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : "";
}

/** The server decides what of it is true. */
function claimsOf(token: string): { readonly exp?: unknown; readonly sub?: unknown } {
  try {
    const claims = atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(claims, (character) => character.charCodeAt(0));
    const read: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof read === "object" && read !== null ? read : {};
  } catch {
    return {};
  }
}

/** Remembers the token through reloads of the tab. */
export class KeptToken {
  readonly #shelf: Shelf;

  constructor(ground: Ground = TAB) {
    this.#shelf = new Shelf("tailcast.token", ground);
  }

  read(): string | undefined {
    return this.#shelf.read();
  }

  /** `undefined` forgets it. */
  write(token: string | undefined): void {
    this.#shelf.write(token);
  }
}
