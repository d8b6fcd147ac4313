// The running proof of a view: what the client library counted, over all the subscriptions that the view had. Pure.

import { isComplete, type StreamProof } from "tailcast-client";

type Sums = Omit<StreamProof, "stream" | "next">;

export interface Tally extends Sums {
  /** Those that are not whole first. */
  readonly streams: readonly StreamProof[];
  /** Whether every line that was due came once. */
  readonly whole: boolean;
}

const NOTHING: Sums = { passed: 0, received: 0, leftOut: 0, gone: 0, missing: 0, repeated: 0, miscounted: 0 };

/** @param faults those that were told, of which the counts may not know. */
export function tally(proofs: readonly (readonly StreamProof[])[], faults: number): Tally {
  const streams = new Map<string, StreamProof>();
  for (const proof of proofs.flat()) {
    const known = streams.get(proof.stream);
    streams.set(proof.stream, known ? { ...proof, ...plus(known, proof) } : proof);
  }
  const all = [...streams.values()];
  const order = (proof: StreamProof) => Number(isComplete(proof));
  const sums = all.reduce<Sums>(plus, NOTHING);
  return { ...sums, streams: all.sort((a, b) => order(a) - order(b)), whole: faults === 0 && all.every(isComplete) };
}

function plus(a: Sums, b: Sums): Sums {
  return {
    passed: a.passed + b.passed,
    received: a.received + b.received,
    leftOut: a.leftOut + b.leftOut,
    gone: a.gone + b.gone,
    missing: a.missing + b.missing,
    repeated: a.repeated + b.repeated,
    miscounted: a.miscounted + b.miscounted,
  };
}
