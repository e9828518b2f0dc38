// What the sending process is asked for and what it answers, as messages between processes.

export interface LoadRun {
  readonly port: number;
  readonly connectionCount: number;
  /** See `wire.ts`. */
  readonly requestsPath: string;
  /** `null`: every request once, in order. Otherwise round and round for this long. */
  readonly durationMs: number | null;
}

export interface LoadResult {
  readonly answerCount: number;
  /** Answers with another status than 200. */
  readonly failureCount: number;
  /** The first such answer, for the message. */
  readonly failureText: string | null;
  /** From the first byte sent to the last answer. */
  readonly seconds: number;
  /** CPU of the sending process meanwhile. */
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Mean length of a body answered. */
  readonly answerBytes: number;
}
