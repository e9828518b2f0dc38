"""Loads prepared points into Octant with the official Python client, nothing else.

Creates the collection and its payload indexes, uploads, waits until the collection is green and
its vectors are indexed. Leaves what it measured in load.json beside the points.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient, models

_BATCH_COUNT = 256
_GREEN_WAIT_SEC_MAX = 240

_INDEXES = {
    "package": models.PayloadSchemaType.KEYWORD,
    "kind": models.PayloadSchemaType.KEYWORD,
    "language": models.PayloadSchemaType.KEYWORD,
    "tags": models.PayloadSchemaType.KEYWORD,
    "length": models.PayloadSchemaType.INTEGER,
    "has_code": models.PayloadSchemaType.BOOL,
    "modified": models.PayloadSchemaType.DATETIME,
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--prepared", type=Path, required=True)
    options = parser.parse_args()
    name = options.collection
    vectors = np.load(options.prepared / "vectors.npy")
    lines = (options.prepared / "points.jsonl").read_text(encoding="utf-8").splitlines()
    payloads = [json.loads(line) for line in lines]

    client = QdrantClient(url=options.url, timeout=60)
    if client.collection_exists(name):
        client.delete_collection(name)
    client.create_collection(
        name,
        vectors_config=models.VectorParams(
            size=vectors.shape[1], distance=models.Distance.COSINE
        ),
        # Low enough that the graph is what answers, also with the few points of a short run.
        hnsw_config=models.HnswConfigDiff(full_scan_threshold=1000),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1000),
    )
    for field, schema in _INDEXES.items():
        client.create_payload_index(name, field_name=field, field_schema=schema, wait=True)

    started = time.monotonic()
    points = (
        models.PointStruct(id=index, vector=vectors[index].tolist(), payload=payload)
        for index, payload in enumerate(payloads)
    )
    client.upload_points(name, points, batch_size=_BATCH_COUNT, wait=True)
    upload_sec = time.monotonic() - started
    indexed_count = _wait_until_green(client, name, len(payloads))
    green_sec = time.monotonic() - started

    count = client.count(name, exact=True).count
    if count != len(payloads):
        print(f"loaded {len(payloads)} points, but the collection counts {count}")
        return 1
    result = {
        "count": count,
        "indexed_count": indexed_count,
        "upload_sec": upload_sec,
        "green_sec": green_sec,
    }
    (options.prepared / "load.json").write_text(json.dumps(result), encoding="utf-8")
    rate = count / upload_sec
    print(f"{count} points uploaded in {upload_sec:.1f} s ({rate:.0f} a second),")
    print(f"green after {green_sec:.1f} s with {indexed_count} vectors in the graph")
    return 0


def _wait_until_green(client: QdrantClient, name: str, point_count: int) -> int:
    """Green alone may also be the moment before the optimizer has begun."""
    deadline = time.monotonic() + _GREEN_WAIT_SEC_MAX
    while time.monotonic() < deadline:
        info = client.get_collection(name)
        indexed_count = info.indexed_vectors_count or 0
        if info.status == models.CollectionStatus.RED:
            raise RuntimeError(f"the collection is red: {info.optimizer_status}")
        if info.status == models.CollectionStatus.GREEN and indexed_count >= point_count / 2:
            return indexed_count
        time.sleep(0.2)
    raise TimeoutError(f"not green and indexed after {_GREEN_WAIT_SEC_MAX} s: {info}")


if __name__ == "__main__":
    sys.exit(main())
