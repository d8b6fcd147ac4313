// Who reads: the token, the client that it makes, and the streams there are. Knows no log.

import { Client, type ClientState, type StreamInfo, TailcastError } from "tailcast-client";
import { KeptToken, tokenEnd, tokenSubscriber } from "../address/token.ts";
import { isAboutToken } from "../follow/words.ts";

const LIST_EVERY_MS = 5_000;

export class Visit {
  readonly #kept = new KeptToken();
  readonly #server: URL;
  #client: Client | undefined;

  /** Who reads: by the token's own word, until the server has said it. */
  subscriber = $state("");
  /** Why a token is asked for; empty when there simply is none. `undefined` while there is one. */
  asked = $state<string | undefined>();
  streams = $state.raw<readonly StreamInfo[] | undefined>();
  /** Why the list of streams cannot be read now. */
  problem = $state("");
  /** When the list was read, ms since 1970. */
  readAt = $state(Date.now());
  /** What a reader should know and no view ends by. */
  notice = $state("");

  /** @param server the server is where the page is from. */
  constructor(server: URL) {
    this.#server = server;
    const token = this.#kept.read();
    if (token) this.#use(token);
    else this.asked = "";
    setInterval(() => void this.readStreams(), LIST_EVERY_MS);
  }

  /** What who reads is known by; `undefined` while it is asked for. */
  get token(): string | undefined {
    return this.#client && this.#kept.read();
  }

  /** `undefined` while a token is asked for. */
  get client(): Client | undefined {
    return this.#client;
  }

  /** Whether a token would make somebody else of who reads. */
  wouldChange(token: string): boolean {
    return this.#client !== undefined && token !== this.#kept.read() && tokenSubscriber(token) !== this.subscriber;
  }

  /** There was no token in what should have been one. Who reads reads on. */
  refuse(why: string): void {
    if (this.#client) this.notice = why;
    else this.asked = why;
  }

  /** Reads with another token. */
  take(token: string): void {
    this.#client?.close();
    this.#kept.write(token);
    this.#use(token);
  }

  signOut(): void {
    this.#forget();
    this.streams = undefined;
    this.subscriber = "";
    this.asked = "";
  }

  /** The token is of no use any more. */
  ended(error: TailcastError): void {
    const token = this.#kept.read();
    const end = token === undefined ? undefined : tokenEnd(token);
    this.#forget();
    this.asked =
      end !== undefined && end <= Date.now() ? `The token ended at ${clock(end)}.` : `The server refuses this token: ${error.message}`;
  }

  async readStreams(): Promise<void> {
    const client = this.#client;
    if (!client || document.hidden) return;
    try {
      const streams = await client.streams();
      if (client !== this.#client) return;
      this.streams = streams;
      this.problem = "";
      this.readAt = Date.now();
    } catch (error) {
      if (client !== this.#client || !(error instanceof TailcastError)) return;
      if (isAboutToken(error) || error.details.status === 401) this.ended(error);
      else this.problem = `The list cannot be read: ${error.message}.`;
    }
  }

  #use(token: string): void {
    this.notice = "";
    this.subscriber = tokenSubscriber(token);
    this.#client = new Client({
      url: this.#server,
      token,
      exact: true,
      onState: (state) => this.#became(state),
      onProblem: (problem) => {
        const { expiresAt } = problem.details;
        this.notice = expiresAt ? `This token ends at ${clock(expiresAt.getTime())}.` : `The server says: ${problem.message}.`;
      },
    });
    this.asked = undefined;
    void this.readStreams();
  }

  #became(state: ClientState): void {
    if (state.name === "open") this.subscriber = state.subscriber;
  }

  #forget(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#kept.write(undefined);
  }
}

function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}
