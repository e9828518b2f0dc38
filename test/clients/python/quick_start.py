"""The quick start of the official Python client's documentation, and what its other pages show.

    python quick_start.py URL

Ends with 0 if all of it works against the server at URL; prints one line per test and the counts.
"""

import asyncio
import sys
import unittest

import numpy as np
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_client.models import (
    Distance,
    FieldCondition,
    Filter,
    MatchValue,
    PointStruct,
    Range,
    VectorParams,
)

URL = sys.argv.pop(1) if len(sys.argv) > 1 else "http://localhost:6333"

CITIES = [
    PointStruct(id=1, vector=[0.05, 0.61, 0.76, 0.74], payload={"city": "Berlin"}),
    PointStruct(id=2, vector=[0.19, 0.81, 0.75, 0.11], payload={"city": "London"}),
    PointStruct(id=3, vector=[0.36, 0.55, 0.47, 0.94], payload={"city": "Moscow"}),
    PointStruct(id=4, vector=[0.18, 0.01, 0.85, 0.80], payload={"city": "New York"}),
    PointStruct(id=5, vector=[0.24, 0.18, 0.22, 0.44], payload={"city": "Beijing"}),
    PointStruct(id=6, vector=[0.35, 0.08, 0.11, 0.44], payload={"city": "Mumbai"}),
]


def ids_of(points) -> list:
    return [point.id for point in points]


