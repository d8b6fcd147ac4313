// Where a download goes: into a file as it comes where the browser can, else into memory, and then into a file.

/** Takes bytes in order. `abort` leaves nothing behind. */
export interface Sink {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

export interface FileToSave {
  readonly name: string;
  readonly type: string;
  readonly extension: string;
}

/** In memory; more would end the tab. */
export const MOST_IN_MEMORY = 512 * 1024 * 1024;
/** Parts are joined so often: a browser may keep a large one on the disk. */
const JOINED_EVERY = 256;

interface Picker {
  readonly showSaveFilePicker?: (options: object) => Promise<{ createWritable(): Promise<Sink> }>;
}

/**
 * Asks the reader where to save. Only within a click: browsers ask at no other time. Fails with the browser's
 * `AbortError` when they change their mind.
 */
export async function openSink(file: FileToSave, page: Picker = globalThis as Picker): Promise<Sink> {
  if (page.showSaveFilePicker) {
    try {
      const types = [{ accept: { [file.type]: [`.${file.extension}`] } }];
      const handle = await page.showSaveFilePicker({ suggestedName: file.name, types });
      return await handle.createWritable();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      // The browser has it and forbids it here: in a frame, say.
    }
  }
  return new MemorySink((blob) => save(blob, file.name), file.type);
}

/** Collects the bytes and saves them at the end. Fails with a sentence when there are too many. */
export class MemorySink implements Sink {
  readonly #save: (blob: Blob) => void;
  readonly #type: string;
  readonly #most: number;
  #parts: BlobPart[] = [];
  #bytes = 0;

  constructor(save: (blob: Blob) => void, type: string, most = MOST_IN_MEMORY) {
    this.#save = save;
    this.#type = type;
    this.#most = most;
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#most) {
      this.#parts = [];
      const megabytes = Math.floor(this.#most / 1024 / 1024);
      const why = `This is more than ${megabytes} MB, which is all that this browser can hold before it saves.`;
      return Promise.reject(new Error(`${why} Choose a shorter time or a narrower filter. Nothing was saved.`));
    }
    this.#parts.push(bytes);
    if (this.#parts.length >= JOINED_EVERY) this.#parts = [new Blob(this.#parts)];
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#save(new Blob(this.#parts, { type: this.#type }));
    return this.abort();
  }

  abort(): Promise<void> {
    this.#parts = [];
    return Promise.resolve();
  }
}

/** Collects the text, to copy it. */
export class TextSink implements Sink {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  text = "";

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.text = "";
    return Promise.resolve();
  }
}

/** The address of the bytes has to live until the browser has read them, and nobody tells when that is. */
const FORGOTTEN_AFTER_MS = 60_000;

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), FORGOTTEN_AFTER_MS);
}
