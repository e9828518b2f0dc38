"""Compares minilm.py with sentence-transformers, which must be installed beside it; prints cosines.

    HF_HUB_OFFLINE=1 python check_minilm.py

Ends with 1 if any of 600 paragraphs of Python's language reference differs by more than 0.0001.
"""

import sys

import minilm
from pydoc_data.topics import topics


def main() -> int:
    from sentence_transformers import SentenceTransformer

    paragraphs = [" ".join(part.split()) for text in topics.values() for part in text.split("\n\n")]
    texts = [text for text in paragraphs if 80 <= len(text) <= 800][:600]
    reference = SentenceTransformer(str(minilm.model_folder()), device="cpu")
    reference.max_seq_length = minilm.TOKENS_MAX
    expected = reference.encode(texts, normalize_embeddings=True)
    cosines = (minilm.embed(texts) * expected).sum(axis=1)
    print(f"{len(texts)} texts: cosine at least {cosines.min():.6f}, mean {cosines.mean():.6f}")
    return 0 if cosines.min() >= 0.9999 else 1


if __name__ == "__main__":
    sys.exit(main())
