// What the page says about how a view stands, in words. Pure.

import type { FaultEvent, SubscriptionState, TailcastError } from "tailcast-client";
import { count } from "../count.ts";

/** A fault that the client found, or one of the store behind it. */
export type Fault = Omit<FaultEvent, "type" | "kind"> & { readonly kind: FaultEvent["kind"] | "set_back" };

export function faultText({ kind, stream, from, to, count: carried }: Fault): string {
  const range = `${stream}, ${from} to ${to - 1}`;
  const lines = count(to - from, "line");
  switch (kind) {
    case "missing":
      return `Fault: ${lines} did not arrive (${range}).`;
    case "repeated":
      return `Fault: ${lines} arrived a second time and stand${to - from === 1 ? "s" : ""} here once (${range}).`;
    case "set_back":
      return `Fault: the store was set back; ${lines} shown above are not in it (${range}).`;
    case "miscounted":
      return `Fault: a message for ${lines} carried ${carried ?? "another number of them"} (${range}).`;
  }
}

/** Codes after which another token helps: the refusals of the first request, and the end of an open session. */
export function isAboutToken(error: TailcastError | undefined): boolean {
  return error !== undefined && ["token_expired", "bad_token", "no_token", "revoked"].includes(error.code);
}

/** What is wrong with the filter, when the view ended by it. `position` counts its characters from 0. */
export function filterError(state: SubscriptionState): { readonly message: string; readonly position?: number } | undefined {
  if (state.name !== "ended" || state.error?.code !== "bad_filter") return undefined;
  const { message, details } = state.error;
  return { message, ...(details.position === undefined ? {} : { position: details.position }) };
}

/** How a view stands, as short as may be; `detail` is a sentence or nothing. */
export interface Standing {
  readonly tone: "wait" | "live" | "paused" | "silent" | "offline" | "ended";
  readonly words: string;
  readonly detail: string;
}

/** @param now ms since 1970. */
export function standing(state: SubscriptionState, now: number): Standing {
  switch (state.name) {
    case "connecting":
      return { tone: "wait", words: "connecting", detail: "" };
    case "replaying":
      return { tone: "wait", words: state.remaining > 0 ? `replaying, ${count(state.remaining, "line")} to go` : "replaying", detail: "" };
    case "live":
      return { tone: "live", words: "live", detail: "" };
    case "silent": {
      const seconds = Math.max(0, Math.floor((now - state.since.getTime()) / 1000));
      const detail = "What it has acknowledged is not lost.";
      return { tone: "silent", words: `no answer for ${seconds} s`, detail };
    }
    case "paused":
      return paused(state.behind, state.slow);
    case "offline": {
      const seconds = Math.ceil((state.until.getTime() - now) / 1000);
      return { tone: "offline", words: seconds > 0 ? `offline, retrying in ${seconds} s` : "offline, retrying", detail: state.why };
    }
    case "ended":
      return { tone: "ended", ...ended(state.error) };
  }
}

function paused(behind: number, slow: boolean): Standing {
  if (slow) return { tone: "paused", words: behind > 0 ? `behind by ${count(behind, "line")}` : "catching up", detail: "" };
  return { tone: "paused", words: behind > 0 ? `paused, behind by ${count(behind, "line")}` : "paused", detail: "" };
}

function ended(error: TailcastError | undefined): { words: string; detail: string } {
  if (!error) return { words: "ended", detail: "" };
  if (isAboutToken(error)) return { words: "token ended", detail: error.message };
  if (error.code === "stream_not_found") {
    return { words: "no such stream", detail: "There is no such stream, or this token may not read it." };
  }
  if (error.code === "bad_filter") return { words: "filter not understood", detail: "" };
  return { words: "ended", detail: error.message };
}
