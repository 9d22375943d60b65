"""One field of a recipe: what it means, what it admits, how a form shows it. `recipe` declares the fields."""

from __future__ import annotations

from dataclasses import dataclass

from xiyou_tui.errors import TrainingError

Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipeField:
    """One field of a recipe: dotted key, default (whose type is the field's type), what it means, what it admits.

    `choices` are (value, label) pairs. `advised` is the range the recipe recommends: outside it the field works, with a caution.
    `stages` are those in which the field has an effect; empty means all.
    """

    key: str
    name: str
    default: Value
    label: str
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    advised: tuple[float, float] | None = None
    stages: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """ "choice", "switch", "whole", "number", "lines" or "text": how a form shows it."""
        if self.choices:
            return "choice"
        for kind, name in ((bool, "switch"), (int, "whole"), (float, "number"), (tuple, "lines")):
            if type(self.default) is kind:
                return name
        return "text"

    def applies(self, stage: str) -> bool:
        return not self.stages or stage in self.stages

    def parse(self, raw: object) -> Value:
        """`raw` (from TOML, a form or the command line) as a value of this field; raises TrainingError when it does not fit."""
        parse = {"switch": self._switch, "whole": self._number, "number": self._number, "lines": self._lines}.get(
            self.kind, self._text
        )
        return parse(raw)

    def show(self, value: Value) -> str:
        """`value` as text that `parse` reads back: what a form's input starts with."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return "\n".join(value)
        return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)

    def caution(self, value: Value) -> str:
        """A warning when `value` lies outside the advised range, else an empty string."""
        if self.advised and isinstance(value, (int, float)) and not self.advised[0] <= value <= self.advised[1]:
            low, high = self.advised
            return f"「{self.label}」{self.show(value)} 不在建议范围 {low:g}–{high:g} 内。"
        return ""

    def _switch(self, raw: object) -> bool:
        words = {"true": True, "on": True, "是": True, "开": True, "false": False, "off": False, "否": False, "关": False}
        parsed = raw if isinstance(raw, bool) else words.get(str(raw).strip().lower())
        if parsed is None:
            raise self._refuse(raw, "要写 true 或 false")
        return parsed

    def _number(self, raw: object) -> int | float:
        whole = type(self.default) is int
        try:
            if isinstance(raw, bool):
                raise ValueError
            value: int | float = int(str(raw)) if whole else float(str(raw))
        except ValueError:
            raise self._refuse(raw, "要写整数" if whole else "要写数字") from None
        if self.minimum is not None and not value >= self.minimum:
            raise self._refuse(raw, f"不能小于 {self.minimum:g}")
        if self.maximum is not None and not value <= self.maximum:
            raise self._refuse(raw, f"不能大于 {self.maximum:g}")
        return value

    def _lines(self, raw: object) -> tuple[str, ...]:
        if isinstance(raw, str):
            raw = raw.splitlines()
        if not isinstance(raw, (list, tuple)) or not all(isinstance(line, str) for line in raw):
            raise self._refuse(raw, "要写成若干行文字")
        return tuple(line.strip() for line in raw if line.strip())

    def _text(self, raw: object) -> str:
        if not isinstance(raw, str):
            raise self._refuse(raw, "要写文字")
        text = raw.strip()
        if self.choices and text not in dict(self.choices):
            raise self._refuse(raw, "只能是 " + "、".join(value for value, _ in self.choices))
        return text

    def _refuse(self, raw: object, rule: str) -> TrainingError:
        return TrainingError(
            f"配方里「{self.label}」（{self.key}）的值「{raw}」不对：{rule}。",
            kept="配方文件没有改动。",
            next_step=f"改成合适的值；默认值是 {self.show(self.default) or '空'}。",
            code="recipe",
        )
