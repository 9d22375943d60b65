"""`xiyou chat ask`: one question, one answer with its sources."""

from __future__ import annotations

import argparse
import asyncio

from xiyou_tui.chat.model import MODES, Answer
from xiyou_tui.cli.output import Parser, add_json, emit, say


def run(arguments: list[str]) -> int:
    """Answer a question; exit code 0 also for an honest refusal."""
    parser = Parser("xiyou chat", description="向当前底本提问。每句引文都注明出处；原著没有写到的，回答「原著未提及」。")
    commands = parser.add_subparsers(dest="command", required=True, metavar="ask", parser_class=Parser)
    ask = commands.add_parser("ask", help="提一个问题", description="提一个问题，打印回答和出处。")
    ask.add_argument("question", metavar="问题")
    ask.add_argument("--mode", choices=tuple(MODES), help="extract 摘引（不用模型）、retrieve 检索、closed 内化；默认用设置里的")
    ask.add_argument("--model", metavar="目录", help="模型目录；默认用设置里的，没有就用练手模型")
    ask.add_argument("--adapter", metavar="目录", help="LoRA 适配器目录")
    ask.add_argument("--trace", action="store_true", help="一并打印回答的由来：分析、扩展、检索、判断")
    add_json(ask)
    parsed = parser.parse_args(arguments)
    return _ask(parsed)


def _ask(arguments: argparse.Namespace) -> int:
    from xiyou_tui.errors import ChatError
    from xiyou_tui.study import open_study

    question = " ".join(arguments.question.split())
    if not question:
        raise ChatError("问题是空的。", next_step="写上要问的话，例如：xiyou chat ask 金箍棒有多重")
    study = open_study()
    try:
        answer = asyncio.run(_answer(study, question, arguments))
    finally:
        study.close()
    record = answer.as_record()
    lines = [answer.text]
    if arguments.trace:
        lines += ["", "这个回答的由来："]
        for stage in answer.stages:
            lines.append(f"· {stage.name}（{stage.milliseconds:.1f} 毫秒）")
            lines += [f"    {line}" for line in stage.lines]
        record["stages"] = [
            {"name": stage.name, "lines": list(stage.lines), "milliseconds": stage.milliseconds} for stage in answer.stages
        ]
    emit(arguments, record, "\n".join(lines))
    return 0


async def _answer(study: object, question: str, arguments: argparse.Namespace) -> Answer:
    from xiyou_tui.chat.model import AnswerFailed, AnswerFinished, EngineStateChanged
    from xiyou_tui.chat.responder import open_responder
    from xiyou_tui.errors import ChatError

    responder = open_responder(study)  # type: ignore[arg-type]
    try:
        async for event in responder.answer(question, mode=arguments.mode, model=arguments.model, adapter=arguments.adapter):
            match event:
                case EngineStateChanged(text=text):
                    say(text)
                case AnswerFinished(answer=answer):
                    return answer
                case AnswerFailed(error=error):
                    raise error
    finally:
        await responder.close()
    raise ChatError("没有得到回答。", kept="问题已保留。", next_step="重新提问。")
