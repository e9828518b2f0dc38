"""The reference's own engine, embedded (qdrant-edge-py), behind the operations of stream.py.

What the engine does not have is put together here as the API describes it: queries by id, columnar
upserts, batches. Where it differs from the API, a condition is answered here and handed on as the
list of ids that pass: its binding reads a bool to match as an integer, it counts the values of a
missing field as none instead of answering no, and it finds null inside of an array without `[]`.
"""

import uuid
from pathlib import Path

import qdrant_edge as edge

from paths import values_at
from stream import Collection

_METRICS = {
    "Cosine": edge.Distance.Cosine,
    "Dot": edge.Distance.Dot,
    "Euclid": edge.Distance.Euclid,
    "Manhattan": edge.Distance.Manhattan,
}
_SCHEMAS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
    "uuid": edge.PayloadSchemaType.Uuid,
}
_MODES = {
    "upsert": edge.UpdateMode.Upsert,
    "insert_only": edge.UpdateMode.InsertOnly,
    "update_only": edge.UpdateMode.UpdateOnly,
}
ALL = 100_000


class Refused(Exception):
    """The request must not be served: a point or a vector asked for is not there, or the like."""


class EdgeOracle:
    def __init__(self, collection: Collection, folder: Path) -> None:
        vectors = {
            name: edge.EdgeVectorParams(size=size, distance=_METRICS[metric])
            for name, (size, metric) in collection.vectors.items()
        }
        self.indexed: set[str] = set()
        folder.mkdir(parents=True)
        self._shard = edge.EdgeShard.create(
            str(folder), edge.EdgeConfig(vectors=vectors, wal_enabled=False)
        )

    def close(self) -> None:
        self._shard.close()

    def existing(self, ids: list) -> list:
        found = {_plain_id(record.id) for record in self._shard.retrieve(_ids(ids), False, False)}
        return [one for one in ids if one in found]

    # Updates

    def update(self, kind: str, body: dict) -> None:
        self._shard.update(_update(kind, self._answered(body)))
        if kind == "create_index":
            self.indexed.add(body["field_name"])
        if kind == "delete_index":
            self.indexed.discard(body["field_name"])

    # Reads

    def ranking(self, body: dict) -> list[tuple[object, float]]:
        """Every point that the query lets through, best first, before offset and limit."""
        vector, excluded = self._query_vector(body)
        conditions = {"must": [body.get("filter") or {"must": []}]}
        if excluded is not None:
            conditions["must_not"] = [{"has_id": [excluded]}]
        found = self._shard.query(
            edge.QueryRequest(
                limit=ALL,
                query=edge.Query.Nearest(vector, body.get("using")),
                filter=_filter(self._answered(conditions)),
                score_threshold=body.get("score_threshold"),
                params=edge.SearchParams(exact=True),
            )
        )
        return [(_plain_id(hit.id), hit.score) for hit in found]

    def refuses(self, body: dict) -> bool:
        try:
            self._query_vector(body)
        except Refused:
            return True
        return False

    def _query_vector(self, body: dict):
        query = body["query"]
        if isinstance(query, list):
            return query, None
        name = body.get("using", "")
        records = self._shard.retrieve(_ids([query]), False, True)
        if not records:
            raise Refused(f"no point with id {query}")
        vector = _vectors_of(records[0].vector).get(name)
        if vector is None:
            raise Refused(f"the point has no vector {name!r}")
        return vector, query

    def _answered(self, body):
        """The same with has_id for the conditions that the engine answers otherwise."""
        if isinstance(body, list):
            return [self._answered(one) for one in body]
        if not isinstance(body, dict):
            return body
        if isinstance(body.get("match", {}).get("value"), bool) and "key" in body:
            return self._passing(body["key"], lambda one: _has(one, body["match"]["value"]))
        if isinstance(body.get("values_count"), dict) and "key" in body:
            return self._passing(body["key"], lambda one: _counts(one, body["values_count"]))
        if isinstance(body.get("is_null"), dict) and body["is_null"]["key"] not in self.indexed:
            return self._passing(body["is_null"]["key"], lambda one: one is None)
        filters = ("must", "should", "must_not", "min_should", "conditions")
        filters += ("filter", "update_filter")
        return {
            key: self._answered(value) if key in filters else value for key, value in body.items()
        }

    def _passing(self, key: str, test) -> dict:
        records, _ = self._shard.scroll(edge.ScrollRequest(limit=ALL, with_payload=True))
        passing = [
            _plain_id(one.id) for one in records if any(map(test, values_at(one.payload or {}, key)))
        ]
        return {"has_id": passing}

    def order_by(self, body: dict) -> list[tuple[object, object]]:
        """Every id with its value in the order asked for, before the limit."""
        order = body["order_by"]
        direction = edge.Direction.Desc if order.get("direction") == "desc" else edge.Direction.Asc
        request = edge.ScrollRequest(
            limit=ALL,
            filter=_filter(self._answered(body.get("filter"))),
            with_payload=False,
            order_by=edge.OrderBy(order["key"], direction, order.get("start_from")),
        )
        records, _ = self._shard.scroll(request)
        return [(_plain_id(record.id), record.order_value) for record in records]

    def scroll(self, body: dict) -> tuple[list[dict], object]:
        offset = body.get("offset")
        records, following = self._shard.scroll(
            edge.ScrollRequest(
                offset=None if offset is None else _ids([offset])[0],
                limit=body["limit"],
                filter=_filter(self._answered(body.get("filter"))),
                with_payload=_payload_selector(body["with_payload"]),
                with_vector=body["with_vector"],
            )
        )
        return [_record(one) for one in records], _plain_id(following)

    def count(self, body: dict) -> int:
        return self._shard.count(edge.CountRequest(exact=True, filter=_filter(self._answered(body.get("filter")))))

    def retrieve(self, body: dict) -> list[dict]:
        """In the order asked for, each id once."""
        records = self._shard.retrieve(
            _ids(body["ids"]), _payload_selector(body["with_payload"]), body["with_vector"]
        )
        by_id = {_plain_id(one.id): _record(one) for one in records}
        return [by_id[one] for one in dict.fromkeys(body["ids"]) if one in by_id]


