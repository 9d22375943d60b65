"""The training loop: steps, evaluations, checkpoints, commands. One call trains until the run ends or pauses. Uses MLX."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import mlx.core as mx
from mlx.utils import tree_flatten

from xiyou_tui.errors import StorageError, TrainingError
from xiyou_tui.training import events as happened
from xiyou_tui.training.answers import answer_prompts
from xiyou_tui.training.checkpoint import Position, load_checkpoint, save_checkpoint
from xiyou_tui.training.packing import padding_share
from xiyou_tui.training.reporting import Commands, EventWriter
from xiyou_tui.training.run import RunDirectory, RunMeta
from xiyou_tui.training.session import Session, StepResult, learning_rate

# A better validation loss must be better by this much, relatively, to count for early stopping.
MARGIN = 1e-4
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stretch of training ended: `paused`, or one of the reasons of `Finished`."""

    reason: str
    position: Position
    loss: float | None


class Loop:
    """Trains one session of a run. Everything it needs to go on after a break is in its `position`, which checkpoints keep."""

    def __init__(self, run: RunDirectory, meta: RunMeta, session: Session, writer: EventWriter, commands: Commands) -> None:
        self._run = run
        self._meta = meta
        self._recipe = meta.recipe
        self._session = session
        self._writer = writer
        self._commands = commands
        self._steps = session.schedule.steps
        self._every = self._recipe.evaluate_every or max(1, math.ceil(self._steps / 10))
        self._position = load_checkpoint(run, session.model, session.optimizer, meta.data["hash"])
        self._ranks = session.ranks
        self._require_same_step()
        self._saved = self._position.step if self._position.step else -1
        self._saved_at = time.monotonic()
        self._loss: float | None = None
        self._low_memory_told = False

    def train(self) -> Outcome:
        """Train until the last step, an early stop, or a command. Raises TrainingError when the loss is no number any more."""
        begun = time.monotonic()
        first = self._position.step
        self._announce()
        if first == 0:
            self._calibrate()
            self._evaluate()
        for step in range(first + 1, self._steps + 1):
            if (reason := self._obey()) is not None:
                return self._end(reason)
            started = time.monotonic()
            rate = learning_rate(self._recipe, step, self._steps)
            mx.reset_peak_memory()
            result = self._session.step(step, rate)
            took = time.monotonic() - started
            self._require_finite(step, result)
            self._loss = result.loss
            tokens = self._position.tokens + result.tokens
            self._position = replace(self._position, step=step, tokens=tokens, seconds=self._position.seconds + took)
            left = (time.monotonic() - begun) / (step - first) * (self._steps - step)
            self._writer.write(
                happened.Stepped(
                    time.time(),
                    step,
                    self._steps,
                    self._session.schedule.epoch_after(step),
                    result.loss,
                    rate,
                    result.norm,
                    tokens,
                    result.tokens / took,
                    mx.get_peak_memory(),
                    left,
                    result.margin,
                    result.accuracy,
                )
            )
            if step % self._every == 0 or step == self._steps:
                better = self._evaluate()
                self._save_if_due(better, evaluated=True)
                if self._recipe.early_stop and self._position.worse >= self._recipe.early_stop:
                    return self._end("early")
            else:
                self._save_if_due(False, evaluated=False)
        return self._end("done")

    def measure(self) -> None:
        """Only say what one worst-case step takes."""
        self._calibrate()

    def _announce(self) -> None:
        session = self._session
        schedule = session.schedule
        batches = [
            schedule.batches(step) for step in range(1, min(schedule.steps, -(-schedule.per_epoch // schedule.accumulate)) + 1)
        ]
        rows = session.data.train
        checks = sum(len(found) for found in session.data.checks.values()) + len(session.data.check_pairs)
        trainable = sum(array.size for _, array in tree_flatten(session.model.trainable_parameters()))
        self._writer.write(
            happened.Started(
                time.time(),
                self._steps,
                self._position.step,
                rows=len(session.data.pairs or rows),
                validation_rows=checks,
                tokens=sum(row.targets for row in rows),
                padding=padding_share(schedule.lengths, [b for step in batches for b in step]),
                parameters=int(self._meta.model["parameters"]),
                trainable=trainable,
                device=str(mx.default_device()) + (f" × {self._ranks.size}" if self._ranks.size > 1 else ""),
            )
        )
        if self._position.step == 0:
            for message in (*self._recipe.cautions(), *self._meta.data.get("warnings", ()), *session.data.warnings):
                self._warn("data", message)

    def _calibrate(self) -> None:
        """Measure the costliest batch there is before the first step, so that memory fails early and the time is known."""
        schedule = self._session.schedule
        share = -(-schedule.batch // self._ranks.size)
        longest = sorted(range(len(schedule.lengths)), key=lambda row: schedule.lengths[row])[-share:]
        mx.reset_peak_memory()
        self._session.probe(longest)
        started = time.monotonic()
        count = self._session.probe(longest)
        seconds = time.monotonic() - started
        batches = self._steps * schedule.accumulate
        # Batches cost by their width; the average one is narrower than the costliest.
        total = seconds * batches * sum(schedule.lengths) / len(schedule.lengths) / max(schedule.lengths)
        self._writer.write(happened.Calibrated(time.time(), mx.get_peak_memory(), seconds, count, total))

    def _evaluate(self) -> bool:
        """Measure on what is not trained on, and let the model answer; returns whether the loss is the best so far."""
        step = self._position.step
        better = False
        for index, name in enumerate(self._session.check_names):
            result = self._session.check(name)
            if index == 0:
                better = self._judge(result.loss)
            self._writer.write(
                happened.Evaluated(
                    time.time(),
                    step,
                    name,
                    result.loss,
                    math.exp(min(50.0, result.loss)) if result.margin is None else None,
                    result.count,
                    index == 0 and better,
                    result.margin,
                    result.accuracy,
                )
            )
        system, question = self._meta.data.get("frame", ("", ""))
        session = self._session
        if not self._ranks.first:
            return better and step > 0
        for prompt, answer in answer_prompts(session.model, session.tokenizer, self._recipe, (system, question)):
            self._writer.write(happened.Sampled(time.time(), step, prompt, answer))
        return better and step > 0

    def _judge(self, loss: float) -> bool:
        position = self._position
        if not math.isfinite(loss):
            self._warn("nan", "验证损失不是数字了：学习率可能太大。")
            return False
        # The untrained model is measured too, but it is no result to go back to.
        better = position.step > 0 and (position.best_loss is None or loss < position.best_loss * (1 - MARGIN))
        rising = position.rising + 1 if position.last_evaluation is not None and loss > position.last_evaluation else 0
        self._position = replace(
            position,
            best_loss=loss if better else position.best_loss,
            best_step=position.step if better else position.best_step,
            worse=0 if better or position.step == 0 else position.worse + 1,
            rising=rising,
            last_evaluation=loss,
        )
        if rising == 3:
            self._warn("rising", "验证损失连升三次：模型在死记训练数据。可以停下来用最好的那次，或降低学习率、减少轮数。")
        return better

    def _obey(self) -> str | None:
        """Follow the commands that came; returns the reason to end, if one says so."""
        for command in self._commands.poll():
            if command in ("stop", "abort", "pause"):
                return {"stop": "stopped", "abort": "aborted", "pause": "paused"}[command]
            if command == "save":
                self._save()
        return None

    def _end(self, reason: str) -> Outcome:
        if reason != "aborted":
            told = False
            while not self._save(quiet=told):
                # The disk is full at the very end: wait for room rather than lose the run.
                told = True
                time.sleep(RETRY_SECONDS)
                if "abort" in self._commands.poll():
                    return Outcome("aborted", self._position, self._loss)
        return Outcome(reason, self._position, self._loss)

    def _save_if_due(self, better: bool, *, evaluated: bool) -> None:
        every = self._recipe.checkpoint_every
        minutes = self._recipe.checkpoint_minutes
        # Clocks differ between ranks, and all must go the same way.
        late = bool(minutes) and self._ranks.any(time.monotonic() - self._saved_at > 60 * minutes)
        if better or late or (self._position.step % every == 0 if every else evaluated):
            self._save()

    def _save(self, *, quiet: bool = False) -> bool:
        """Save a checkpoint unless this step has one; False when the disk did not take it (told as a warning, tried again later)."""
        position = self._position
        if position.step == self._saved or position.step == 0:
            return True
        if self._ranks.any(self._ranks.first and not self._write(position, quiet=quiet)):
            return False
        self._saved, self._saved_at = position.step, time.monotonic()
        path = self._run.checkpoint(position.step).relative_to(self._run.path)
        self._writer.write(happened.Checkpointed(time.time(), position.step, str(path), position.best_step == position.step))
        return True

    def _write(self, position: Position, *, quiet: bool) -> bool:
        session = self._session
        try:
            save_checkpoint(self._run, session.model, session.optimizer, position, session.adapter_config)
        except StorageError as error:
            if not quiet:
                self._warn(error.code, f"{error.what}{error.next_step}不用重来：之前的检查点都在，过一会儿会再存。")
            return False
        return True

    def _require_same_step(self) -> None:
        step, size = self._position.step, self._ranks.size
        if self._ranks.any(self._ranks.total(step)[0] != step * size):
            raise TrainingError(
                "一起训练的各个进程看到的检查点不一样。",
                kept="检查点都在。",
                next_step="让各台机器用同一个共享的工作目录，再继续这次运行。",
                code="ranks",
            )

    def _require_finite(self, step: int, result: StepResult) -> None:
        if math.isfinite(result.loss) and math.isfinite(result.norm):
            return
        raise TrainingError(
            f"第 {step} 步的损失不是数字了。",
            kept=f"第 {max(0, self._saved)} 步的检查点还在。" if self._saved > 0 else "还没有检查点。",
            next_step="把学习率降到三分之一，或把「精度」改为 float32，再从检查点继续或重新开始。",
            code="nan",
        )

    def _warn(self, code: str, message: str) -> None:
        self._writer.write(happened.Warned(time.time(), code, message, self._position.step))
