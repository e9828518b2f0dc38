"""The PyPI peer under measurement (qdrant-edge-py, NumPy). Prints a Measurement like octant.ts.

Run by run.ts with bench/.venv/bin/python, or with OCTANT_BENCH_PYTHON.
"""

import json
import shutil
import sys
import tempfile
import time

import numpy
import qdrant_edge as edge

EFS = [32, 48, 64, 96, 128, 192, 256]
ROUND_COUNT = 3


def main() -> None:
    data = json.loads(sys.argv[1])
    dimension, k = data["dimension"], data["k"]
    points = numpy.fromfile(data["pointsPath"], dtype=numpy.float32).reshape(-1, dimension)
    queries = numpy.fromfile(data["queriesPath"], dtype=numpy.float32).reshape(-1, dimension)
    truth = numpy.fromfile(data["truthPath"], dtype=numpy.uint32).reshape(-1, k)
    folder = tempfile.mkdtemp()
    try:
        hnsw = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10, max_indexing_threads=2)
        shard = edge.EdgeShard.create(
            folder,
            edge.EdgeConfig(
                vectors=edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine),
                hnsw_config=hnsw,
                optimizers=edge.EdgeOptimizersConfig(indexing_threshold=100, default_segment_number=1),
            ),
        )
        for start in range(0, len(points), 1000):
            batch = [
                edge.Point(id=start + i, vector=row.tolist())
                for i, row in enumerate(points[start : start + 1000])
            ]
            shard.update(edge.UpdateOperation.upsert_points(batch))
        cpu_begun, begun = time.process_time(), time.perf_counter()
        shard.optimize()
        build_seconds = time.perf_counter() - begun
        build_cpu_seconds = time.process_time() - cpu_begun
        rows = [row.tolist() for row in queries]
        measured = [measure(shard, rows, truth, k, ef) for ef in EFS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result = {
        "engine": "qdrant-edge",
        "buildSeconds": build_seconds,
        "buildCpuSeconds": build_cpu_seconds,
        "buildThreadCount": 2,
        "points": measured,
    }
    print(json.dumps(result))


def measure(shard, rows, truth, k, ef):
    requests = [
        edge.QueryRequest(
            limit=k,
            query=edge.Query.Nearest(row),
            params=edge.SearchParams(hnsw_ef=ef),
        )
        for row in rows
    ]
    hits = 0
    for request, wanted in zip(requests, truth):
        hits += len({point.id for point in shard.query(request)} & set(wanted.tolist()))
    best = float("inf")
    for _ in range(ROUND_COUNT):
        begun = time.process_time()
        for request in requests:
            shard.query(request)
        best = min(best, time.process_time() - begun)
    return {"ef": ef, "recall": hits / truth.size, "microseconds": best * 1e6 / len(rows)}


main()
