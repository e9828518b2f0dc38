"""Vectors without a model: TF-IDF weights of words, reduced to a few hundred dimensions.

A randomised singular value decomposition (Halko, Martinsson, Tropp 2011, algorithm 4.4) of the
document-word matrix. Finds texts that share words or words that occur together; knows no meaning.
"""

import re

import numpy as np

DIMENSION = 384
_VOCABULARY_MAX = 4096
_POWER_ITERATIONS = 2


class TfIdf:
    """Learns words and directions from the corpus; embeds any text with them."""

    def __init__(self, texts: list[str]) -> None:
        words = [_words(text) for text in texts]
        document_counts: dict[str, int] = {}
        for one in words:
            for word in set(one):
                document_counts[word] = document_counts.get(word, 0) + 1
        useful = {w: n for w, n in document_counts.items() if 2 <= n <= 0.2 * len(texts)}
        chosen = sorted(useful, key=lambda word: (-useful[word], word))[:_VOCABULARY_MAX]
        self._column = {word: index for index, word in enumerate(chosen)}
        self._idf = np.array([np.log(len(texts) / useful[w]) for w in chosen], np.float32)
        matrix = self._weights(words)
        self._directions = _right_directions(matrix, min(DIMENSION, len(chosen)))
        self.vectors = _normalised(matrix @ self._directions)

    def embed(self, texts: list[str]) -> np.ndarray:
        return _normalised(self._weights([_words(text) for text in texts]) @ self._directions)

    def _weights(self, documents: list[list[str]]) -> np.ndarray:
        matrix = np.zeros((len(documents), len(self._column)), np.float32)
        for row, words in enumerate(documents):
            for word in words:
                column = self._column.get(word)
                if column is not None:
                    matrix[row, column] += 1
        np.log1p(matrix, out=matrix)
        matrix *= self._idf
        return _normalised(matrix)


def _words(text: str) -> list[str]:
    """Lower-case words without the endings that change least of the meaning."""
    words = re.findall(r"[a-z][a-z]+", text.lower())
    return [re.sub(r"(ies|es|s|ing|ed)$", "", word) or word for word in words]


def _right_directions(matrix: np.ndarray, count: int) -> np.ndarray:
    random = np.random.default_rng(1)
    probe = random.standard_normal((matrix.shape[1], count + 16), np.float32)
    for _ in range(_POWER_ITERATIONS):
        probe = np.linalg.qr(matrix @ probe)[0]
        probe = np.linalg.qr(matrix.T @ probe)[0]
    basis = np.linalg.qr(matrix @ probe)[0]
    directions = np.linalg.svd(basis.T @ matrix, full_matrices=False)[2]
    padded = np.zeros((matrix.shape[1], DIMENSION), np.float32)
    padded[:, :count] = directions[:count].T
    return padded


def _normalised(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
