"""Mode 评测: evaluations on the left; their measures side by side, and the questions beneath; one question in full."""

from __future__ import annotations

from pathlib import Path
from subprocess import Popen

from textual import work

from xiyou_tui.corpus.model import Citation
from xiyou_tui.errors import XiyouError
from xiyou_tui.evaluation.measures import SEED
from xiyou_tui.evaluation.questions import find_set
from xiyou_tui.evaluation.records import Evaluation
from xiyou_tui.tui.keymap import Key, bindings, register_keys
from xiyou_tui.tui.messages import SampleRequested
from xiyou_tui.tui.screens.evaluate_view import EvaluateView
from xiyou_tui.tui.widgets.outcome_list import FILTERS

register_keys(
    Key("evaluate", "n,ctrl+n", "new", "新评测", "选题集、方式和模型，开始", 8, "n"),
    Key("evaluate", "space,ctrl+g", "mark", "并排", "把这次评测并排放进表里；再按一次拿掉", 6, "空格"),
    Key("evaluate", "c,f8", "column", "换列", "下面的题按哪一列看", 4, "c"),
    Key("evaluate", "f,ctrl+f", "sift(1)", "筛选", "全部 → 没做对 → 答错 → 误拒 → 该拒未拒 → 没答成 → 两边不同", 7, "f"),
    Key("evaluate", "F", "sift(-1)", "反向筛选", "筛选倒着换"),
    Key("evaluate", "t,ctrl+t", "kind", "题型", "只看一种题型", 3, "t"),
    Key("evaluate", "e,ctrl+e", "unfold", "全展开", "每一项都按题型展开，或都收起", 2, "e"),
    Key("evaluate", "a,f7", "sample", "成样本", "把这题写成样本：问题、正确答案和依据（待审）", 5, "a"),
    Key("evaluate", "s,ctrl+s", "stop", "停止", "停下评测，做完的都留着", 4, "s"),
    Key("evaluate", "R,ctrl+r", "resume", "接着做", "没做完的评测，从停下的那题接着做", 4, "R"),
    Key("evaluate", "x,ctrl+x", "export", "报告", "写成报告：Markdown 和 JSON", 3, "x"),
    Key("evaluate", "r,ctrl+l", "rename", "改名", "给这次评测起个名字"),
    Key("evaluate", "d,ctrl+d,delete", "delete", "删除", "移到回收站（会先问）"),
    Key("evaluate", "u,ctrl+z", "undo", "撤销删除", "把刚删的放回来"),
    Key("evaluate", "escape", "leave", "返回", "从一题回到表；从表回到列表；拿掉并排"),
)


