"""A seeded stream of operations in the shape of the REST API.

Small pools of ids, keys and values, so that operations meet: the same points are replaced, changed,
deleted and found again. Vectors are multiples of a half in three of four collections, so that ties
and thresholds equal to a score happen.
"""

import random
import uuid
from dataclasses import dataclass, field

_IDS = [*range(60), 2**53 + 1, 2**63 + 5, 2**64 - 1]
_IDS += [str(uuid.UUID(int=value * 0x1F3D_5B79_0246_8ACE_1357)) for value in range(1, 30)]
_KEYWORDS = ["red", "green", "blue", "Red", "", "größe", "a b"]
_UUIDS = [str(uuid.UUID(int=value * 0x0F0F_3333_5555_7777_1111)) for value in range(1, 6)]
_DATES = [
    "2024-01-02T03:04:05Z",
    "2024-01-02",
    "2023-12-31T23:30:00-05:00",
    "2024-01-02 03:04:05.123456",
    "2024-01-02T03:04",
    "1969-07-20T20:17:40+00:00",
    "2030-01-01",
]


@dataclass(frozen=True)
class Collection:
    """What a collection is made of; `vectors` maps names ("" is the unnamed one) to size, metric."""

    name: str
    vectors: dict[str, tuple[int, str]]
    # With a graph, searches without `exact` may be approximate.
    graph: bool = False
    whole_steps: bool = True
    # How many times as many points an operation touches, and there are.
    scale: int = 1
    config: dict = field(default_factory=dict)

    def create_body(self) -> dict:
        params = {
            name: {"size": size, "distance": metric}
            for name, (size, metric) in self.vectors.items()
        }
        return {"vectors": params.get("", params), **self.config}


_EAGER = {
    "optimizers_config": {"indexing_threshold": 1, "default_segment_number": 2},
    "hnsw_config": {"full_scan_threshold": 10},
}

COLLECTIONS = [
    Collection("plain", {"": (4, "Cosine")}, whole_steps=False),
    Collection("named", {"a": (6, "Dot"), "b": (3, "Euclid"), "c": (5, "Manhattan")}),
    Collection("eager", {"": (8, "Euclid")}, graph=True, config=_EAGER),
    Collection("disk", {"": (5, "Dot")}, config={"on_disk_payload": True}),
    Collection("large", {"": (16, "Dot")}, graph=True, scale=20, config=_EAGER),
]

INDEXABLE = {
    "k": ["keyword"],
    "n": ["integer", "float"],
    "f": ["float"],
    "b": ["bool"],
    "d": ["datetime"],
    "u": ["uuid", "keyword"],
    "t": ["keyword"],
    "o.k": ["keyword"],
    "items[].k": ["keyword"],
    # Not integer: the engine prunes elements by it whose values are not whole, the API does not say.
    "items[].v": ["float"],
    '"x.y"': ["integer"],
}


@dataclass(frozen=True)
class Operation:
    collection: Collection
    kind: str
    body: dict


