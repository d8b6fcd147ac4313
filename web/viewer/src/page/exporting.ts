// Carries out what the export dialog asks for.

import type { Client } from "tailcast-client";
import type { LineEntry } from "../buffer/entry.ts";
import { copyText } from "../export/copy.ts";
import { type Progress, batchesOf, download } from "../export/download.ts";
import { FORMATS, fileName } from "../export/format.ts";
import { type Batch, history } from "../export/history.ts";
import type { StreamLine } from "../export/line.ts";
import { type ExportRequest, timesOf } from "../export/request.ts";
import { type FileToSave, type Sink, TextSink, openSink } from "../export/sink.ts";
import type { Reading } from "./reading.ts";

/** Where lines are exported from. */
export interface Exported {
  /** None while a token is asked for. */
  readonly client: Client | undefined;
  readonly reading: Pick<Reading, "streams" | "display" | "choice" | "log">;
}

type Tell = (progress: Progress) => void;

/** Fails with what to tell the reader. */
export async function exportLines(source: Exported, request: ExportRequest, onprogress: Tell, signal: AbortSignal): Promise<Progress> {
  const { client, reading } = source;
  if (!client) throw new Error("Sign in first.");
  const { format, what, way } = request;
  const columns = reading.display.columns.map(({ path }) => path);
  const text = way === "copy" ? new TextSink() : undefined;
  const sink: Sink = text ?? (await openSink(fileOf(reading, request)));
  const held = heldOf(reading, what);
  const lines = held && asked(held);
  const range = { streams: reading.display.shown, ...(request.filter ? { filter: request.filter } : {}), ...timesOf(request) };
  const batches = !lines ? history(client, range, signal) : text ? inOne(lines) : batchesOf(lines);
  const progress = await download({ batches, format, columns, sink, signal, onprogress });
  if (text && !(await copyText(text.text))) throw new Error("The browser did not allow copying. Download it instead.");
  return progress;
}

/** What the tab has of it; nothing where the store is asked. */
function heldOf({ choice, log }: Exported["reading"], what: ExportRequest["what"]): LineEntry[] | undefined {
  if (what === "selection") return choice.lines();
  return what === "loaded" ? log.buffer.shownLines() : undefined;
}

/** A browser may let a page copy within the click only, which a pause would end. */
function inOne(lines: readonly StreamLine[]): Batch[] {
  return [{ lines, share: 1, missing: 0, damaged: 0 }];
}

function fileOf(reading: Exported["reading"], { format }: ExportRequest): FileToSave {
  const { type, extension } = FORMATS[format];
  return { name: fileName(reading.streams, format, new Date()), type, extension };
}

function asked(lines: readonly LineEntry[]): StreamLine[] {
  return lines.map(({ stream, line }) => ({ stream: stream.name, line }));
}