class QuickStart(unittest.TestCase):
    def setUp(self) -> None:
        self.client = QdrantClient(url=URL)
        self.name = "python_" + self._testMethodName

    def tearDown(self) -> None:
        self.client.delete_collection(self.name)
        self.client.close()

    def fill(self, **config) -> None:
        self.client.create_collection(
            collection_name=self.name,
            vectors_config=VectorParams(size=4, distance=Distance.DOT),
            **config,
        )
        info = self.client.upsert(collection_name=self.name, wait=True, points=CITIES)
        self.assertEqual(info.status, models.UpdateStatus.COMPLETED)

    def test_quick_start(self) -> None:
        self.fill()
        found = self.client.query_points(
            collection_name=self.name,
            query=[0.2, 0.1, 0.9, 0.7],
            with_payload=False,
            limit=3,
        ).points
        self.assertEqual(ids_of(found), [4, 1, 3])
        self.assertAlmostEqual(found[0].score, 1.362, places=5)
        self.assertAlmostEqual(found[1].score, 1.273, places=5)
        found = self.client.query_points(
            collection_name=self.name,
            query=[0.2, 0.1, 0.9, 0.7],
            query_filter=Filter(must=[FieldCondition(key="city", match=MatchValue(value="London"))]),
            with_payload=True,
            limit=3,
        ).points
        self.assertEqual([(one.id, one.payload) for one in found], [(2, {"city": "London"})])

    def test_readme_with_numpy(self) -> None:
        random = np.random.default_rng(7)
        vectors = random.random((100, 100))
        self.client.create_collection(
            collection_name=self.name,
            vectors_config=VectorParams(size=100, distance=Distance.COSINE),
        )
        self.client.upsert(
            collection_name=self.name,
            points=[
                PointStruct(
                    id=idx, vector=vector.tolist(), payload={"color": "red", "rand_number": idx % 10}
                )
                for idx, vector in enumerate(vectors)
            ],
        )
        query_vector = random.random(100)
        hits = self.client.query_points(collection_name=self.name, query=query_vector, limit=5)
        scores = vectors @ query_vector / np.linalg.norm(vectors, axis=1)
        self.assertEqual(ids_of(hits.points), list(np.argsort(-scores)[:5]))
        hits = self.client.query_points(
            collection_name=self.name,
            query=query_vector,
            query_filter=Filter(must=[FieldCondition(key="rand_number", range=Range(gte=3))]),
            limit=5,
        )
        passing = [int(one) for one in np.argsort(-scores) if one % 10 >= 3]
        self.assertEqual(ids_of(hits.points), passing[:5])

    def test_collection_info_and_update(self) -> None:
        self.assertFalse(self.client.collection_exists(self.name))
        self.fill(
            hnsw_config=models.HnswConfigDiff(m=8, ef_construct=64),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=5000),
            on_disk_payload=True,
        )
        self.assertTrue(self.client.collection_exists(self.name))
        self.assertIn(self.name, [one.name for one in self.client.get_collections().collections])
        info = self.client.get_collection(self.name)
        self.assertEqual(info.status, models.CollectionStatus.GREEN)
        self.assertEqual(info.points_count, 6)
        self.assertEqual(info.config.params.vectors.size, 4)
        self.assertEqual(info.config.params.vectors.distance, Distance.DOT)
        self.assertEqual(info.config.hnsw_config.m, 8)
        self.client.update_collection(
            collection_name=self.name,
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=10000),
            hnsw_config=models.HnswConfigDiff(ef_construct=123),
        )
        info = self.client.get_collection(self.name)
        self.assertEqual(info.config.optimizer_config.indexing_threshold, 10000)
        self.assertEqual(info.config.hnsw_config.ef_construct, 123)
        self.assertEqual(info.config.hnsw_config.m, 8)

    def test_payload_operations(self) -> None:
        self.fill()
        client, name = self.client, self.name
        client.set_payload(name, payload={"size": 3, "tags": ["a", "b"]}, points=[1, 2])
        client.set_payload(name, payload={"lat": 52.5}, points=[1], key="place")
        client.overwrite_payload(name, payload={"only": True}, points=[3])
        client.delete_payload(name, keys=["city"], points=[1])
        client.clear_payload(name, points_selector=[4])
        client.set_payload(
            name,
            payload={"seen": True},
            points=Filter(must=[FieldCondition(key="city", match=MatchValue(value="Beijing"))]),
        )
        records = client.retrieve(name, ids=[1, 2, 3, 4, 5])
        self.assertEqual(
            [record.payload for record in records],
            [
                {"size": 3, "tags": ["a", "b"], "place": {"lat": 52.5}},
                {"city": "London", "size": 3, "tags": ["a", "b"]},
                {"only": True},
                {},
                {"city": "Beijing", "seen": True},
            ],
        )

    def test_payload_index_filters_and_order(self) -> None:
        self.fill()
        client, name = self.client, self.name
        client.create_payload_index(name, "city", field_schema=models.PayloadSchemaType.KEYWORD)
        client.create_payload_index(
            name,
            "year",
            field_schema=models.IntegerIndexParams(type="integer", lookup=True, range=True),
        )
        client.create_payload_index(name, "at", field_schema=models.PayloadSchemaType.DATETIME)
        for one in range(1, 7):
            payload = {"year": 2030 - one, "at": f"2024-0{one}-01T00:00:00Z"}
            client.set_payload(name, payload=payload, points=[one])
        schema = client.get_collection(name).payload_schema
        self.assertEqual({key: one.points for key, one in schema.items()}, dict.fromkeys(schema, 6))

        def matching(**clauses) -> list:
            return ids_of(client.scroll(name, scroll_filter=Filter(**clauses))[0])

        london = FieldCondition(key="city", match=models.MatchAny(any=["London", "Moscow"]))
        self.assertEqual(matching(must=[london]), [2, 3])
        self.assertEqual(matching(must_not=[london]), [1, 4, 5, 6])
        recent = FieldCondition(key="year", range=Range(gt=2027))
        self.assertEqual(matching(should=[london, recent]), [1, 2, 3])
        spring = models.DatetimeRange(gte="2024-03-01T00:00:00Z", lt="2024-05-01")
        self.assertEqual(matching(must=[FieldCondition(key="at", range=spring)]), [3, 4])
        self.assertEqual(matching(must=[models.HasIdCondition(has_id=[6, 99])]), [6])
        empty = models.IsEmptyCondition(is_empty=models.PayloadField(key="nothing"))
        self.assertEqual(len(matching(must=[empty])), 6)
        ordered, following = client.scroll(
            name, order_by=models.OrderBy(key="year", direction=models.Direction.ASC), limit=3
        )
        self.assertEqual(ids_of(ordered), [6, 5, 4])
        self.assertIsNone(following)
        client.delete_payload_index(name, "year")
        self.assertNotIn("year", client.get_collection(name).payload_schema)

    def test_scroll_count_retrieve(self) -> None:
        self.fill()
        seen, offset = [], None
        while True:
            points, offset = self.client.scroll(self.name, limit=4, offset=offset, with_vectors=True)
            seen.extend(points)
            if offset is None:
                break
        self.assertEqual(ids_of(seen), [1, 2, 3, 4, 5, 6])
        np.testing.assert_allclose(seen[0].vector, CITIES[0].vector, rtol=1e-6)
        self.assertEqual(self.client.count(self.name, exact=True).count, 6)
        self.assertEqual(ids_of(self.client.retrieve(self.name, ids=[6, 99, 2])), [6, 2])

    def test_deletes(self) -> None:
        self.fill()
        self.client.delete(self.name, points_selector=[1, 2])
        moscow = FieldCondition(key="city", match=MatchValue(value="Moscow"))
        self.client.delete(self.name, points_selector=Filter(must=[moscow]))
        self.client.delete(self.name, points_selector=models.PointIdsList(points=[4]))
        self.assertEqual(ids_of(self.client.scroll(self.name)[0]), [5, 6])

    def test_named_vectors(self) -> None:
        self.client.create_collection(
            self.name,
            vectors_config={
                "image": VectorParams(size=4, distance=Distance.DOT),
                "text": VectorParams(size=3, distance=Distance.EUCLID),
            },
        )
        points = [
            PointStruct(id=1, vector={"image": [0.9, 0.1, 0.1, 0.2], "text": [0.4, 0.7, 0.1]}),
            PointStruct(id=2, vector={"image": [0.2, 0.1, 0.9, 0.7]}),
        ]
        self.client.upsert(self.name, points=points)
        found = self.client.query_points(self.name, query=[0.2, 0.1, 0.9, 0.7], using="image")
        self.assertEqual(ids_of(found.points), [2, 1])
        vector = models.PointVectors(id=2, vector={"text": [1.0, 0.0, 0.0]})
        self.client.update_vectors(self.name, points=[vector])
        found = self.client.query_points(
            self.name, query=[1.0, 0.0, 1.0], using="text", with_vectors=["text"]
        )
        self.assertEqual(ids_of(found.points), [2, 1])
        self.assertAlmostEqual(found.points[0].score, 1.0)
        self.assertEqual(found.points[0].vector, {"text": [1.0, 0.0, 0.0]})
        self.client.delete_vectors(self.name, vectors=["text"], points=[1])
        has_text = Filter(must=[models.HasVectorCondition(has_vector="text")])
        self.assertEqual(ids_of(self.client.scroll(self.name, scroll_filter=has_text)[0]), [2])

    def test_batches(self) -> None:
        self.fill()
        searches = [
            models.QueryRequest(query=[0.2, 0.1, 0.9, 0.7], limit=1),
            models.QueryRequest(query=4, limit=2, with_payload=True),
            models.QueryRequest(query=[1.0, 0.0, 0.0, 0.0], score_threshold=0.3, limit=5),
        ]
        answers = self.client.query_batch_points(self.name, requests=searches)
        self.assertEqual([len(one.points) for one in answers], [1, 2, 2])
        self.assertNotIn(4, ids_of(answers[1].points))
        operations = [
            models.UpsertOperation(
                upsert=models.PointsList(points=[PointStruct(id=7, vector=[1.0, 0.0, 0.0, 0.0])])
            ),
            models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={"new": 1}, points=[7])
            ),
            models.DeleteOperation(delete=models.PointIdsList(points=[1])),
        ]
        results = self.client.batch_update_points(self.name, update_operations=operations)
        self.assertEqual(len(results), 3)
        self.assertEqual(self.client.retrieve(self.name, ids=[1, 7])[0].payload, {"new": 1})

    def test_aliases(self) -> None:
        self.fill()
        alias = models.CreateAlias(collection_name=self.name, alias_name="python_alias")
        self.client.update_collection_aliases(
            change_aliases_operations=[models.CreateAliasOperation(create_alias=alias)]
        )
        self.assertEqual(self.client.count("python_alias").count, 6)
        self.assertEqual(
            [one.alias_name for one in self.client.get_collection_aliases(self.name).aliases],
            ["python_alias"],
        )
        deleted = models.DeleteAlias(alias_name="python_alias")
        self.client.update_collection_aliases(
            change_aliases_operations=[models.DeleteAliasOperation(delete_alias=deleted)]
        )
        self.assertFalse(self.client.collection_exists("python_alias"))

    def test_upload_points(self) -> None:
        random = np.random.default_rng(3)
        vectors = random.standard_normal((5000, 32)).astype(np.float32)
        self.client.create_collection(
            self.name, vectors_config=VectorParams(size=32, distance=Distance.EUCLID)
        )
        self.client.upload_points(
            self.name,
            points=(
                PointStruct(id=index, vector=vector.tolist(), payload={"even": index % 2 == 0})
                for index, vector in enumerate(vectors)
            ),
            batch_size=200,
            wait=True,
        )
        self.assertEqual(self.client.count(self.name).count, 5000)
        query = random.standard_normal(32).astype(np.float32)
        distances = np.linalg.norm(vectors - query, axis=1)
        found = self.client.query_points(self.name, query=query, limit=10).points
        self.assertEqual(ids_of(found), list(np.argsort(distances)[:10]))
        np.testing.assert_allclose([one.score for one in found], np.sort(distances)[:10], rtol=1e-5)

    def test_upload_collection_in_parallel(self) -> None:
        self.client.create_collection(
            self.name, vectors_config=VectorParams(size=8, distance=Distance.COSINE)
        )
        vectors = np.random.default_rng(5).random((1000, 8))
        payload = [{"row": row} for row in range(1000)]
        self.client.upload_collection(
            self.name, vectors=vectors, payload=payload, ids=None, parallel=2, wait=True
        )
        self.assertEqual(self.client.count(self.name).count, 1000)

    def test_errors(self) -> None:
        with self.assertRaises(UnexpectedResponse) as caught:
            self.client.get_collection("nowhere")
        self.assertEqual(caught.exception.status_code, 404)
        self.assertIn(b"doesn't exist", caught.exception.content)
        self.fill()
        with self.assertRaises(UnexpectedResponse) as caught:
            self.fill()
        self.assertEqual(caught.exception.status_code, 409)
        with self.assertRaises(UnexpectedResponse) as caught:
            self.client.query_points(self.name, query=[1.0, 2.0])
        self.assertEqual(caught.exception.status_code, 400)
        with self.assertRaises(UnexpectedResponse) as caught:
            self.client.query_points(self.name, query=99)
        self.assertEqual(caught.exception.status_code, 404)
        with self.assertRaises(UnexpectedResponse) as caught:
            self.client.upsert(self.name, points=[PointStruct(id=1, vector=[1.0])])
        self.assertEqual(caught.exception.status_code, 400)
        nobody = QdrantClient(url="http://127.0.0.1:1", check_compatibility=False)
        with self.assertRaises(ResponseHandlingException):
            nobody.get_collections()

    def test_async_client(self) -> None:
        async def main() -> int:
            client = AsyncQdrantClient(url=URL)
            await client.create_collection(
                collection_name=self.name,
                vectors_config=models.VectorParams(size=10, distance=models.Distance.COSINE),
            )
            await client.upsert(
                collection_name=self.name,
                points=[
                    models.PointStruct(id=i, vector=np.random.rand(10).tolist())
                    for i in range(100)
                ],
            )
            found = await client.query_points(
                collection_name=self.name, query=np.random.rand(10).tolist(), limit=10
            )
            await client.close()
            return len(found.points)

        self.assertEqual(asyncio.run(main()), 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