def _ids(ids: list) -> list:
    return [uuid.UUID(one) if isinstance(one, str) else one for one in ids]


def _plain_id(one):
    return str(one) if isinstance(one, uuid.UUID) else one


def _has(value, wanted: bool) -> bool:
    return value is wanted or (isinstance(value, list) and any(one is wanted for one in value))


def _counts(value, bounds: dict) -> bool:
    count = 0 if value is None else len(value) if isinstance(value, list) else 1
    tests = {"lt": count.__lt__, "lte": count.__le__, "gt": count.__gt__, "gte": count.__ge__}
    return all(tests[name](bound) for name, bound in bounds.items())


def _vectors_of(vector) -> dict:
    return vector if isinstance(vector, dict) else {"": vector}


def _record(record) -> dict:
    result = {"id": _plain_id(record.id)}
    if record.payload is not None:
        result["payload"] = record.payload
    if record.vector is not None:
        result["vector"] = record.vector
    return result


def _payload_selector(selector):
    if isinstance(selector, dict):
        if "include" in selector:
            return edge.PayloadSelector.Include(selector["include"])
        return edge.PayloadSelector.Exclude(selector["exclude"])
    return selector


def _update(kind: str, body: dict):
    operation = edge.UpdateOperation
    if kind == "upsert":
        points = [
            edge.Point(_ids([one["id"]])[0], one["vector"], one.get("payload") or {})
            for one in points_of(body)
        ]
        condition = _filter(body.get("update_filter"))
        return operation.upsert_points(points, condition, _MODES[body.get("update_mode", "upsert")])
    if kind == "update_vectors":
        points = [edge.PointVectors(_ids([p["id"]])[0], p["vector"]) for p in body["points"]]
        return operation.update_vectors(points)
    if kind == "create_index":
        return operation.create_field_index(body["field_name"], _SCHEMAS[body["field_schema"]])
    if kind == "delete_index":
        return operation.delete_field_index(body["field_name"])
    arguments = {
        "delete_vectors": lambda: [body["vector"]],
        "set_payload": lambda: [body["payload"], body.get("key")],
        "overwrite_payload": lambda: [body["payload"]],
        "delete_payload": lambda: [body["keys"]],
        "clear_payload": lambda: [],
        "delete_points": lambda: [],
    }[kind]()
    if "points" in body:
        return getattr(operation, kind)(_ids(body["points"]), *arguments)
    return getattr(operation, kind + "_by_filter")(_filter(body["filter"]), *arguments)


def points_of(body: dict) -> list[dict]:
    """The points of an upsert, whatever its form."""
    if "points" in body:
        return body["points"]
    batch = body["batch"]
    points = []
    for index, one in enumerate(batch["ids"]):
        vectors = batch["vectors"]
        if isinstance(vectors, dict):
            vector = {name: column[index] for name, column in vectors.items()}
        else:
            vector = vectors[index]
        payload = batch["payloads"][index] if "payloads" in batch else None
        points.append({"id": one, "vector": vector, "payload": payload})
    return points


# Filters


def _filter(body: dict | None):
    if body is None:
        return None
    clauses = {}
    for name in ("must", "should", "must_not"):
        if name in body:
            conditions = body[name] if isinstance(body[name], list) else [body[name]]
            clauses[name] = [_condition(one) for one in conditions]
    if "min_should" in body:
        conditions = [_condition(one) for one in body["min_should"]["conditions"]]
        clauses["min_should"] = edge.MinShould(conditions, body["min_should"]["min_count"])
    return edge.Filter(**clauses)


def _condition(body: dict):
    if "has_id" in body:
        return edge.HasIdCondition(set(_ids(body["has_id"])))
    if "has_vector" in body:
        return edge.HasVectorCondition(body["has_vector"])
    if "nested" in body:
        return edge.NestedCondition(body["nested"]["key"], _filter(body["nested"]["filter"]))
    if "key" in body:
        return _field_condition(body)
    if "is_empty" in body:
        return edge.IsEmptyCondition(body["is_empty"]["key"])
    if "is_null" in body:
        return edge.IsNullCondition(body["is_null"]["key"])
    return _filter(body)


def _field_condition(body: dict):
    parts = {name: body[name] for name in ("is_empty", "is_null") if name in body}
    if "match" in body:
        [(kind, value)] = body["match"].items()
        make = {"value": edge.MatchValue, "any": edge.MatchAny, "except": edge.MatchExcept}[kind]
        parts["match"] = make(value)
    if "range" in body:
        bounds = body["range"]
        dates = any(isinstance(bound, str) for bound in bounds.values())
        parts["range"] = (edge.RangeDateTime if dates else edge.RangeFloat)(**bounds)
    if "values_count" in body:
        parts["values_count"] = edge.ValuesCount(**body["values_count"])
    return edge.FieldCondition(body["key"], **parts)