class Stream:
    """Operations one by one. `indexes` follows what the stream has created, per collection."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.indexes: dict[str, dict[str, str]] = {one.name: {} for one in COLLECTIONS}
        self._weights = [
            (self._upsert, 14),
            (self._upsert_columns, 4),
            (self._update_vectors, 5),
            (self._delete_vectors, 3),
            (self._set_payload, 8),
            (self._overwrite_payload, 3),
            (self._delete_payload, 4),
            (self._clear_payload, 1),
            (self._delete_points, 4),
            (self._batch, 3),
            (self._create_index, 2),
            (self._delete_index, 1),
            (self._query, 26),
            (self._scroll, 10),
            (self._order_by, 6),
            (self._count, 16),
            (self._retrieve, 6),
        ]

    def next(self) -> Operation:
        collection = self._random.choice(COLLECTIONS)
        self._scale = collection.scale
        self._pool = _IDS if collection.scale == 1 else range(len(_IDS) * collection.scale)
        makers, weights = zip(*self._weights)
        maker = self._random.choices(makers, weights)[0]
        kind, body = maker(collection)
        return Operation(collection, kind, body)

    # Values

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _id(self):
        return self._random.choice(self._pool)

    def _ids(self, count_max: int) -> list:
        return [self._id() for _ in range(self._random.randint(1, count_max) * self._scale)]

    def _vector(self, collection: Collection, name: str) -> list[float]:
        size = collection.vectors[name][0]
        if collection.whole_steps:
            return [self._random.randint(-6, 6) / 2 for _ in range(size)]
        if self._chance(0.03):
            return [0.0] * size
        return [self._random.gauss(0, 1) for _ in range(size)]

    def _vectors(self, collection: Collection, partial: float):
        """As a body holds them; with names some may be missing."""
        if "" in collection.vectors:
            return self._vector(collection, "")
        names = [name for name in collection.vectors if not self._chance(partial)]
        return {name: self._vector(collection, name) for name in names}

    def _one_or_list(self, make):
        if self._chance(0.3):
            return [make() for _ in range(self._random.randint(0, 3))]
        return make()

    def _number(self):
        pick = self._random.random()
        if pick < 0.6:
            return self._random.randint(-3, 8)
        if pick < 0.8:
            return self._random.randint(-6, 16) / 2
        return self._random.choice([2**53 + 1, -(2**53) - 1, 2**63 - 1, 0.1, 1e300, -0.0])

    def _odd(self):
        """A value of a type that the key does not usually have."""
        return self._random.choice(
            [None, False, True, "3", 3, 3.0, [], [None], ["red", None], [["red"]], {}, {"k": "red"}]
        )

    def _value(self, key: str):
        if self._chance(0.08):
            return self._odd()
        choice = self._random.choice
        makers = {
            "k": lambda: self._one_or_list(lambda: choice(_KEYWORDS)),
            "n": lambda: self._one_or_list(self._number),
            "f": lambda: self._one_or_list(lambda: round(self._random.uniform(-5, 5), 2)),
            "b": lambda: self._one_or_list(lambda: self._chance(0.5)),
            "d": lambda: self._one_or_list(lambda: choice([*_DATES, "no date"])),
            "u": lambda: choice(_UUIDS) if self._chance(0.7) else choice(_UUIDS).upper(),
            "t": lambda: [choice(_KEYWORDS) for _ in range(self._random.randint(0, 3))],
            "o": lambda: self._object(["k", "n", "b"]),
            "items": self._items,
            "x.y": lambda: self._random.randint(0, 5),
        }
        return makers[key]()

    def _items(self):
        items = [
            {"k": self._value("k"), "v": self._number()}
            for _ in range(self._random.randint(0, 3))
        ]
        for item in items:
            if self._chance(0.2):
                del item[self._random.choice(["k", "v"])]
            if self._chance(0.2):
                item["sub"] = [{"x": self._random.randint(0, 2)}]
        return items

    def _object(self, keys: list[str]) -> dict:
        return {key: self._value(key) for key in keys if self._chance(0.6)}

    def _payload(self) -> dict:
        return self._object(["k", "n", "f", "b", "d", "u", "t", "o", "items", "x.y"])

    # Filters

    def _filter(self, depth: int = 0) -> dict:
        result: dict = {}
        for clause, share in (("must", 0.55), ("should", 0.3), ("must_not", 0.25)):
            if self._chance(share):
                count = self._random.choice([1, 1, 1, 2, 2, 3])
                conditions = [self._condition(depth) for _ in range(count)]
                result[clause] = conditions[0] if self._chance(0.1) else conditions
        if self._chance(0.06):
            conditions = [self._condition(depth) for _ in range(self._random.randint(1, 3))]
            result["min_should"] = {"conditions": conditions, "min_count": self._random.choice([1, 2])}
        return result

    def _condition(self, depth: int) -> dict:
        pick = self._random.random()
        if pick < 0.08 and depth < 2:
            return self._filter(depth + 1) or {"must": []}
        if pick < 0.16 and depth < 2:
            return self._nested(depth)
        if pick < 0.22:
            return {"has_id": self._ids(25) if self._chance(0.9) else []}
        if pick < 0.25:
            return {"has_vector": self._random.choice(["", "a", "b", "c", "zz"])}
        if pick < 0.29:
            return {"is_empty": {"key": self._key()}}
        if pick < 0.33:
            return {"is_null": {"key": self._key()}}
        return self._field_condition()

    def _nested(self, depth: int) -> dict:
        inner: dict = {}
        for clause, share in (("must", 0.7), ("must_not", 0.3), ("should", 0.2)):
            # The engine prunes by an index of the elements' key as if it were about whole points.
            if clause == "must_not" and self._items_indexed():
                continue
            if self._chance(share):
                inner[clause] = [
                    self._random.choice(
                        ([] if self._items_indexed() else [lambda: {"is_empty": {"key": "k"}}])
                        + [
                            lambda: {"key": "k", "match": self._match("word")},
                            lambda: {"key": "v", "range": self._range()},
                            lambda: {"key": "v", "match": self._match("n")},
                            lambda: {"key": "k", "values_count": {"gte": self._random.randint(1, 3)}},
                            lambda: {"nested": {"key": "sub", "filter": {"must": [_X_IS_ONE]}}},
                        ]
                    )()
                    for _ in range(self._random.choice([1, 1, 2]))
                ]
        return {"nested": {"key": self._random.choice(["items", "items[]"]), "filter": inner}}

    def _items_indexed(self) -> bool:
        return any(key.startswith("items") for one in self.indexes.values() for key in one)

    def _key(self) -> str:
        return self._random.choice(
            ["k", "n", "f", "b", "d", "u", "t", "o", "o.k", "o.n", "items", "items[].k"]
            + ["items[].v", "items[0].k", "t[]", "t[1]", "k[]", "n[]", '"x.y"', "zz"]
        )

    def _field_condition(self) -> dict:
        key = self._key()
        pick = self._random.random()
        if pick < 0.12 and key.startswith("items[]") and self._items_indexed():
            # The engine's index knows one answer per point, the API one per value.
            return {"is_empty": {"key": key}}
        if pick < 0.06:
            return {"key": key, "is_empty": self._chance(0.5)}
        if pick < 0.12:
            return {"key": key, "is_null": self._chance(0.5)}
        if pick < 0.22:
            return {"key": key, "values_count": self._values_count()}
        # The engine lets an index of numbers answer a range of dates; the API says: only strings.
        if key == "d" or (pick < 0.26 and key in ("k", "t", "u", "items", "zz")):
            return {"key": key, "range": self._date_range()}
        if pick < 0.5 or key in ("f", '"x.y"', "items[].v"):
            return {"key": key, "range": self._range()}
        return {"key": key, "match": self._match(key.strip("[]01").split(".")[-1])}

    def _match(self, kind: str) -> dict:
        choice = self._random.choice
        if kind == "u":
            make = lambda: choice(_UUIDS) if self._chance(0.8) else choice(_UUIDS).upper()
        elif kind in ("n", "v") or self._chance(0.15):
            make = lambda: self._random.choice([*range(-2, 8), 2**53 + 1, 2**63 - 1])
        elif kind == "b" or (kind != "word" and self._chance(0.05)):
            return {"value": self._chance(0.5)}
        else:
            make = lambda: choice(_KEYWORDS)
        pick = self._random.random()
        if pick < 0.5:
            return {"value": make()}
        if pick < 0.75:
            return {"any": [make() for _ in range(self._random.randint(0, 3))]}
        # Not empty: the engine does not ask an index then, the API says it is asked.
        return {"except": [make() for _ in range(self._random.randint(1, 3))]}

    def _bounds(self, make) -> dict:
        bounds = {}
        if self._chance(0.7):
            bounds[self._random.choice(["gt", "gte"])] = make()
        if self._chance(0.6):
            bounds[self._random.choice(["lt", "lte"])] = make()
        return bounds

    def _range(self) -> dict:
        return self._bounds(lambda: self._random.randint(-8, 16) / 2)

    def _date_range(self) -> dict:
        bounds = self._bounds(lambda: self._random.choice(_DATES))
        return bounds or {"gt": "2024-01-01T00:00:00Z"}

    def _values_count(self) -> dict:
        return self._bounds(lambda: self._random.randint(0, 3)) or {"gte": 1}

    # Updates

    def _point(self, collection: Collection) -> dict:
        point = {"id": self._id(), "vector": self._vectors(collection, 0.25)}
        if self._chance(0.9):
            point["payload"] = self._payload()
        return point

    def _upsert(self, collection: Collection):
        count = self._random.choice([1, 2, 5, 20])
        body: dict = {"points": [self._point(collection) for _ in range(count * self._scale)]}
        if self._chance(0.1):
            body["update_mode"] = self._random.choice(["insert_only", "update_only", "upsert"])
        if self._chance(0.1):
            body["update_filter"] = self._filter()
        return "upsert", body

    def _upsert_columns(self, collection: Collection):
        ids = list(dict.fromkeys(self._ids(20)))
        if "" in collection.vectors:
            vectors = [self._vector(collection, "") for _ in ids]
        else:
            names = [name for name in collection.vectors if self._chance(0.7)] or ["a"]
            vectors = {name: [self._vector(collection, name) for _ in ids] for name in names}
        batch: dict = {"ids": ids, "vectors": vectors}
        if self._chance(0.8):
            batch["payloads"] = [self._payload() if self._chance(0.8) else None for _ in ids]
        return "upsert", {"batch": batch}

    def _update_vectors(self, collection: Collection):
        points = []
        for id_ in self._ids(4):
            vector = self._vectors(collection, 0.5) or {"a": self._vector(collection, "a")}
            points.append({"id": id_, "vector": vector})
        return "update_vectors", {"points": points}

    def _selector(self, count_max: int) -> dict:
        return {"filter": self._filter()} if self._chance(0.3) else {"points": self._ids(count_max)}

    def _delete_vectors(self, collection: Collection):
        names = self._random.sample(list(collection.vectors), self._random.choice([1, 1, 2]) if len(collection.vectors) > 1 else 1)
        return "delete_vectors", {"vector": names, **self._selector(3)}

    def _set_payload(self, collection: Collection):
        # A null removes its key, but the engine keeps it where there was no payload at all.
        payload = {key: value for key, value in self._payload().items() if value is not None}
        body = {"payload": payload, **self._selector(4)}
        if self._chance(0.35):
            body["key"] = self._random.choice(["o", "o.deep", "items[0]", "items[]", "k", "new.way", '"x.y"'])
            payload = self._object(["k", "n", "b"])
            body["payload"] = {key: value for key, value in payload.items() if value is not None}
        return "set_payload", body

    def _overwrite_payload(self, collection: Collection):
        return "overwrite_payload", {"payload": self._payload(), **self._selector(3)}

    def _delete_payload(self, collection: Collection):
        keys = [self._random.choice(["k", "n", "o", "o.k", "items[].k", "items[0]", "t[]", '"x.y"', "d", "zz"])
                for _ in range(self._random.choice([1, 2]))]
        return "delete_payload", {"keys": keys, **self._selector(4)}

    def _clear_payload(self, collection: Collection):
        return "clear_payload", self._selector(3)

    def _delete_points(self, collection: Collection):
        if self._chance(0.25):
            # Narrow, or the collection would be empty most of the time.
            return "delete_points", {"filter": {"must": [self._filter(), {"has_id": self._ids(12)}]}}
        return "delete_points", {"points": self._ids(6)}

    def _batch(self, collection: Collection):
        makers = [self._upsert, self._upsert_columns, self._update_vectors, self._delete_vectors]
        makers += [self._set_payload, self._overwrite_payload, self._delete_payload]
        makers += [self._clear_payload, self._delete_points]
        operations = []
        for _ in range(self._random.randint(1, 4)):
            kind, body = self._random.choice(makers)(collection)
            operations.append({"kind": kind, "body": body})
        return "batch", {"operations": operations}

    def _create_index(self, collection: Collection):
        name = self._random.choice(list(INDEXABLE))
        schema = self._random.choice(INDEXABLE[name])
        self.indexes[collection.name][name] = schema
        return "create_index", {"field_name": name, "field_schema": schema}

    def _delete_index(self, collection: Collection):
        name = self._random.choice(list(INDEXABLE))
        self.indexes[collection.name].pop(name, None)
        return "delete_index", {"field_name": name}

    # Reads

    def _with_payload(self):
        keys = ["k", "o.k", "items[].v", "t", '"x.y"', "zz", "o", "items", "items[0].k"]
        some = self._random.sample(keys, self._random.randint(0, 3))
        return self._random.choice([True, True, False, some, {"include": some}, {"exclude": some}])

    def _with_vector(self, collection: Collection):
        if "" in collection.vectors:
            return self._chance(0.5)
        return self._random.choice([True, False, ["a"], ["c", "b"]])

    def _selectors(self, collection: Collection) -> dict:
        return {
            "with_payload": self._with_payload(),
            "with_vector": self._with_vector(collection),
        }

    def _query(self, collection: Collection):
        name = self._random.choice(list(collection.vectors))
        body: dict = {"limit": self._random.choice([1, 3, 10, 200]), **self._selectors(collection)}
        if name != "":
            body["using"] = name
        body["query"] = self._id() if self._chance(0.2) else self._vector(collection, name)
        if self._chance(0.7):
            body["filter"] = self._filter()
        if self._chance(0.2):
            body["offset"] = self._random.choice([0, 1, 5])
        if self._chance(0.2):
            metric = collection.vectors[name][1]
            steps = self._random.randint(-8, 8) / 10 if metric == "Cosine" else self._random.randint(-8, 30) / 2
            body["score_threshold"] = steps
        if self._chance(0.5):
            body["params"] = {"exact": True}
        return "query", body

    def _scroll(self, collection: Collection):
        body: dict = {"limit": self._random.choice([1, 5, 20, 1000]), **self._selectors(collection)}
        if self._chance(0.7):
            body["filter"] = self._filter()
        if self._chance(0.4):
            body["offset"] = self._id()
        return "scroll", body

    def _order_by(self, collection: Collection):
        key = self._random.choice(["n", "f", "d", "items[].v", '"x.y"'])
        order: dict = {"key": key}
        if self._chance(0.6):
            order["direction"] = self._random.choice(["asc", "desc"])
        if self._chance(0.4):
            order["start_from"] = (
                self._random.choice(_DATES) if key == "d" else self._random.randint(-2, 8)
            )
        body = {"order_by": order, "limit": self._random.choice([2, 10, 1000])}
        if self._chance(0.4):
            body["filter"] = self._filter()
        return "order_by", {**body, **self._selectors(collection)}

    def _count(self, collection: Collection):
        return "count", {"filter": self._filter(), "exact": True}

    def _retrieve(self, collection: Collection):
        return "retrieve", {"ids": self._ids(12), **self._selectors(collection)}


_X_IS_ONE = {"key": "x", "match": {"value": 1}}
