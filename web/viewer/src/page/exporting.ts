// Carries out what the export dialog asks for.

import type { LineEntry } from "../buffer/entry.ts";
import { copyText } from "../export/copy.ts";
import { type Progress, batchesOf, download } from "../export/download.ts";
import { FORMATS, fileName } from "../export/format.ts";
import { type Batch, history } from "../export/history.ts";
import type { StreamLine } from "../export/line.ts";
import { type ExportRequest, timesOf } from "../export/request.ts";
import { type FileToSave, type Sink, TextSink, openSink } from "../export/sink.ts";
import type { Page } from "./page.svelte.ts";
import type { Reading } from "./reading.svelte.ts";

type Tell = (progress: Progress) => void;

/** Fails with what to tell the reader. */
export async function exportLines(page: Page, reading: Reading, request: ExportRequest, onprogress: Tell, signal: AbortSignal): Promise<Progress> {
  const { client } = page.visit;
  if (!client) throw new Error("Sign in first.");
  const { format, what, way } = request;
  const columns = reading.columns.map(({ path }) => path);
  const text = way === "copy" ? new TextSink() : undefined;
  const sink: Sink = text ?? (await openSink(fileOf(reading, request)));
  const names = reading.known.map(({ name }) => name).filter((name) => !reading.hidden.has(name));
  const lines = what === "selection" ? asked(reading.choice.lines()) : what === "loaded" ? asked(reading.shownLines()) : undefined;
  const batches = lines
    ? text ? inOne(lines) : batchesOf(lines)
    : history(client, { streams: names, ...(request.filter ? { filter: request.filter } : {}), ...timesOf(request) }, signal);
  const progress = await download({ batches, format, columns, sink, signal, onprogress });
  if (text && !(await copyText(text.text))) throw new Error("The browser did not allow copying. Download it instead.");
  return progress;
}

/** A browser may let a page copy within the click only, which a pause would end. */
function inOne(lines: readonly StreamLine[]): Batch[] {
  return [{ lines, share: 1, missing: 0 }];
}

function fileOf(reading: Reading, { format }: ExportRequest): FileToSave {
  const { type, extension } = FORMATS[format];
  return { name: fileName(reading.streams, format, new Date()), type, extension };
}

function asked(lines: readonly LineEntry[]): StreamLine[] {
  return lines.map(({ stream, line }) => ({ stream: stream.name, line }));
}
