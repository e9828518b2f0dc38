"""Octant against the reference's engine: the same random operations, the same answers.

    python oracle.py [--seed N] [--operations N] [--crashes N]

Starts ./octant itself, sends it a seeded stream of operations over REST and the same to the oracle,
and compares every answer; kills it with SIGKILL now and then (each third time it is asked to stop)
and starts it again. The Python client's local mode is asked too, where it is right. Prints the
seed, and at the first difference the operation with both answers. Ends with 1 on a difference.
"""

import argparse
import collections
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from compare import (
    Difference,
    approximate_difference,
    order_difference,
    ranking_difference,
    recall,
    records_difference,
    same,
)
from edge import EdgeOracle, Refused
from local import LocalOracle, asks_safely
from node import Octant
from stream import COLLECTIONS, Collection, Operation, Stream

_PATHS = {
    "upsert": ("PUT", "points?wait=true"),
    "update_vectors": ("PUT", "points/vectors?wait=true"),
    "delete_vectors": ("POST", "points/vectors/delete?wait=true"),
    "set_payload": ("POST", "points/payload?wait=true"),
    "overwrite_payload": ("PUT", "points/payload?wait=true"),
    "delete_payload": ("POST", "points/payload/delete?wait=true"),
    "clear_payload": ("POST", "points/payload/clear?wait=true"),
    "delete_points": ("POST", "points/delete?wait=true"),
    "batch": ("POST", "points/batch?wait=true"),
    "create_index": ("PUT", "index?wait=true"),
    "query": ("POST", "points/query"),
    "scroll": ("POST", "points/scroll"),
    "order_by": ("POST", "points/scroll"),
    "count": ("POST", "points/count"),
    "retrieve": ("POST", "points"),
}
_NAMES_IN_BATCH = {"delete_points": "delete"}
_RECALL_MIN = 0.95
# Writes between two looks at all points of a large collection.
_LARGE_CHECK_INTERVAL = 10
# With a method of their own in Run.
_WRITES = {"batch", "delete_index"}
# A listed id that does not exist makes these fail after a part may have been done.
_NEEDS_POINTS = {
    "update_vectors",
    "delete_vectors",
    "set_payload",
    "overwrite_payload",
    "delete_payload",
    "clear_payload",
}


