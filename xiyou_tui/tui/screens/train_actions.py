"""What one does with a run that is there: pause, stop, resume, compare, rename, delete, export. `TrainScreen` adds the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import work

from xiyou_tui.errors import XiyouError
from xiyou_tui.training.launch import Command, kill_run, resume_run, send_command
from xiyou_tui.training.run import RunDirectory
from xiyou_tui.tui.follow import RunEntry
from xiyou_tui.tui.screens.base import ModeScreen


class TrainActions(ModeScreen):
    """The actions on runs; which runs there are, and which is meant, is up to `TrainScreen`."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[RunEntry, ...] = ()
        self._marked: list[str] = []
        self._chosen = ""
        self._wished = ""
        self._deleted: list[tuple[str, str]] = []

    def _entry(self, run: str) -> RunEntry | None:
        return next((entry for entry in self._entries if entry.run.id == run), None)

    def _here(self) -> RunEntry | None:
        entry = self._entry(self._chosen)
        if entry is None:
            self.notify("还没有运行。按 n 新建一次。", timeout=3)
        return entry

    # Steering.

    def action_pause(self) -> None:
        entry = self._here()
        if entry is None:
            return
        status = entry.state.status
        if status == "paused":
            self._command(entry, "resume", "接着练。")
        elif status in ("interrupted", "stopped", "failed"):
            self.action_resume()
        else:
            self._command(entry, "pause", "这一步做完就暂停，放掉内存。")

    def action_stop(self) -> None:
        entry = self._here()
        if entry is not None:
            self._command(entry, "stop", "这一步做完就存下，停止。")

    @work
    async def action_abort(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        entry = self._here()
        if entry is None:
            return
        if not entry.run.is_alive():
            self.notify("它没有在训练。", timeout=3)
            return
        kept = f"第 {entry.state.checkpoint_step} 步的检查点会留着" if entry.state.checkpoint_step else "还没有存过检查点，练的都会丢掉"
        answers = [("no", "不，接着练"), ("stop", "停止，先存下来"), ("abort", "放弃，不存"), ("kill", "马上结束进程（它不听指令时用）")]
        answer = await self.app.push_screen_wait(AskDialog(f"放弃「{entry.name}」？", f"{kept}。", answers))
        if answer == "stop":
            self._command(entry, "stop", "这一步做完就存下，停止。")
        elif answer == "abort":
            self._command(entry, "abort", "这一步做完就停，不存。")
        elif answer == "kill":
            kill_run(entry.run)
            self.xiyou.follower.wake()

    @work
    async def action_resume(self) -> None:
        entry = self._here()
        if entry is None:
            return
        await self.xiyou.release_engine()
        try:
            if entry.state.status == "paused" and entry.run.is_alive():
                send_command(entry.run, "resume")
            else:
                resume_run(entry.run)
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self.xiyou.follower.wake()
        self.notify("从最后的检查点接着练。", timeout=3)

    def _command(self, entry: RunEntry, command: Command, told: str) -> None:
        try:
            send_command(entry.run, command)
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self.xiyou.follower.wake()
        self.notify(told, timeout=3)

    def action_compare(self) -> None:
        entry = self._here()
        if entry is None:
            return
        ids = [known.run.id for known in self._entries]
        marked = [run for run in self._marked if run != entry.run.id]
        after = ids[ids.index(entry.run.id) + 1 :]
        other = self._entry(marked[-1] if marked else after[0] if after else "")
        if other is None:
            self.notify("要比较，先在另一次运行上按空格。", timeout=4)
            return
        self._compare(entry, other)

    @work(exclusive=True, group="compare")
    async def _compare(self, left: RunEntry, right: RunEntry) -> None:
        from xiyou_tui.tui.screens.train_dialogs import CompareDialog

        # Their whole events are read for this: a thread does it.
        states = [await asyncio.to_thread(entry.run.state) for entry in (right, left)]
        await self.app.push_screen(CompareDialog((right, states[0]), (left, states[1])))

    # Keeping and throwing away.

    @work
    async def action_rename(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import NameDialog

        entry = self._here()
        if entry is None:
            return
        answer = await self.app.push_screen_wait(NameDialog(entry.name, entry.tags))
        if answer is None:
            return
        try:
            entry.run.rename(answer[0])
            entry.run.tag(answer[1])
        except XiyouError as error:
            self.xiyou.complain(error)
        self.xiyou.follower.wake()

    @work
    async def action_delete(self) -> None:
        from xiyou_tui.tui.screens.train_dialogs import AskDialog

        entry = self._here()
        if entry is None:
            return
        answers = [("no", "不删"), ("yes", "移到回收站")]
        text = "曲线、检查点和练出的权重一起移到回收站；按 u 可以放回来。"
        if await self.app.push_screen_wait(AskDialog(f"删除「{entry.name}」？", text, answers)) != "yes":
            return
        try:
            self._deleted.append((str(entry.run.delete(self.study.places.bin)), str(entry.run.path)))
        except XiyouError as error:
            self.xiyou.complain(error)
        self.xiyou.follower.wake()

    def action_undo(self) -> None:
        if not self._deleted:
            self.notify("没有刚删的运行。回收站里的都还在：" + str(self.study.places.bin), timeout=5, markup=False)
            return
        lies, belongs = self._deleted.pop()
        try:
            Path(lies).rename(belongs)
        except OSError as error:
            self.notify(f"放不回来（{error.strerror}）：{lies}", severity="error", timeout=8, markup=False)
            return
        self._wished = Path(belongs).name
        self.xiyou.follower.wake()

    def action_export(self) -> None:
        runs = [(entry.name, entry.run) for entry in self._entries if entry.run.id == self._chosen or entry.run.id in self._marked]
        if runs:
            self._export(runs)

    @work(exclusive=True, group="export")
    async def _export(self, runs: list[tuple[str, RunDirectory]]) -> None:
        from xiyou_tui.tui.exporting import export_curves

        try:
            paths = await asyncio.to_thread(export_curves, self.study.places, runs)
        except XiyouError as error:
            self.xiyou.complain(error)
            return
        self.notify("\n".join(str(path) for path in paths), title="曲线已导出", timeout=8, markup=False)
