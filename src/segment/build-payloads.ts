// The payload column of a new segment. Texts that stay on disk are streamed through a bounded
// buffer; resident ones are gathered in shared memory first and written from there.

import type { SourceReader } from './build-source.ts';
import { fixedColumns } from './column-names.ts';
import type { MergePlan } from './merge-plan.ts';
import { type PayloadColumns, payloadStarts } from './payload-column.ts';
import type { Pause } from './segment-reader.ts';
import type { SegmentWriter } from './segment-writer.ts';

const slicePoints = 4096;
const chunkBytes = 1024 * 1024;
const wideFrom = 2 ** 32;

export interface PayloadBuild {
  readonly plan: MergePlan;
  readonly readers: readonly SourceReader[];
  readonly onDisk: boolean;
  readonly pause: Pause;
}

export async function buildPayloads(
  build: PayloadBuild,
  writer: SegmentWriter,
): Promise<PayloadColumns> {
  const { plan, onDisk, pause } = build;
  const lengths = new Float64Array(plan.pointCount);
  let byteCount = 0;
  for (let at = 0; at < plan.pointCount; at += 1) {
    if (at % slicePoints === slicePoints - 1) await pause();
    const { length } = textAt(build, at);
    lengths[at] = length;
    byteCount += length;
  }
  const wide = byteCount >= wideFrom;
  const starts = new SharedArrayBuffer((plan.pointCount + 1) * (wide ? 8 : 4));
  const positions = payloadStarts({ wide, starts });
  for (let at = 0; at < plan.pointCount; at += 1) {
    positions[at + 1] = (positions[at] as number) + (lengths[at] as number);
  }
  await writer.column(fixedColumns.payloadStarts, [new Uint8Array(starts)]);
  if (onDisk) {
    await writer.column(fixedColumns.payload, textChunks(build));
    const file = writer.pathOf(fixedColumns.payload.name);
    return { wide, starts, byteCount, bytes: null, file };
  }
  const bytes = new SharedArrayBuffer(byteCount);
  const target = new Uint8Array(bytes);
  for (let at = 0; at < plan.pointCount; at += 1) {
    if (at % slicePoints === slicePoints - 1) await pause();
    target.set(textAt(build, at), positions[at]);
  }
  await writer.column(fixedColumns.payload, [target]);
  return { wide, starts, byteCount, bytes, file: null };
}

function textAt({ plan, readers }: PayloadBuild, at: number): Uint8Array {
  const reader = readers[plan.sources[at] as number] as SourceReader;
  return reader.payloadAt(plan.offsets[at] as number);
}

/** All texts in order, gathered into larger pieces; each is valid until the next. */
function* textChunks(build: PayloadBuild): Generator<Uint8Array> {
  const buffer = new Uint8Array(chunkBytes);
  let used = 0;
  for (let at = 0; at < build.plan.pointCount; at += 1) {
    const text = textAt(build, at);
    if (used + text.length > chunkBytes) {
      yield buffer.subarray(0, used);
      used = 0;
    }
    if (text.length > chunkBytes) {
      yield text;
      continue;
    }
    buffer.set(text, used);
    used += text.length;
  }
  yield buffer.subarray(0, used);
}