class Run:
    def __init__(self, octant: Octant, folder: Path) -> None:
        self._octant = octant
        self._locals = {one.name: LocalOracle(one) for one in COLLECTIONS}
        self._stale = {one.name for one in COLLECTIONS}
        self.local_count = 0
        self._write_count = 0
        # Of searches that a graph may answer.
        self.recalls: list[float] = []
        self._oracles = {one.name: EdgeOracle(one, folder / one.name) for one in COLLECTIONS}
        for one in COLLECTIONS:
            self._expect(200, *self._octant.call("PUT", f"/collections/{one.name}", one.create_body()))

    def do(self, operation: Operation) -> Difference | None:
        """The operation as it was sent is in `self.sent`."""
        oracle = self._oracles[operation.collection.name]
        self.sent = operation
        act = getattr(self, f"_{operation.kind}", None)
        if act is not None and operation.kind not in _WRITES:
            return act(oracle, operation) or self._second_opinion(oracle, operation)
        self._stale.add(operation.collection.name)
        wrong = (act or self._update)(oracle, operation)
        self._write_count += 1
        if operation.collection.scale > 1 and self._write_count % _LARGE_CHECK_INTERVAL != 0:
            return wrong
        return wrong or self._whole(oracle, operation.collection.name)

    def copy_oracle(self, collection: Collection) -> None:
        """Makes Octant's points those of the oracle again, so that each difference shows once."""
        body = {"limit": 100_000, "with_payload": True, "with_vector": True}
        records, _ = self._oracles[collection.name].scroll(body)
        path = f"/collections/{collection.name}/points"
        self._expect(200, *self._octant.call("POST", f"{path}/delete?wait=true", {"filter": {}}))
        if records:
            upsert = {"points": records}
            self._expect(200, *self._octant.call("PUT", f"{path}?wait=true", upsert))

    def close(self) -> None:
        for oracle in self._oracles.values():
            oracle.close()

    def _whole(self, oracle: EdgeOracle, name: str) -> Difference | None:
        """Every point of the collection, so that a wrong update is found where it happened."""
        body = {"limit": 100_000, "with_payload": True, "with_vector": True}
        status, answer = self._octant.call("POST", f"/collections/{name}/points/scroll", body)
        expected, _ = oracle.scroll(body)
        if status != 200:
            return Difference(expected, (status, answer))
        return records_difference(expected, answer["result"]["points"])

    def _second_opinion(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        """What the client's local mode says, where it is right."""
        body, name = operation.body, operation.collection.name
        if operation.kind not in ("query", "count") or operation.collection.scale > 1:
            return None
        if not asks_safely(body, oracle.indexed):
            return None
        if operation.kind == "query" and oracle.refuses(body):
            return None
        local = self._locals[name]
        if name in self._stale:
            everything = {"limit": 100_000, "with_payload": True, "with_vector": True}
            local.load(oracle.scroll(everything)[0])
            self._stale.discard(name)
        self.local_count += 1
        if operation.kind == "count":
            _, answer = self._send(operation, body)
            expected = local.count(body)
            count = answer["result"]["count"]
            return None if count == expected else Difference(f"local mode: {expected}", count)
        exact = {**body, "params": {"exact": True}}
        _, answer = self._send(operation, exact)
        page = (body.get("offset", 0), body["limit"])
        wrong = ranking_difference(local.ranking(body), answer["result"]["points"], page)
        return wrong and Difference(f"local mode: {wrong.expected}", wrong.received)

    # Updates

    def _update(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        kind, body = operation.kind, _with_existing(oracle, operation.kind, operation.body)
        if body is None:
            # Nothing that it names exists.
            status, answer = self._send(operation, operation.body)
            return None if status == 404 else Difference("a refusal with 404", (status, answer))
        oracle.update(kind, body)
        status, answer = self._send(operation, body)
        if status == 200 and answer["result"]["status"] == "completed":
            return None
        return Difference("completed", (status, answer))

    def _batch(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        wire = []
        for part in operation.body["operations"]:
            kind, body = part["kind"], _with_existing(oracle, part["kind"], part["body"])
            if body is not None:
                oracle.update(kind, body)
                wire.append({_NAMES_IN_BATCH.get(kind, kind): body})
        status, answer = self._send(operation, {"operations": wire})
        if status == 200 and [one["status"] for one in answer["result"]] == ["completed"] * len(wire):
            return None
        return Difference("completed", (status, answer))

    def _delete_index(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        field = operation.body["field_name"]
        oracle.update("delete_index", operation.body)
        quoted = field.replace('"', "%22").replace("[", "%5B").replace("]", "%5D")
        path = f"/collections/{operation.collection.name}/index/{quoted}?wait=true"
        status, answer = self._octant.call("DELETE", path)
        return None if status == 200 else Difference("completed", (status, answer))

    # Reads

    def _query(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        body = operation.body
        status, answer = self._send(operation, body)
        try:
            ranking = oracle.ranking(body)
        except Refused as reason:
            return None if status == 404 else Difference(f"404: {reason}", (status, answer))
        if status != 200:
            return Difference(ranking[:5], (status, answer))
        hits = answer["result"]["points"]
        page = (body.get("offset", 0), body["limit"])
        if operation.collection.graph and "params" not in body:
            wrong = approximate_difference(ranking, hits, page)
            self.recalls.append(recall(ranking, hits, page))
        else:
            wrong = ranking_difference(ranking, hits, page)
        return wrong or self._contents(oracle, body, hits)

    def _order_by(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        body = operation.body
        status, answer = self._send(operation, body)
        try:
            expected = oracle.order_by(body)
        except Exception as error:  # the engine has no narrower class for "no index"
            return None if status == 400 else Difference(f"400: {error}", (status, answer))
        if status != 200:
            return Difference(expected[:5], (status, answer))
        if answer["result"].get("next_page_offset") is not None:
            return Difference("no next page", answer["result"]["next_page_offset"])
        records = answer["result"]["points"]
        wrong = order_difference(expected, records, body["limit"])
        return wrong or self._contents(oracle, body, records)

    def _contents(self, oracle: EdgeOracle, body: dict, records: list[dict]) -> Difference | None:
        """Payload and vectors of an answer are those that the points have."""
        ids = [record["id"] for record in records]
        by_id = {one["id"]: one for one in oracle.retrieve({**body, "ids": ids})}
        return records_difference([by_id[one] for one in ids], records)

    def _scroll(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        status, answer = self._send(operation, operation.body)
        expected, following = oracle.scroll(operation.body)
        if status != 200:
            return Difference(expected, (status, answer))
        result = answer["result"]
        wrong = records_difference(expected, result["points"])
        if wrong is not None or same(following, result.get("next_page_offset")):
            return wrong
        return Difference(f"next page from {following}", result.get("next_page_offset"))

    def _count(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        status, answer = self._send(operation, operation.body)
        expected = oracle.count(operation.body)
        if status == 200 and answer["result"]["count"] == expected:
            return None
        return Difference(expected, (status, answer))

    def _retrieve(self, oracle: EdgeOracle, operation: Operation) -> Difference | None:
        status, answer = self._send(operation, operation.body)
        expected = oracle.retrieve(operation.body)
        if status != 200:
            return Difference(expected, (status, answer))
        return records_difference(expected, answer["result"])

    def _send(self, operation: Operation, body: dict) -> tuple[int, dict]:
        self.sent = Operation(operation.collection, operation.kind, body)
        method, path = _PATHS[operation.kind]
        return self._octant.call(method, f"/collections/{operation.collection.name}/{path}", body)

    @staticmethod
    def _expect(wanted: int, status: int, answer) -> None:
        if status != wanted:
            raise RuntimeError(f"{status}: {answer}")


def _with_existing(oracle: EdgeOracle, kind: str, body: dict) -> dict | None:
    """The same without ids that do not exist; None if nothing remains."""
    if kind not in _NEEDS_POINTS or "points" not in body:
        return body
    points = body["points"]
    ids = [one["id"] if isinstance(one, dict) else one for one in points]
    existing = set(oracle.existing(ids))
    kept = [one for one, id_ in zip(points, ids) if id_ in existing]
    return {**body, "points": kept} if kept else None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--operations", type=int, default=4000)
    parser.add_argument("--crashes", type=int, default=6)
    parser.add_argument("--keep-going", action="store_true", help="show all differences")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.operations} operations", flush=True)
    with tempfile.TemporaryDirectory(prefix="octant-oracle-") as name:
        octant = Octant(Path(name) / "octant")
        try:
            differences = play(octant, Path(name) / "edge", options)
            octant.stop()
        finally:
            octant.kill()
    return 1 if differences else 0


def play(octant: Octant, folder: Path, options) -> int:
    run = Run(octant, folder)
    stream = Stream(options.seed)
    interval = options.operations // (options.crashes + 1) + 1
    kinds: collections.Counter = collections.Counter()
    differences = 0
    started = time.monotonic()
    for number in range(1, options.operations + 1):
        operation = stream.next()
        wrong = run.do(operation)
        kinds[operation.kind] += 1
        if wrong is not None:
            differences += 1
            report(number, run.sent, wrong, stream.indexes[operation.collection.name])
            run.copy_oracle(operation.collection)
            if not options.keep_going:
                break
        if number % interval == 0:
            (octant.restart if number % (3 * interval) == 0 else octant.crash)()
    run.close()
    done = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    print(f"{sum(kinds.values())} operations in {time.monotonic() - started:.0f} s: {done}")
    mean = sum(run.recalls) / max(len(run.recalls), 1)
    print(f"{run.local_count} of them also asked of the client's local mode")
    print(f"recall of {len(run.recalls)} searches by graph: {mean:.4f}")
    if run.recalls and mean < _RECALL_MIN:
        differences += 1
    print(f"seed {options.seed}: {differences} differences")
    return differences


def report(number: int, sent: Operation, wrong: Difference, indexes: dict) -> None:
    print(f"\noperation {number} differs: {sent.kind} on {sent.collection.name}")
    print(f"  indexes: {json.dumps(indexes)}")
    print(f"  sent:    {json.dumps(sent.body, ensure_ascii=False)}")
    print(f"  oracle:  {wrong.expected}")
    print(f"  octant:  {wrong.received}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