class EvaluateScreen(EvaluateView):
    """Mode 评测: looking through evaluations, starting and steering them, keeping and throwing away."""

    mode = "evaluate"
    CSS_PATH = "evaluate.tcss"
    BINDINGS = bindings("evaluate")

    # Looking.

    def action_mark(self) -> None:
        id = self._chosen
        if not id:
            return
        self._marked = [known for known in self._marked if known != id] if id in self._marked else [*self._marked, id]
        self._fill()
        self._read_columns()

    def action_column(self) -> None:
        if len(self._columns) > 1:
            self._active = (self._active + 1) % len(self._columns)
            self._show()

    def action_sift(self, step: int) -> None:
        names = [name for name in FILTERS if name != "changed" or len(self._columns) > 1]
        at = names.index(self.outcomes.filter) if self.outcomes.filter in names else 0
        self.outcomes.filter = names[(at + step) % len(names)]
        self._sifted()

    def action_kind(self) -> None:
        kinds = ["", *self.outcomes.kinds]
        at = kinds.index(self.outcomes.kind) if self.outcomes.kind in kinds else 0
        self.outcomes.kind = kinds[(at + 1) % len(kinds)]
        self._sifted()

    def _sifted(self) -> None:
        self.close_drill()
        self.outcomes.sift()
        self._show_filter()

    def action_unfold(self) -> None:
        self.table.unfold_all()

    def action_leave(self) -> None:
        if self.drilling:
            self.close_drill()
            self.outcomes.focus()
        elif not self.evaluations.has_focus:
            self.evaluations.focus()
        elif self._marked:
            self._marked = []
            self._fill()
            self._read_columns()

    # Starting and steering.

    def action_shipped(self) -> None:
        from xiyou_tui.tui.screens.evaluate_dialogs import Wish

        try:
            self._begin(Wish(find_set(self.study.places, "dev"), ("extract",)))
        except XiyouError as error:
            self.xiyou.complain(error)

    @work
    async def action_new(self) -> None:
        from xiyou_tui.tui.screens.evaluate_dialogs import NewEvaluation

        wish = await self.app.push_screen_wait(NewEvaluation(self.study))
        if wish is not None:
            if wish.model:
                await self.xiyou.release_engine()
            self._begin(wish)

    def _begin(self, wish: object) -> None:
        if self._starting:
            return
        self._prepare("正在开始")
        self._start(wish)

    def _prepare(self, what: str) -> None:
        self._starting = what
        if self.entries:
            if what:
                self.notify(f"{what}……", timeout=2)
        else:
            self._arrange()

    @work(thread=True, exclusive=True, group="start")
    def _start(self, wish: object) -> None:
        from xiyou_tui.evaluation.run import prepare_evaluation, start_worker
        from xiyou_tui.models.making import practice_path
        from xiyou_tui.study import open_study
        from xiyou_tui.training.recipe import PRACTICE
        from xiyou_tui.tui.launching import has_practice, make_model
        from xiyou_tui.tui.screens.evaluate_dialogs import Wish

        assert isinstance(wish, Wish)
        study = open_study(self.study.places)
        evaluation, child, failure = None, None, None
        try:
            model = wish.model
            if model == PRACTICE:
                if not has_practice(study):
                    self.app.call_from_thread(self._prepare, "先做练手模型")
                    make_model(study, again=False, progress=lambda what, share: None)
                model = str(practice_path(study.places, study.library.current()))
            evaluation = prepare_evaluation(
                study, wish.questions, wish.modes, model=model, adapter=wish.adapter, limit=wish.limit, seed=SEED, noise=wish.noise
            )
            child = start_worker(evaluation)
        except XiyouError as error:
            failure = error
        finally:
            study.close()
        self.app.call_from_thread(self._started, evaluation, child, failure)

    def _started(self, evaluation: Evaluation | None, child: Popen[bytes] | None, failure: XiyouError | None) -> None:
        self._prepare("")
        if failure is not None:
            self.xiyou.complain(failure)
        if child is not None:
            self._children.append(child)
        if evaluation is not None:
            self._wished = evaluation.id
            self._look()

    def action_stop(self) -> None:
        entry = self._here()
        if entry is None:
            return
        if not entry.evaluation.is_alive():
            self.notify("它没有在评测。", timeout=3)
            return
        try:
            entry.evaluation.ask_to_stop()
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self.notify("做完手上这题就停。", timeout=3)

    @work
    async def action_resume(self) -> None:
        from xiyou_tui.evaluation.run import start_worker

        entry = self._here()
        if entry is None or entry.meta is None:
            return
        if entry.state.status == "finished":
            self.notify("它已经做完了。", timeout=3)
            return
        if any(spec.model for spec in entry.meta.systems):
            await self.xiyou.release_engine()
        try:
            self._children.append(start_worker(entry.evaluation))
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self._look()

    # Keeping and throwing away.

    @work
    async def action_rename(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import PickDialog

        entry = self._here()
        if entry is None:
            return
        name = await self.app.push_screen_wait(PickDialog("给这次评测起个名字", (), entry.name, placeholder="如：第二次微调之后"))
        if name is None:
            return
        try:
            entry.evaluation.rename(name)
        except XiyouError as error:
            self.xiyou.complain(error)
        self._look()

    @work
    async def action_delete(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        entry = self._here()
        if entry is None:
            return
        answers = [("no", "不删"), ("yes", "移到回收站")]
        if await self.app.push_screen_wait(AskDialog(f"删除「{entry.name}」？", "数字和每一题的回答一起移到回收站；按 u 可以放回来。", answers)) != "yes":
            return
        try:
            self._deleted.append((str(entry.evaluation.delete(self.study.places.bin)), str(entry.evaluation.path)))
        except XiyouError as error:
            self.xiyou.complain(error)
        self._look()

    def action_undo(self) -> None:
        if not self._deleted:
            self.notify("没有刚删的评测。回收站里的都还在：" + str(self.study.places.bin), timeout=5)
            return
        lies, belongs = self._deleted.pop()
        try:
            Path(lies).rename(belongs)
        except OSError as error:
            self.notify(f"放不回来（{error.strerror}）：{lies}", severity="error", timeout=8)
            return
        self._wished = Path(belongs).name
        self._look()

    def action_export(self) -> None:
        entry = self._here()
        if entry is not None and entry.meta is not None:
            self._export(entry.evaluation)

    @work(thread=True, exclusive=True, group="export")
    def _export(self, evaluation: Evaluation) -> None:
        from xiyou_tui.evaluation.report import write_report

        try:
            paths = write_report(evaluation, self.study.places.exports)
        except XiyouError as error:
            self.app.call_from_thread(self.xiyou.complain, error)
            return
        self.app.call_from_thread(self.notify, "\n".join(map(str, paths)), title="报告已写好", timeout=8)

    def action_sample(self) -> None:
        question = self._opened.question if self._opened is not None else self.outcomes.here
        if question is None or not self._columns:
            self.notify("先选一道题。", timeout=3)
            return
        meta = self._columns[self._active].entry.meta
        citations: tuple[Citation, ...] = ()
        if question.answerable and question.evidence:
            from xiyou_tui.evaluation.matching import locate_evidence

            try:
                edition = self._edition(meta.edition if meta else "")
                place = locate_evidence(edition, question.gold, question.chapters)
                citations = (edition.cite(place.chapter, place.start, place.end),) if place is not None else ()
            except XiyouError:
                citations = ()
        self.app.post_message(
            SampleRequested(
                citations,
                question.text,
                question.answers[0] if question.answers else "" if question.answerable else "原著未提及。",
                refusal=not question.answerable,
                reason=question.note,
            )
        )
        self.app.notify("这题拿去训练以后，这个题集就不公正了：换别的题集检验。", title="题集里的题", severity="warning", timeout=8)
