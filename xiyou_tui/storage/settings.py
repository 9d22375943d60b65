"""Settings: one schema from which the TOML file, its validation, the settings screen and the docs are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xiyou_tui.errors import SettingsError
from xiyou_tui.storage.files import write_text

Value = str | int | float | bool

SYSTEM_PROMPT = (
    "你是《西游记》专家。只依据原著回答，每一个说法都要有原文依据，引用原文一字不改，并注明第几回。"
    "原著没有写到的，回答「原著未提及」，不猜测，不用其他书或影视的内容。"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: dotted key, default (whose type is the setting's type), what it means, and the values it admits."""

    key: str
    default: Value
    label: str
    help: str
    choices: tuple[str, ...] = ()
    # What the choices are called on the screen, in the same order.
    names: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    # Past this value the setting still works, with a warning: outside what the recipe recommends.
    advised: float | None = None

    def parse(self, raw: object) -> Value:
        """`raw` as a value of this setting; raises SettingsError in Chinese when it does not fit."""
        kind = type(self.default)
        value: Value
        if kind is bool:
            words = {"true": True, "on": True, "是": True, "开": True, "false": False, "off": False, "否": False, "关": False}
            parsed = raw if isinstance(raw, bool) else words.get(str(raw).strip().lower())
            if parsed is None:
                raise self._refuse(raw, "要写 true 或 false")
            return parsed
        try:
            if isinstance(raw, bool):
                raise ValueError
            value = int(str(raw)) if kind is int else float(str(raw)) if kind is float else str(raw)
        except ValueError:
            raise self._refuse(raw, "要写整数" if kind is int else "要写数字") from None
        if self.choices and value not in self.choices:
            raise self._refuse(raw, "只能是 " + "、".join(self.choices))
        if isinstance(value, (int, float)):
            if self.minimum is not None and not value >= self.minimum:
                raise self._refuse(raw, f"不能小于 {self.minimum:g}")
            if self.maximum is not None and not value <= self.maximum:
                raise self._refuse(raw, f"不能大于 {self.maximum:g}")
        return value

    def show(self, value: Value) -> str:
        """A value as people read it: a choice by its name, on one line."""
        if self.names and value in self.choices:
            return self.names[self.choices.index(str(value))]
        return str(value).replace("\n", " ") or "（空）"

    def caution(self, value: Value) -> str:
        """A warning when `value` lies past the advised range, else an empty string."""
        if self.advised is not None and isinstance(value, (int, float)) and value > self.advised:
            return f"「{self.label}」超过建议值 {self.advised:g}：回答会更不稳定，更容易脱离原著。"
        return ""

    def _refuse(self, raw: object, rule: str) -> SettingsError:
        return SettingsError(f"设置 {self.key} 的值「{raw}」不对：{rule}。", next_step=f"改为默认值 {self.default!r} 或合适的值。")


SCHEMA: tuple[Setting, ...] = (
    Setting("interface.script", "original", "文字", "正文显示为底本原样、简体或繁体", choices=("original", "simplified", "traditional"), names=("底本原样", "简体", "繁体")),
    Setting("interface.theme", "rice-paper-dark", "配色", "界面的配色", choices=("rice-paper-dark", "rice-paper-light", "plain-256"), names=("夜宣纸", "昼宣纸", "256 色")),
    Setting("interface.width", 72, "版心宽度", "正文每行最多几格（一个汉字占两格）", minimum=30, maximum=160),
    Setting("chat.mode", "extract", "回答方式", "摘引不用模型；检索把原文放进提示；内化只凭模型，出处事后查找", choices=("extract", "retrieve", "closed"), names=("摘引", "检索", "内化")),
    Setting("chat.model", "", "对话模型", "模型目录；空着就用练手模型（已做成时）"),
    Setting("chat.adapter", "", "适配器", "LoRA 适配器目录；空着就只用模型本身"),
    Setting("chat.temperature", 0.2, "温度", "越低越稳；建议不超过 0.3", minimum=0.0, maximum=2.0, advised=0.3),
    Setting("chat.top_p", 0.8, "top_p", "候选词的累计概率；建议不超过 0.8", minimum=0.05, maximum=1.0, advised=0.8),
    Setting("chat.max_tokens", 400, "最长回答", "一次回答最多生成多少词元", minimum=16, maximum=4096),
    Setting("chat.passages", 6, "依据段数", "检索方式放进提示里的原文段数", minimum=1, maximum=20),
    Setting("chat.style", "normal", "详略", "模型回答写多长", choices=("brief", "normal", "full"), names=("简短", "适中", "详细")),
    Setting("chat.closed_quotes", "off", "内化引文", "内化时引文也只能是全书里的原话；第一次要备几秒到半分钟，约占 600 MB 内存", choices=("off", "on"), names=("关", "开")),
    Setting("chat.unverified", "mark", "没有依据的话", "模型的话在原著里找不到依据时，标出〔未核实〕还是略去", choices=("mark", "drop"), names=("标出", "略去")),
    Setting("chat.judge", "off", "模型评审", "核对时再问模型原文是否支持这句话；只会让核对更严，每句多花一两次读题的时间", choices=("off", "on"), names=("关", "开")),
    Setting("chat.bias", "", "用词偏置", "让模型多用或少用的词，如 悟空=1 老孙=-2；空着就不偏置"),
    Setting("chat.system_prompt", SYSTEM_PROMPT, "系统提示", "每次对话固定在最前面的一段话"),
    Setting("train.threads", 0, "训练线程", "训练进程最多用几个线程；0 表示由系统决定（仅 CPU）", minimum=0, maximum=64),
    Setting("network.proxy", "", "代理", "下载时用的代理，如 http://127.0.0.1:7890；空着就用系统的"),
    Setting("network.mirror", "", "镜像", "模型下载的镜像地址，如 https://hf-mirror.com；空着就用官方站"),
)
BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in SCHEMA}


