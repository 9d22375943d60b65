"""Fusing, quantising and exporting in the Models pane. `ModelsScreen` adds what is there and what else is done with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from textual import on, work
from textual.message import Message

from xiyou_tui.errors import XiyouError
from xiyou_tui.models.adapters import KINDS
from xiyou_tui.models.conversion import BITS, FORMS, GROUPS, Form, Plan, plan_export, plan_fuse, plan_quantise
from xiyou_tui.models.converting import Converted, convert
from xiyou_tui.training.lineage import Subject, check_no_training, export_target, find_subject, make_probe, make_speech
from xiyou_tui.tui.keymap import Key, register_keys
from xiyou_tui.tui.screens.base import ModeScreen
from xiyou_tui.tui.screens.model_making_dialogs import Choice, MadeDialog, MakingDialog, Planner
from xiyou_tui.tui.shelf import ShelfItem, describe

register_keys(
    Key("models", "f,ctrl+f", "fuse", "合并", "把适配器合并进它的底座，成为一个新模型；旧的都不动", 5, "f"),
    Key("models", "z,ctrl+z", "quantise", "量化", "把 16 位的模型量化成 4 位或 8 位，做前做后在原文上量一量", 2, "z"),
    Key("models", "e,ctrl+e", "export", "导出", "导出成文件夹：MLX、GGUF，或带 Modelfile 的 Ollama", 2, "e"),
    Key("models", "k,ctrl+k", "stop_making", "停下", "停下正在做的合并、量化或导出，做到一半的清掉", 0, "k"),
)

DONE = {"fuse": "合并好了", "quantise": "量化好了", "export": "导出好了"}


class ModelMaking(ModeScreen):
    """Making models from models; which one is meant, and showing the result, is up to `ModelsScreen`."""

    @dataclass
    class ConversionEnded(Message):
        """A conversion was carried out, or why not."""

        plan: Plan
        made: Converted | None
        error: XiyouError | None

    @dataclass
    class ConversionWentOn(Message):
        """A conversion came so far (0 to 1)."""

        what: str
        share: float

    def __init__(self) -> None:
        super().__init__()
        self._making = False
        self._wished = ""
        self._stop = threading.Event()
        # `_making` is also true while a practice model is made, which takes seconds and is not stopped.
        self._converting = False

    def _here(self) -> ShelfItem | None:
        raise NotImplementedError

    def _progress(self, what: str, share: float) -> None:
        raise NotImplementedError

    def refresh_shelf(self) -> None:
        raise NotImplementedError

    def on_unmount(self) -> None:
        self._stop.set()

    @work
    async def action_fuse(self) -> None:
        item = self._free_item()
        if item is None:
            return
        if item.adapter is None:
            self.notify("要合并的是适配器：选「训练所得」里的一个。这是完整的模型。", timeout=5)
            return
        subject = await self._find(item)
        if subject is None or subject.adapter is None:
            return
        adapter, base, probe = subject.adapter, subject.adapter.base, make_probe(self.study)

        def planner(values: Mapping[str, str], name: str) -> Plan:
            return plan_fuse(
                adapter, self.study.places.models, name=name, dequantise=values.get("precision") == "16", probe=probe, trained_on=subject.trained_on
            )

        kept = f"重新量化成 {base.bits} 位" if base.bits < 16 else f"和底座一样（{base.bits} 位）"
        values = (("keep", kept), *((("16", "还原成 16 位"),) if base.bits < 16 else ()))
        about = [("底座", f"{base.name}（{base.bits} 位，{base.architecture}）"), ("适配器", f"{KINDS[adapter.kind]} 秩 {adapter.rank}，{item.about or item.name}")]
        await self._ask(f"合并「{item.name}」", about, [Choice("precision", "精度", values)], planner)

    @work
    async def action_quantise(self) -> None:
        item = self._free_item()
        if item is None:
            return
        if item.adapter is not None:
            self.notify("适配器不量化。先按 f 合并，再量化合并出来的模型。", timeout=5)
            return
        subject = await self._find(item)
        if subject is None:
            return
        probe = make_probe(self.study)

        def planner(values: Mapping[str, str], name: str) -> Plan:
            return plan_quantise(
                subject.model, self.study.places.models, bits=int(values["bits"]), group=int(values["group"]), name=name, probe=probe
            )

        choices = [
            Choice("bits", "位数", tuple((str(bits), f"{bits} 位") for bits in BITS)),
            Choice("group", "每组", tuple((str(group), f"{group} 个权重") for group in GROUPS)),
        ]
        await self._ask(f"量化「{item.name}」", [("模型", describe(item))], choices, planner)

    @work
    async def action_export(self) -> None:
        item = self._free_item()
        if item is None:
            return
        subject = await self._find(item)
        if subject is None:
            return
        speech = make_speech(self.study)

        def planner(values: Mapping[str, str], name: str) -> Plan:
            form = cast(Form, values["form"])
            target = Path(name).expanduser().absolute() if name else export_target(self.study.places, subject, form)
            return plan_export(subject.item, target, form, speech=speech, trained_on=subject.trained_on)

        forms = tuple((form, label) for form, label in FORMS.items() if form == "mlx" or item.adapter is None)
        about = [("适配器" if item.adapter else "模型", describe(item) or item.name)]
        await self._ask(f"导出「{item.name}」", about, [Choice("form", "格式", forms)], planner, naming="目录", hint="不写就放在 exports 里")

    @work
    async def action_stop_making(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        if not self._converting:
            self.notify("没有要停的。", timeout=3)
            return
        answers = [("no", "不，接着做"), ("yes", "停下，做到一半的清掉")]
        if await self.app.push_screen_wait(AskDialog("停下？", "原来的模型没有动过；再做要从头来。", answers)) == "yes":
            self._stop.set()

    def _free_item(self) -> ShelfItem | None:
        item = self._here()
        if item is not None and self._making:
            self.notify("正在做一个，做完再来。" + ("按 k 停下它。" if self._converting else ""), timeout=4)
            return None
        if item is not None and item.kind == "part":
            self.notify("还没有下完。按 Enter 接着下，下完再来。", timeout=4)
            return None
        return item

    async def _find(self, item: ShelfItem) -> Subject | None:
        try:
            return await asyncio.to_thread(find_subject, self.study.places, item.id)
        except XiyouError as error:
            self.xiyou.complain(error)
            return None

    async def _ask(
        self, title: str, about: list[tuple[str, str]], choices: list[Choice], planner: Planner, *, naming: str = "名字", hint: str = "不写就从原来的名字来"
    ) -> None:
        plan = await self.app.push_screen_wait(MakingDialog(title, about, choices, planner, naming=naming, hint=hint))
        if plan is None or self._making:
            return
        self._making = self._converting = True
        self._stop = threading.Event()
        self._progress("准备", 0.0)
        if plan.cost.memory > plan.cost.memory_available // 4:
            # The chat's model would take the memory that this needs.
            self._progress("请对话的模型让出内存", 0.0)
            await self.xiyou.release_engine()
        self._convert(plan, self._stop)

    @work(thread=True, exclusive=True, group="conversion")
    def _convert(self, plan: Plan, stop: threading.Event) -> None:
        def tell(what: str, share: float) -> None:
            self.post_message(self.ConversionWentOn(what, share))

        try:
            check_no_training(self.study.places, plan.cost.memory)
            found = self.ConversionEnded(plan, convert(self.study.places, plan, progress=tell, stop=stop), None)
        except XiyouError as error:
            found = self.ConversionEnded(plan, None, error)
        self.post_message(found)

    @on(ConversionWentOn)
    def _conversion_went_on(self, event: ConversionWentOn) -> None:
        if self._making:
            self._progress(event.what, event.share)

    @on(ConversionEnded)
    async def _conversion_ended(self, event: ConversionEnded) -> None:
        self._making = self._converting = False
        self._progress("", 0.0)
        if event.error is not None:
            if event.error.code == "cancelled":
                self.notify(event.error.render(), timeout=5, markup=False)
            else:
                self.xiyou.complain(event.error)
            return
        assert event.made is not None
        if event.made.path.parent == self.study.places.models:
            self._wished = str(event.made.path)
            self.refresh_shelf()
        self._report(event.plan, event.made)

    @work
    async def _report(self, plan: Plan, made: Converted) -> None:
        kind, lines = plan.job.kind, []
        if kind == "export" and plan.job.form == "ollama":
            lines.append("在那个目录里：ollama create xiyou -f Modelfile，再 ollama run xiyou。")
        elif kind != "export":
            lines.append("在表里已经选中它：Enter 用于对话，e 导出。")
        if self.app.screen is not self:
            self.notify(str(made.path), title=DONE[kind], timeout=8, markup=False)
            return
        if await self.app.push_screen_wait(MadeDialog(DONE[kind], made, lines)) == "copy":
            self.xiyou.copy_with_notice(str(made.path), "路径")
