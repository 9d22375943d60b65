"""What becomes of the citations of samples when another edition becomes current."""

from __future__ import annotations

from tests.corpus.small import FIRST, SECOND, edition_of
from xiyou_tui.samples.citations import look_up, survey
from xiyou_tui.samples.model import new_sample
from xiyou_tui.study import Study


def test_kept_moved_and_lost_are_told_and_nothing_is_changed(study: Study) -> None:
    here = edition_of([FIRST, SECOND])
    study.library.add(here)
    body = here.chapter(1).body
    citations = (here.cite(1, body, body + len(FIRST)), here.cite(1, body + len(FIRST) + 1, body + len(FIRST) + 1 + len(SECOND)))
    study.samples.save(new_sample("fact", question="问", answer="答", citations=citations), action="新建")
    assert survey(study.samples, study.library).as_record() == {"kept": 2, "moved": 0, "lost": 0}
    # Another wording of the first, and nothing of the second.
    other = edition_of(["别的开头。", FIRST.replace("按落云头", "按下了祥云")])
    study.library.add(other)
    assert survey(study.samples, study.library).as_record() == {"kept": 0, "moved": 1, "lost": 1}
    study.library.choose(here.id)
    assert survey(study.samples, study.library).as_record() == {"kept": 2, "moved": 0, "lost": 0}
    assert study.samples.list()[0].citations == citations
    assert look_up(citations[0], study.library, study.samples).text == FIRST
