// Saved views on the server: asking for them and changing them. Knows neither the page nor what is done with a view.

import { fromServer, type SavedView, toServer, type ViewContent } from "./saved.ts";

/** Why the server did not do it, as a sentence for the reader. */
export class ViewsError extends Error {
  /** The server's word for it; `unreachable` when there was no answer. */
  readonly code: string;
  /** Whether it certainly was not done. */
  readonly refused: boolean;

  constructor(code: string, message: string, refused = true) {
    super(message);
    this.name = "ViewsError";
    this.code = code;
    this.refused = refused;
  }
}

export interface ViewsServerOptions {
  /** Where the server is. */
  readonly base: URL;
  /** Who asks; nobody while a token is asked for. */
  readonly token: () => string | undefined;
  readonly fetch?: typeof fetch;
}

export class ViewsServer {
  readonly #options: ViewsServerOptions;

  constructor(options: ViewsServerOptions) {
    this.#options = options;
  }

  /** The reader's own, by name. */
  async list(): Promise<readonly SavedView[]> {
    const answer = (await this.#ask("v1/views")) as { readonly views?: readonly unknown[] };
    const views = (answer.views ?? []).map(fromServer).filter((view) => view !== undefined);
    return views.sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
  }

  /** The reader's own, or one that is shared. */
  async read(id: string): Promise<SavedView> {
    return understood(await this.#ask(`v1/views/${id}`));
  }

  /** Keeps a view. @param version the one that it is to replace; none: it is a new one. */
  async write(id: string, content: ViewContent, version?: string): Promise<SavedView> {
    const headers = { "content-type": "application/json", ...ifMatch(version) };
    return understood(await this.#ask(`v1/views/${id}`, { method: "PUT", headers, body: JSON.stringify(toServer(content)) }));
  }

  async delete(id: string, version: string): Promise<void> {
    await this.#ask(`v1/views/${id}`, { method: "DELETE", headers: ifMatch(version) });
  }

  async #ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const { base, token, fetch: ask = fetch } = this.#options;
    const shown = token();
    if (shown === undefined) throw new ViewsError("no_token", "Sign in first.");
    let response: Response;
    try {
      response = await ask(new URL(path, base), { ...init, headers: { ...init.headers, authorization: `Bearer ${shown}` } });
    } catch {
      throw new ViewsError("unreachable", "The server cannot be reached.", false);
    }
    const text = await response.text().catch(() => "");
    if (response.ok) return text && parsed(text);
    const { code, detail } = (parsed(text) ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
    throw new ViewsError(
      typeof code === "string" ? code : `status_${response.status}`,
      typeof detail === "string" ? sentence(detail) : `The server answers ${response.status}.`,
      response.status < 500,
    );
  }
}

function ifMatch(version: string | undefined): Record<string, string> {
  return version === undefined ? {} : { "if-match": `"${version}"` };
}

function understood(answer: unknown): SavedView {
  const view = fromServer(answer);
  if (!view) throw new ViewsError("not_understood", "The server's answer is no view.", false);
  return view;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sentence(detail: string): string {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
}
