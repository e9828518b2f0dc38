"""Turns text that is on this machine into points with vectors, ready to load.

Writes points.jsonl, vectors.npy and questions.json into the folder --out. Vectors are kept per
text in the folder --cache, so that a second run, or one with more points, computes only new ones.
"""

import argparse
import collections
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

import corpus

_CHUNK_COUNT = 2000


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vectors", choices=("auto", "model", "tfidf"), default="auto")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)

    started = time.monotonic()
    points = corpus.collect(options.root, options.points)
    kinds = collections.Counter(point["kind"] for point in points)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    _say(f"{len(points)} paragraphs ({listed}) in {time.monotonic() - started:.1f} s")
    if len(points) < options.points:
        _say(f"this machine has only {len(points)} paragraphs, {options.points} were asked for")
        return 1

    questions = json.loads(options.questions.read_text(encoding="utf-8"))
    asked = [question["ask"] for question in questions]
    vectors, question_vectors, method = _embed(points, asked, options)
    for question, vector in zip(questions, question_vectors):
        question["vector"] = [float(value) for value in vector]
    with (options.out / "points.jsonl").open("w", encoding="utf-8") as file:
        for point in points:
            file.write(json.dumps(point, ensure_ascii=False) + "\n")
    np.save(options.out / "vectors.npy", vectors)
    packages = collections.Counter(point["package"] for point in points)
    about = {
        "method": method,
        "dimension": int(vectors.shape[1]),
        "packages": [{"name": name, "count": count} for name, count in packages.most_common()],
        "questions": questions,
    }
    (options.out / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return 0


def _embed(points: list[dict], asked: list[str], options) -> tuple[np.ndarray, np.ndarray, str]:
    texts = [point["text"] for point in points]
    if options.vectors != "tfidf":
        try:
            return *_embed_by_model(texts, asked, options.cache), "all-MiniLM-L6-v2"
        except (ImportError, OSError, KeyError, ValueError) as error:
            if options.vectors == "model":
                raise
            _say(f"THE SENTENCE MODEL CANNOT BE LOADED ({error}).")
            _say("Going on with TF-IDF: answers are by shared words, not by meaning.")
    import tfidf

    started = time.monotonic()
    model = tfidf.TfIdf(texts)
    _say(f"TF-IDF vectors of {len(texts)} paragraphs in {time.monotonic() - started:.1f} s")
    return model.vectors, model.embed(asked), "TF-IDF"


def _embed_by_model(texts: list[str], asked: list[str], cache: Path):
    import minilm

    known = _load_cache(cache / "minilm.npz")
    keys = [hashlib.sha1(text.encode()).digest() for text in texts + asked]
    by_key = dict(zip(keys, texts + asked))
    missing = [key for key in by_key if key not in known]
    _say(f"sentence model all-MiniLM-L6-v2: {len(missing)} texts new, {len(known)} known")
    started = time.monotonic()
    for start in range(0, len(missing), _CHUNK_COUNT):
        chunk = missing[start : start + _CHUNK_COUNT]
        known.update(zip(chunk, minilm.embed([by_key[key] for key in chunk])))
        _save_cache(cache / "minilm.npz", known)
        done = start + len(chunk)
        rate = done / (time.monotonic() - started)
        _say(f"  {done} of {len(missing)} embedded, {rate:.0f} a second")
    vectors = np.stack([known[key] for key in keys])
    return vectors[: len(texts)], vectors[len(texts) :]


def _load_cache(path: Path) -> dict[bytes, np.ndarray]:
    if not path.exists():
        return {}
    with np.load(path) as stored:
        return {key.tobytes(): vector for key, vector in zip(stored["keys"], stored["vectors"])}


def _save_cache(path: Path, known: dict[bytes, np.ndarray]) -> None:
    """Whole or not at all: an interrupted run must leave the last complete file."""
    partial = path.with_suffix(".partial.npz")
    keys = np.frombuffer(b"".join(known), np.uint8).reshape(-1, 20)
    np.savez(partial, keys=keys, vectors=np.stack(list(known.values())))
    partial.replace(path)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
