"""The official Python client's local mode as a second opinion on filters and searches.

It follows no update: `load` gives it the points that the engine has. `asks_safely` tells which
requests it answers as the API does; the rest are known differences (no indexes, a missing field
counted as none, null found inside of arrays, 3.0 equal to 3).
"""

import uuid

from qdrant_client import QdrantClient, models

from stream import Collection

_DISTANCES = {
    "Cosine": models.Distance.COSINE,
    "Dot": models.Distance.DOT,
    "Euclid": models.Distance.EUCLID,
    "Manhattan": models.Distance.MANHATTAN,
}
ALL = 100_000


class LocalOracle:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def load(self, records: list[dict]) -> None:
        self._client = QdrantClient(":memory:")
        params = {
            name: models.VectorParams(size=size, distance=_DISTANCES[metric])
            for name, (size, metric) in self._collection.vectors.items()
        }
        name = self._collection.name
        self._client.create_collection(name, vectors_config=params.get("", params))
        points = [
            models.PointStruct(id=one["id"], vector=one["vector"], payload=one["payload"])
            for one in records
        ]
        if points:
            self._client.upsert(name, points)

    def count(self, body: dict) -> int:
        return self._client.count(self._collection.name, count_filter=_filter(body)).count

    def ranking(self, body: dict) -> list[tuple[object, float]]:
        found = self._client.query_points(
            self._collection.name,
            query=body["query"],
            using=body.get("using"),
            query_filter=_filter(body),
            score_threshold=body.get("score_threshold"),
            limit=ALL,
            with_payload=False,
        )
        return [(_plain_id(hit.id), hit.score) for hit in found.points]


def _plain_id(one):
    return str(one) if isinstance(one, uuid.UUID) else one


def _filter(body: dict) -> models.Filter | None:
    return models.Filter.model_validate(body["filter"]) if "filter" in body else None


def asks_safely(body: dict, indexed: set[str]) -> bool:
    return all(_is_safe(one, indexed) for one in _conditions(body.get("filter") or {}))


def _conditions(filter_: dict):
    """Every condition, also inside of filters and nested ones."""
    for clause in ("must", "should", "must_not"):
        listed = filter_.get(clause, [])
        for condition in listed if isinstance(listed, list) else [listed]:
            yield from _with_inner(condition)
    for condition in filter_.get("min_should", {}).get("conditions", []):
        yield from _with_inner(condition)


def _with_inner(condition: dict):
    yield condition
    yield from _conditions(condition)
    if "nested" in condition:
        yield from _conditions(condition["nested"]["filter"])


def _is_safe(condition: dict, indexed: set[str]) -> bool:
    if "values_count" in condition or "is_null" in condition:
        return False
    # Over several values of a path, any empty one satisfies the field form; local mode wants all.
    if isinstance(condition.get("is_empty"), bool) and "[]" in condition["key"]:
        return False
    return condition.get("key") not in indexed