class Settings:
    """Validated values by dotted key. Unknown or wrong entries of the file are named in `warnings` and never fatal."""

    def __init__(self, values: Mapping[str, Value] | None = None, warnings: tuple[str, ...] = ()) -> None:
        self._values: dict[str, Value] = {key: setting.default for key, setting in BY_KEY.items()}
        self._values.update(values or {})
        self.warnings = warnings

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    def text(self, key: str) -> str:
        return str(self._values[key])

    def number(self, key: str) -> float:
        return float(self._values[key])

    def whole(self, key: str) -> int:
        return int(self._values[key])

    def changed(self, key: str, raw: object) -> Settings:
        """A copy with one value replaced; raises SettingsError when the schema does not admit it."""
        if key not in BY_KEY:
            raise SettingsError(f"没有「{key}」这个设置。", next_step="用 xiyou where 找到 settings.toml，或在设置界面里改。")
        return Settings({**self._values, key: BY_KEY[key].parse(raw)}, self.warnings)

    def as_tables(self) -> dict[str, dict[str, Value]]:
        """All values as nested TOML tables."""
        tables: dict[str, dict[str, Value]] = {}
        for key, value in self._values.items():
            table, name = key.split(".", 1)
            tables.setdefault(table, {})[name] = value
        return tables


def load_settings(path: Path) -> Settings:
    """The settings at `path`. A missing file means the defaults; a broken one too, with the reason in `warnings`."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        return Settings(warnings=(f"settings.toml 读不懂（{error}），暂用默认设置；文件没有改动。",))
    import tomllib

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Settings(warnings=(f"settings.toml 读不懂（{error}），暂用默认设置；文件没有改动。",))
    values: dict[str, Value] = {}
    warnings: list[str] = []
    for key, raw in _flatten(tables):
        if key not in BY_KEY:
            warnings.append(f"settings.toml 里的「{key}」不是已知的设置，已忽略。")
            continue
        try:
            values[key] = BY_KEY[key].parse(raw)
        except SettingsError as error:
            warnings.append(f"{error.what}暂用默认值。")
    return Settings(values, tuple(warnings))


def save_settings(path: Path, settings: Settings) -> None:
    """Write all settings atomically. A file that could not be read before is kept beside it as `settings.toml.bad`."""
    import tomllib

    import tomli_w

    try:
        tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        path.replace(path.with_name(path.name + ".bad"))
    write_text(path, tomli_w.dumps(settings.as_tables()))


def watch_settings(path: Path, changed: Callable[[Settings], None]) -> Callable[[], None]:
    """Call `changed` (in a thread of the watcher) when the file was edited outside; returns a function that stops it."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    path.parent.mkdir(parents=True, exist_ok=True)
    last = load_settings(path)

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            nonlocal last
            if event.event_type not in ("modified", "created", "moved", "deleted"):
                return
            if path.name not in (Path(str(event.src_path)).name, Path(str(event.dest_path)).name):
                return
            current = load_settings(path)
            if current != last or current.warnings != last.warnings:
                last = current
                changed(current)

    observer = Observer()
    observer.daemon = True
    observer.schedule(Handler(), str(path.parent))
    observer.start()
    return observer.stop


def _flatten(tables: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, entry in tables.items():
        if isinstance(entry, dict):
            found.extend((f"{name}.{inner}", value) for inner, value in entry.items())
        else:
            found.append((name, entry))
    return found
