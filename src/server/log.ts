// Where log records go: to stdout, and to a file if asked. Every thread opens its own log and
// writes whole lines straight to the file descriptor. Warnings and errors are written at once, so a
// thread that dies has said why; lines of lesser weight (one for each request) gather for a moment
// when they follow each other closely. Only the main thread collects lines for the file until its
// buffer is full.

import { closeSync, openSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import pino from 'pino';
import type { LogFields, Logger } from '../io/ports.ts';
import type { LogSinkFormat, Settings } from './config/settings.ts';
import { isLogged, type LogFilter, type LogLevel, parseLogFilter } from './log-filter.ts';
import { jsonLine, type LogRecord, textLine } from './log-format.ts';

/** The part of the settings that logging reads. */
export type LogSettings = Pick<Settings, 'log_level' | 'logger'>;

/** Takes whole lines. */
export interface LineSink {
  write(line: string): unknown;
  flushSync(): void;
}

export interface LogOptions {
  readonly nowMs?: () => number;
  readonly stdout?: LineSink;
  readonly isTerminal?: boolean;
}

/** How long a line of little weight may wait for others. */
const gatherMs = 50;
const gatherBytes = 4096;

interface Output {
  readonly sink: LineSink;
  readonly filter: LogFilter;
  readonly line: (record: LogRecord) => string;
  readonly close: () => void;
}

export class Log {
  readonly #nowMs: () => number;
  readonly #stdout: LineSink;
  readonly #isTerminal: boolean;
  #outputs: readonly Output[] = [];
  #gathering: NodeJS.Timeout | null = null;

  constructor(settings: LogSettings, options: LogOptions = {}) {
    this.#nowMs = options.nowMs ?? Date.now;
    this.#stdout = options.stdout ?? descriptorSink(1, gatherBytes);
    this.#isTerminal = options.isTerminal ?? process.stdout.isTTY;
    this.configure(settings);
    // In a worker this is the end of the thread.
    if (options.stdout === undefined) process.on('exit', () => this.flush());
  }

  /** Replaces what is written, and how. Loggers that were handed out follow. */
  configure(settings: LogSettings): void {
    this.close();
    const { logger } = settings;
    const colored = logger.color === 'auto' ? this.#isTerminal : logger.color;
    const directives = logger.log_level ?? settings.log_level ?? '';
    const outputs: Output[] = [
      {
        sink: this.#stdout,
        filter: parseLogFilter(directives),
        line: lineOf(logger.format, colored),
        close: () => {},
      },
    ];
    if (logger.on_disk.enabled === true) {
      const file = fileOutput(logger.on_disk);
      if (file !== null) outputs.push(file);
    }
    this.#outputs = outputs;
    const invalid = outputs.flatMap((output) => output.filter.invalid);
    if (invalid.length > 0) {
      this.logger('octant::log').warn(`Log level directives ignored: ${invalid.join(', ')}`);
    }
  }

  /** `target` says who speaks; directives refer to it, e.g. `raft` or `octant::rest`. */
  logger(target: string): Logger {
    const write = (level: LogLevel, message: string, fields: LogFields | undefined): void => {
      for (const { filter, line, sink } of this.#outputs) {
        if (!isLogged(filter, target, level)) continue;
        sink.write(line({ timeMs: this.#nowMs(), level, target, message, fields }));
        if (sink !== this.#stdout) continue;
        if (level === 'warn' || level === 'error') sink.flushSync();
        else this.#flushSoon();
      }
    };
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
    };
  }

  /** Writes all that is held back. */
  flush(): void {
    for (const output of this.#outputs) output.sink.flushSync();
  }

  /** At once after a silence; lines that follow closely wait for each other. */
  #flushSoon(): void {
    if (this.#gathering !== null) return;
    this.#stdout.flushSync();
    this.#gathering = setTimeout(() => {
      this.#gathering = null;
      this.#stdout.flushSync();
    }, gatherMs);
    this.#gathering.unref();
  }

  /** Flushes, and lets go of the file. */
  close(): void {
    this.flush();
    for (const output of this.#outputs) output.close();
    this.#outputs = [];
  }
}

function lineOf(format: LogSinkFormat, colored: boolean): (record: LogRecord) => string {
  return format === 'json' ? jsonLine : (record) => textLine(record, colored);
}

/** A file that cannot be opened costs the log file, not the start. */
function fileOutput(onDisk: Settings['logger']['on_disk']): Output | null {
  try {
    if (onDisk.log_file === null) throw new Error('logger.on_disk.log_file is not set');
    const descriptor = openSync(onDisk.log_file, 'a');
    const bufferBytes = isMainThread ? (onDisk.buffer_size_bytes ?? 8192) : 0;
    return {
      sink: descriptorSink(descriptor, bufferBytes),
      filter: parseLogFilter(onDisk.log_level ?? ''),
      line: lineOf(onDisk.format, false),
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    writeSync(2, `failed to enable logging into a log-file: ${reason}\n`);
    return null;
  }
}

function descriptorSink(descriptor: number, bufferBytes: number): LineSink {
  const sink = pino.destination({ fd: descriptor, sync: true, minLength: bufferBytes });
  // Nobody can be told that the log cannot be written, and it is no reason to stop.
  sink.on('error', () => {});
  return sink;
}
