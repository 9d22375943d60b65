"""Ollama's Modelfile: what to load, how a conversation is written, the app's system prompt and sampling, where to stop. Plain text.

A template is only written when it gives, word for word, what the model's own chat template gives; otherwise Ollama is left to find one.
Format: https://docs.ollama.com/modelfile
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xiyou_tui.models.conversion import Speech

Messages = Sequence[dict[str, str]]
# A conversation in which everything occurs that a template can treat in a way of its own.
SAMPLE: Messages = (
    {"role": "system", "content": "甲"},
    {"role": "user", "content": "乙"},
    {"role": "assistant", "content": "丙"},
    {"role": "user", "content": "丁"},
)


@dataclass(frozen=True, slots=True)
class Family:
    """A way of writing conversations: what stands before and after each role's words, and what opens the answer.

    `system` is None where there is no such role: its words then go before the first question, as the chat does it.
    """

    name: str
    user: tuple[str, str]
    assistant: tuple[str, str]
    system: tuple[str, str] | None = None
    opening: str = ""
    stops: tuple[str, ...] = ()

    def render(self, messages: Messages) -> str:
        """A conversation up to where the answer begins."""
        parts, head = [], ""
        for message in messages:
            if message["role"] == "system" and self.system is None:
                head = message["content"] + "\n\n"
                continue
            before, after = {"system": self.system or ("", ""), "user": self.user, "assistant": self.assistant}[message["role"]]
            told = head if message["role"] == "user" else ""
            parts.append(f"{before}{told}{message['content']}{after}")
            head = head if message["role"] != "user" else ""
        return "".join(parts) + self.opening

    def as_go(self) -> str:
        """The same as a Go template, as Ollama wants it."""
        user, assistant = self.user, self.assistant
        if self.system is not None:
            system = self.system
            return (
                '{{- range .Messages }}{{ if eq .Role "system" }}' + f"{system[0]}{{{{ .Content }}}}{system[1]}"
                '{{ else if eq .Role "user" }}' + f"{user[0]}{{{{ .Content }}}}{user[1]}"
                "{{ else }}" + f"{assistant[0]}{{{{ .Content }}}}{assistant[1]}" + "{{ end }}{{ end }}" + self.opening
            )  # fmt: skip
        return (
            '{{- range $i, $_ := .Messages }}{{ if eq .Role "user" }}' + user[0]
            + "{{ if and $.System (le $i 1) }}{{ $.System }}\n\n{{ end }}{{ .Content }}" + user[1]
            + '{{ else if eq .Role "assistant" }}' + f"{assistant[0]}{{{{ .Content }}}}{assistant[1]}" + "{{ end }}{{ end }}" + self.opening
        )  # fmt: skip


def _chatml(name: str, opening: str) -> Family:
    pairs = {role: (f"<|im_start|>{role}\n", "<|im_end|>\n") for role in ("system", "user", "assistant")}
    return Family(name, pairs["user"], pairs["assistant"], pairs["system"], opening, ("<|im_start|>", "<|im_end|>"))


def _llama(role: str) -> tuple[str, str]:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"


FAMILIES = (
    _chatml("ChatML", "<|im_start|>assistant\n"),
    _chatml("ChatML，不思考", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    Family("Llama 3", _llama("user"), _llama("assistant"), _llama("system"), _llama("assistant")[0], ("<|eot_id|>", "<|start_header_id|>")),
    Family("Mistral", ("[INST] ", " [/INST]"), ("", "</s>"), stops=("[INST]", "[/INST]")),
    Family("Mistral", (" [INST] ", " [/INST]"), (" ", "</s>"), stops=("[INST]", "[/INST]")),
    Family("Mistral", ("[INST] ", " [/INST]"), (" ", "</s>"), stops=("[INST]", "[/INST]")),
    Family("Mistral", ("[INST] ", "[/INST]"), (" ", "</s>"), stops=("[INST]", "[/INST]")),
    Family("Gemma", ("<start_of_turn>user\n", "<end_of_turn>\n"), ("<start_of_turn>model\n", "<end_of_turn>\n"), None, "<start_of_turn>model\n", ("<end_of_turn>",)),
)  # fmt: skip


def find_family(render: Callable[[Messages], str], begin: str = "") -> Family | None:
    """The family that writes as `render`, the model's own template, does; `begin` is the token the engine puts first by itself."""
    for family in FAMILIES:
        messages = list(SAMPLE)
        if family.system is None:
            messages = [{"role": "user", "content": f"{SAMPLE[0]['content']}\n\n{SAMPLE[1]['content']}"}, *SAMPLE[2:]]
        try:
            wanted = render(messages)
        except Exception:
            # A template refuses what it does not know in its own way.
            continue
        if wanted.removeprefix(begin) == family.render(SAMPLE):
            return family
    return None


def write_modelfile(
    source: str, speech: Speech, *, family: Family | None, ends: Iterable[str], context: int, licence: str = "", notes: Iterable[str] = ()
) -> str:
    """The Modelfile's text. `source` is the GGUF or the folder, `ends` the model's end tokens, `context` how much it can read."""
    stops = list(dict.fromkeys([*(family.stops if family else ()), *(end for end in ends if end and end.isprintable())]))
    lines = ["# 由 xiyou 导出。在这个目录里：ollama create xiyou -f Modelfile", *(f"# {note}" for note in notes), "", f"FROM {source}", ""]
    if family is None:
        lines += ["# 它的对话模板不是 xiyou 认得的几种，这里不写 TEMPLATE：Ollama 会用文件里自带的那份。", ""]
    else:
        lines += [f"# 对话模板：{family.name}，和模型自带的逐字相同。", f'TEMPLATE """{family.as_go()}"""', ""]
    lines += [
        f"SYSTEM {_block(speech.system)}", "",
        f"PARAMETER temperature {speech.temperature:g}", f"PARAMETER top_p {speech.top_p:g}", f"PARAMETER num_predict {speech.max_tokens}",
        *([f"PARAMETER num_ctx {min(context, 8192)}"] if context else []), *(f'PARAMETER stop "{_quoted(stop)}"' for stop in stops),
    ]  # fmt: skip
    if licence:
        lines += ["", f"LICENSE {_block(licence)}"]
    return "\n".join(lines) + "\n"


def _block(text: str) -> str:
    """A text between the long delimiters, which can be neither inside it nor run together with its end."""
    text = text.replace('"""', "”””")
    return f'"""{text} """' if text.endswith('"') else f'"""{text}"""'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
