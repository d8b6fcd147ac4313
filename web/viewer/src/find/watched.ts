// A worker, watched: it does one thing after the other, and is ended when one takes too long. The next one is given to a
// new worker. Knows nothing of what the work is about.

import type { Answer, Job } from "./search.ts";

/** What is used of a `Worker`. It says `"ready"` first, and then answers each job. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(job: Job): void;
  terminate(): void;
}

/** For one job. */
export const MOST_MS = 2_000;

/** The job was taking too long. */
export class TooSlow extends Error {
  override readonly name = "TooSlow";
}

/** The worker is not there, or broke. */
export class NoWorker extends Error {
  override readonly name = "NoWorker";
}

interface Task {
  readonly job: Job;
  readonly done: (answer: unknown) => void;
  readonly failed: (reason: unknown) => void;
}

export class WatchedWorker {
  readonly #start: () => WorkerLike;
  readonly #urgent: Task[] = [];
  readonly #waiting: Task[] = [];
  #worker: WorkerLike | undefined;
  #ready = false;
  #current: Task | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(start: () => WorkerLike) {
    this.#start = start;
  }

  /**
   * The job's answer. What is urgent goes before everything else that waits. Fails with {@link TooSlow}, {@link NoWorker} or
   * the signal's reason; a job that was begun is not stopped by the signal, only its answer is not wanted any more.
   */
  run<J extends Job>(job: J, urgency: "urgent" | "usual", signal?: AbortSignal): Promise<Answer<J>> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const queue = urgency === "urgent" ? this.#urgent : this.#waiting;
    let gaveUp = (): void => undefined;
    const answer = new Promise<unknown>((done, failed) => {
      const task: Task = { job, done, failed };
      gaveUp = (): void => {
        const index = queue.indexOf(task);
        if (index >= 0) queue.splice(index, 1);
        failed(signal?.reason);
      };
      queue.push(task);
    });
    signal?.addEventListener("abort", gaveUp);
    this.#next();
    return answer.finally(() => signal?.removeEventListener("abort", gaveUp)) as Promise<Answer<J>>;
  }

  close(): void {
    for (const { failed } of [...this.#urgent.splice(0), ...this.#waiting.splice(0)]) failed(new NoWorker());
    this.#fail(new NoWorker());
  }

  #next(): void {
    if (this.#current) return;
    this.#current = this.#urgent.shift() ?? this.#waiting.shift();
    if (!this.#current) return;
    try {
      this.#worker ??= this.#started();
    } catch (error) {
      this.#fail(new NoWorker(String(error)));
      return;
    }
    if (this.#ready) this.#send();
  }

  #started(): WorkerLike {
    const worker = this.#start();
    worker.onmessage = ({ data }) => {
      if (data !== "ready") return this.#done(data);
      this.#ready = true;
      this.#send();
    };
    worker.onerror = ({ message }) => this.#fail(new NoWorker(message));
    return worker;
  }

  /** The time counts from here on: until it is ready, a worker only waits for the network. */
  #send(): void {
    if (!this.#current) return;
    this.#worker?.postMessage(this.#current.job);
    this.#watch = setTimeout(() => this.#fail(new TooSlow()), MOST_MS);
  }

  #done(answer: unknown): void {
    const task = this.#current;
    this.#forget();
    task?.done(answer);
    this.#next();
  }

  /** Ends the worker with what it is at. */
  #fail(reason: Error): void {
    const task = this.#current;
    this.#forget();
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#ready = false;
    task?.failed(reason);
    this.#next();
  }

  #forget(): void {
    clearTimeout(this.#watch);
    this.#current = undefined;
  }
}
