"""When two answers are the same: types of payload values count, the order of ties does not."""

import collections
import math
from dataclasses import dataclass

_RELATIVE = 1e-5
_ABSOLUTE = 1e-6


@dataclass(frozen=True)
class Difference:
    expected: object
    received: object


def near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def same(a, b) -> bool:
    """JSON values: 3 is neither 3.0 nor True."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def same_vector(a, b) -> bool:
    if isinstance(a, dict) or isinstance(b, dict):
        a, b = _named(a), _named(b)
        return a.keys() == b.keys() and all(same_vector(a[name], b[name]) for name in a)
    return len(a) == len(b) and all(map(near, a, b))


def _named(vector) -> dict:
    """A lone unnamed vector may also stand as a map, an empty list as an empty map."""
    if isinstance(vector, dict):
        return vector
    return {"": vector} if vector else {}


def records_difference(expected: list[dict], received: list[dict]) -> Difference | None:
    if [one["id"] for one in expected] != [one["id"] for one in received]:
        return Difference([one["id"] for one in expected], [one["id"] for one in received])
    for want, got in zip(expected, received):
        if not same(want.get("payload"), got.get("payload")):
            return Difference(want, got)
        if (want.get("vector") is None) != (got.get("vector") is None):
            return Difference(want, got)
        if want.get("vector") is not None and not same_vector(want["vector"], got["vector"]):
            return Difference(want, got)
    return None


def ranking_difference(ranking, hits: list[dict], page: tuple[int, int]) -> Difference | None:
    """`ranking` is everything with its score. Ties may come in any order, also across the edges."""
    offset, limit = page
    wanted = ranking[offset : offset + limit]
    scores = dict(ranking)
    ids = [hit["id"] for hit in hits]
    right = (
        len(hits) == len(wanted)
        and len(set(ids)) == len(ids)
        and all(near(score, hit["score"]) for (_, score), hit in zip(wanted, hits))
        and all(hit["id"] in scores and near(scores[hit["id"]], hit["score"]) for hit in hits)
    )
    return None if right else Difference(wanted, [(hit["id"], hit["score"]) for hit in hits])


def approximate_difference(ranking, hits: list[dict], page: tuple[int, int]) -> Difference | None:
    """A graph may miss points. What it returns must be right, in order, and as many as there are."""
    offset, limit = page
    wanted = ranking[offset : offset + limit]
    scores = dict(ranking)
    place = {id_: position for position, (id_, _) in enumerate(ranking)}
    ids = [hit["id"] for hit in hits]
    right = (
        len(hits) == len(wanted)
        and len(set(ids)) == len(ids)
        and all(hit["id"] in scores and near(scores[hit["id"]], hit["score"]) for hit in hits)
    )
    if right:
        for one, following in zip(hits, hits[1:]):
            in_order = place[one["id"]] < place[following["id"]]
            right = right and (in_order or near(one["score"], following["score"]))
    return None if right else Difference(wanted, [(hit["id"], hit["score"]) for hit in hits])


def recall(ranking, hits: list[dict], page: tuple[int, int]) -> float:
    """The share of hits that are as good as the exact answer's last."""
    offset, limit = page
    wanted = [score for _, score in ranking[offset : offset + limit]]
    if not wanted:
        return 1.0
    ascending = wanted[0] < wanted[-1]
    last = wanted[-1]
    good = [
        hit
        for hit in hits
        if near(hit["score"], last) or (hit["score"] < last if ascending else hit["score"] > last)
    ]
    return len(good) / len(wanted)


def order_difference(expected, records: list[dict], limit: int) -> Difference | None:
    """`expected` is every pair of id and value; a point comes once per value."""
    # With the type: a float index orders by 3.0, an integer index by 3.
    expected = [(id_, type(value).__name__, value) for id_, value in expected]
    wanted = expected[:limit]
    values = [(record["id"], record.get("order_value")) for record in records]
    got = [(id_, type(value).__name__, value) for id_, value in values]
    surplus = collections.Counter(got) - collections.Counter(expected)
    right = [one[1:] for one in wanted] == [one[1:] for one in got] and not surplus
    return None if right else Difference(wanted, got)
