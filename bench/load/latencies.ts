// Latencies in buckets that grow by about 1.6 % each: any percentile within that error, in 8 KiB.

const bucketCount = 1024;
const growth = 1 / Math.log(1.016);
const usMin = 10;

export class Latencies {
  readonly #counts = new Uint32Array(bucketCount);
  #total = 0;

  add(ms: number): void {
    const bucket = Math.floor(Math.log((ms * 1000) / usMin) * growth);
    const clamped = Math.max(0, Math.min(bucketCount - 1, bucket));
    this.#counts[clamped] = (this.#counts[clamped] ?? 0) + 1;
    this.#total += 1;
  }

  /** Upper end of the bucket in which this share of all latencies is reached. */
  percentileMs(share: number): number {
    let left = this.#total * share;
    let bucket = 0;
    while (bucket < bucketCount - 1 && left > (this.#counts[bucket] ?? 0)) {
      left -= this.#counts[bucket] ?? 0;
      bucket += 1;
    }
    return (usMin * Math.exp((bucket + 1) / growth)) / 1000;
  }
}
