"""How many tokens a text takes in a model's vocabulary, near enough to plan by. Reads tokenizer.json only. Light: no tokenizer."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

# The longest entry worth looking for: eight Chinese characters, as bytes.
LONGEST = 24
# What a character costs that has no entry of its own where the vocabulary is not one of bytes.
BYTES = 3


def count_tokens(model: Path, text: str) -> int | None:
    """About how many tokens `text` takes, by longest match (real merges differ by a few per cent).

    None where the model has no tokenizer.json with a vocabulary. The first call for a model takes a fraction of a second.
    """
    file = model / "tokenizer.json"
    try:
        known = file.stat()
        entries, of_bytes = _entries(file, known.st_size, known.st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    written = "".join(map(_BYTES.__getitem__, text.encode("utf-8", "replace"))) if of_bytes else text.replace(" ", "▁")
    at = count = 0
    while at < len(written):
        size = next((size for size in range(min(LONGEST, len(written) - at), 0, -1) if written[at : at + size] in entries), 0)
        at += size or 1
        count += 1 if size or of_bytes else BYTES
    return count


@lru_cache(maxsize=4)
def _entries(file: Path, size: int, changed: int) -> tuple[frozenset[str], bool]:
    """The entries of a vocabulary, and whether they are written as bytes (GPT-2's way); `size` and `changed` only tell files apart."""
    vocabulary = json.loads(file.read_text("utf-8"))["model"]["vocab"]
    # Unigram models list pairs of entry and score.
    entries = frozenset(entry if isinstance(entry, str) else str(entry[0]) for entry in vocabulary)
    return entries, _BYTES[ord("\n")] in entries


def _byte_letters() -> tuple[str, ...]:
    """GPT-2's letter for each byte: printable ones stand for themselves, the others for letters from 256 on, in order."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in printable else chr(next(others)) for byte in range(256))


_BYTES = _byte_letters()
