"""The starter samples that ship with the program: written for it, anchored by chapter + key phrase, resolved when loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from xiyou_tui.corpus.library import Library
from xiyou_tui.corpus.model import Citation, Edition
from xiyou_tui.samples.citations import locate_sentence, look_up
from xiyou_tui.samples.model import Sample, Turn, join_turns, new_sample
from xiyou_tui.samples.store import SampleFilter, SampleStore
from xiyou_tui.storage.places import find_assets


@dataclass(frozen=True, slots=True)
class Starter:
    """One starter sample before its anchors are resolved. An anchor is (chapter, key phrase of at most 16 characters)."""

    id: str
    kind: str
    turns: tuple[Turn, ...]
    anchors: tuple[tuple[int, str], ...]
    reason: str
    tags: tuple[str, ...]
    split: str


@dataclass(frozen=True, slots=True)
class StarterOutcome:
    """What loading did: samples added, samples whose citations were filled in, and anchors that the edition does not hold."""

    added: int
    anchored: int
    missing: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        return {"added": self.added, "anchored": self.anchored, "missing": list(self.missing)}


@cache
def starters() -> tuple[Starter, ...]:
    """The starter samples as they ship."""
    found = []
    for line in (find_assets() / "starter-samples.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        found.append(
            Starter(
                id=record["id"],
                kind=record["kind"],
                turns=join_turns(zip(record["talk"][::2], record["talk"][1::2], strict=True)),
                anchors=tuple((int(chapter), str(phrase)) for chapter, phrase in record.get("anchors", ())),
                reason=record.get("reason", ""),
                tags=tuple(record.get("tags", ())),
                split=record.get("split", "train"),
            )
        )
    return tuple(found)


def anchor(starter: Starter, edition: Edition) -> tuple[tuple[Citation, ...], tuple[str, ...]]:
    """The citations of a starter in an edition, and the key phrases that it does not hold."""
    citations: list[Citation] = []
    missing = []
    for chapter, phrase in starter.anchors:
        citation = locate_sentence(phrase, edition, chapter) if edition.has_chapter(chapter) else None
        if citation is None:
            missing.append(f"{starter.id}：第 {chapter} 回「{phrase}」")
        elif citation not in citations:
            citations.append(citation)
    return tuple(citations), tuple(missing)


def load_starters(store: SampleStore, library: Library) -> StarterOutcome:
    """Add the starter samples that the store does not have (those in its bin come back), as one step that can be undone.

    Those that are there already keep what people made of them; only their citations are brought up to the current edition.
    """
    edition = library.current()
    added = 0
    missing: list[str] = []
    with store.batch():
        for starter in starters():
            citations, lost = _anchors(starter, edition)
            missing += lost
            if not store.exists(starter.id):
                sample = new_sample(
                    starter.kind,
                    turns=starter.turns,
                    citations=citations,
                    reason=starter.reason,
                    status="approved",
                    tags=starter.tags,
                    split=starter.split,
                    source="starter",
                    id=starter.id,
                )
                store.save(sample, action="自带样本")
                added += 1
            elif store.get(starter.id).deleted is not None:
                store.restore(starter.id)
                added += 1
        anchored = anchor_starters(store, library)
    return StarterOutcome(added, anchored, tuple(missing))


def anchor_starters(store: SampleStore, library: Library) -> int:
    """Fill in the citations of loaded starters that are missing or do not hold in the current edition; returns how many.

    Called after another edition became current: starters loaded on the synopsis volume get their citations then.
    """
    edition = library.current()
    anchored = 0
    with store.batch():
        for starter in starters():
            if not store.exists(starter.id):
                continue
            sample = store.get(starter.id)
            citations, _ = _anchors(starter, edition)
            # What a person rewrote is theirs, citations included.
            if citations and sample.turns == starter.turns and not _holds(sample, library, store):
                store.save(replace(sample, citations=citations), action="定位引文")
                anchored += 1
    return anchored


def _anchors(starter: Starter, edition: Edition) -> tuple[tuple[Citation, ...], tuple[str, ...]]:
    # The synopsis volume is in other words: no key phrase of the novel stands in it.
    return ((), ()) if edition.is_synopsis else anchor(starter, edition)


def starters_missing(store: SampleStore) -> int:
    """How many starter samples are not among the samples (the bin does not count)."""
    loaded = {row.id for row in store.rows(SampleFilter(source="starter"))}
    return sum(starter.id not in loaded for starter in starters())


def _holds(sample: Sample, library: Library, store: SampleStore) -> bool:
    states = [look_up(citation, library, store).state for citation in sample.citations]
    return bool(states) and all(state == "here" for state in states)
