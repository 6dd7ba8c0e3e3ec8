"""The kit goes red for every promise a plugin can break."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from types import ModuleType
from typing import Any, BinaryIO

import pytest

from rhesis_app.sdk import (
    Binary,
    EvaluatorSpec,
    ExporterSpec,
    ImportedTest,
    ImporterSpec,
    ImportProblem,
    Judgement,
    JudgeUnavailableError,
    Labels,
    Need,
    NoParams,
    Range,
    RunReport,
    Sample,
    Score,
    Tools,
    hookimpl,
    param,
)
from rhesis_app.sdk.testing import Conformance, ConformanceError, check_plugin


def module_with(**hooks: Callable[..., Any]) -> ModuleType:
    module = ModuleType("planted")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def checked(check: Callable[[Sample], Any], **more: Any) -> Conformance:
    spec = EvaluatorSpec(
        **{
            "key": "kit.check",
            "title": "T",
            "summary": "S",
            "params": NoParams,
            "build": lambda _params, _tools: check,
            "scale": Binary(),
            **more,
        }
    )
    return check_plugin(module_with(register_evaluators=lambda: [spec]), name="kit")


def problems_of(call: Callable[[], object]) -> str:
    with pytest.raises(ConformanceError) as caught:
        call()
    return str(caught.value)


def test_a_plugin_that_keeps_its_promises_gets_a_report() -> None:
    report = checked(lambda sample: Score.of("Paris" in sample.output))
    assert report.evaluators == ("kit.check",)
    assert report.trials > 50


def test_a_judge_is_lent_to_those_that_need_one() -> None:
    schema = {
        "type": "object",
        "properties": {"label": {"enum": ["good", "bad"]}, "sure": {"type": "number", "minimum": 1}},
    }

    def build(_params: NoParams, tools: Tools) -> Callable[[Sample], Score]:
        def judge(sample: Sample) -> Score:
            judgement: Judgement = tools.judge(sample.output, schema)
            return Score.labelled(judgement.answer["label"], tools.setting("tone") or "")

        return judge

    names = Labels(("good", "bad"), ("good",))
    assert checked(Score.yes, build=build, scale=names, needs=frozenset({Need.JUDGE})).trials > 50


VERDICT = {"type": "object", "properties": {"verdict": {"enum": ["no", "yes"]}}}


def judge_with(ask: Callable[[Tools], bool]) -> dict[str, Any]:
    return {"build": lambda _params, tools: lambda _sample: Score.of(ask(tools)), "needs": frozenset({Need.JUDGE})}


def asks(tools: Tools, *, prompt: str = "Is it good?", schema: Any = None) -> Any:
    return tools.judge(prompt, VERDICT if schema is None else schema).answer


def swallows(tools: Tools) -> bool:
    try:
        return bool(asks(tools)["verdict"] == "yes")
    except JudgeUnavailableError:
        return False


def hides(tools: Tools) -> bool:
    try:
        return bool(asks(tools)["verdict"] == "yes")
    except JudgeUnavailableError as away:
        raise RuntimeError from away


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (judge_with(swallows), "while the judge is away"),
        (judge_with(hides), "let JudgeUnavailableError through"),
        (judge_with(lambda tools: asks(tools).get("verdict") == "yes"), "empty answer becomes a score"),
        (judge_with(lambda tools: asks(tools, prompt=" ")["verdict"] == "yes"), "empty prompt"),
        (judge_with(lambda tools: asks(tools, schema={"enum": [{}]}) == {}), "no JSON Schema"),
        (judge_with(lambda tools: asks(tools)["verdict"] == "yes") | {"needs": frozenset()}, "declare Need.JUDGE"),
        (judge_with(lambda tools: asks(tools)["verdict"] == "yes") | {"scale": Labels(("a",), ("a",))}, "none of a"),
    ],
)
def test_a_judge_that_breaks_a_promise_is_named(more: dict[str, Any], says: str) -> None:
    assert says in problems_of(lambda: checked(Score.yes, **more))


def test_a_judge_that_keeps_them_conforms() -> None:
    assert checked(Score.yes, **judge_with(lambda tools: asks(tools)["verdict"] == "yes"))


def test_a_scale_may_follow_the_params() -> None:
    @dataclass(frozen=True)
    class UpTo:
        most: float = param(7.0, help="The most.")

    follows = {"params": UpTo, "scale": lambda params: Range(0, params.most)}
    assert checked(lambda _: Score.number(7), **follows)
    assert "outside 0 to 7" in problems_of(lambda: checked(lambda _: Score.number(8), **follows))


def bad_index(sample: Sample) -> Score:
    return Score.of(sample.output[0] == "P")


def bad_encoding(sample: Sample) -> Score:
    return Score.of(bool(sample.output.encode()))


def bad_mutation(sample: Sample) -> Score:
    sample.metadata["seen"] = True  # type: ignore[index]
    return Score.yes()


def bad_reference(sample: Sample) -> Score:
    return Score.of(str(sample.reference) in sample.output)


SEEN = count()


def moody(_sample: Sample) -> Score:
    return Score.of(next(SEEN) % 7 == 0)


@pytest.mark.parametrize(
    ("check", "more", "says"),
    [
        (bad_index, {}, "IndexError"),
        (bad_encoding, {}, "UnicodeEncodeError"),
        (bad_mutation, {}, "changes the sample"),
        (bad_reference, {"needs": frozenset({Need.REFERENCE})}, "must give Score.unscored"),
        (lambda _: Score.number(2), {"scale": Range()}, "outside 0 to 1"),
        (lambda _: Score.number(0.5), {}, "yes-or-no"),
        (lambda _: True, {}, "bool instead of Score"),
        (lambda _: Score.unscored(""), {}, "without a reason"),
        (moody, {}, "second time"),
        (lambda sample: Score.yes(), {"build": lambda _p, _t: 1 / 0}, "build raised"),
    ],
)
def test_a_broken_promise_is_named(check: Callable[[Sample], Any], more: dict[str, Any], says: str) -> None:
    assert says in problems_of(lambda: checked(check, **more))


def test_an_evaluator_that_says_so_may_answer_differently() -> None:
    assert checked(moody, deterministic=False)


def test_an_evaluator_that_remembers_is_caught_by_two_threads() -> None:
    last: list[str] = [""]

    def remembers(sample: Sample) -> Score:
        last[0] = sample.prompt + sample.output + str(sample.reference)
        time.sleep(0.002)  # the window in which another thread may write
        return Score.of(last[0] == sample.prompt + sample.output + str(sample.reference))

    assert "two threads" in problems_of(lambda: checked(remembers))


def test_params_without_help_or_example_are_named() -> None:
    @dataclass(frozen=True)
    class Bare:
        text: str = param(help="A text.")

    @dataclass(frozen=True)
    class Mute:
        text: str = ""

    assert "example=" in problems_of(lambda: checked(lambda _: Score.yes(), params=Bare))
    assert "help=" in problems_of(lambda: checked(lambda _: Score.yes(), params=Mute))
    assert checked(lambda _: Score.yes(), params=Bare, example={"text": "x"})


def nothing() -> list[EvaluatorSpec]:
    return []


def test_hooks_are_checked() -> None:
    assert "offers nothing" in problems_of(lambda: check_plugin(ModuleType("planted"), name="kit"))
    assert "register_things" in problems_of(lambda: check_plugin(module_with(register_things=nothing), name="kit"))
    assert "raised" in problems_of(lambda: check_plugin(module_with(register_evaluators=lambda: 1 / 0), name="kit"))
    assert "entry point" in problems_of(lambda: check_plugin(module_with(register_evaluators=nothing)))


def exported(write: Callable[[RunReport, BinaryIO], None], extension: str = "txt") -> Conformance:
    spec = ExporterSpec(key="kit.out", title="T", media_type="text/plain", extension=extension, write=write)
    return check_plugin(module_with(register_exporters=lambda: [spec]), name="kit")


def keeps_all(report: RunReport, file: BinaryIO) -> None:
    rows = list(report.rows)
    file.write(b"%d rows" % len(rows))


def closes(report: RunReport, file: BinaryIO) -> None:
    file.write(b"x")
    file.close()


def streams(report: RunReport, file: BinaryIO) -> None:
    file.writelines(f"{row.position} {row.outcome}\n".encode() for row in report.rows)


def joins_prompts(report: RunReport, file: BinaryIO) -> None:
    file.write(b"<r>" + b"".join(row.prompt.encode("utf-8", "replace") for row in report.rows) + b"</r>")


def test_an_exporter_that_streams_conforms() -> None:
    assert exported(streams).exporters == ("kit.out",)


@pytest.mark.parametrize(
    ("write", "extension", "says"),
    [
        (keeps_all, "txt", "MiB at once"),
        (closes, "txt", "closed the file"),
        (lambda _report, _file: None, "txt", "wrote nothing"),
        (lambda report, file: file.write(",".join(row.prompt for row in report.rows).encode()), "csv", "raised"),
        (joins_prompts, "xml", "read back as xml"),
        (streams, "json", "read back as json"),
        (lambda report, file: file.write(b"a,b\n1,2,3\n"), "csv", "numbers of cells"),
    ],
)
def test_an_exporter_that_does_not_is_named(write: Any, extension: str, says: str) -> None:
    assert says in problems_of(lambda: exported(write, extension))


def imported(read: Callable[[BinaryIO], Iterable[Any]]) -> Conformance:
    spec = ImporterSpec(key="kit.in", title="T", extensions=("txt",), read=read)
    return check_plugin(module_with(register_importers=lambda: [spec]), name="kit")


def reads_lines(file: BinaryIO) -> Iterable[ImportedTest | ImportProblem]:
    for row, line in enumerate(file, start=1):
        try:
            yield ImportedTest(row=row, prompt=line.decode())
        except UnicodeDecodeError:
            yield ImportProblem(row=row, message="This line is not UTF-8: save the file as UTF-8.")


def decodes(file: BinaryIO) -> Iterable[ImportedTest]:
    return [ImportedTest(row=1, prompt=file.read().decode())]


def test_an_importer_yields_problems_instead_of_raising() -> None:
    assert imported(reads_lines).importers == ("kit.in",)
    assert "UnicodeDecodeError" in problems_of(lambda: imported(decodes))
    assert "counted from 1" in problems_of(lambda: imported(lambda _: [ImportProblem(row=0, message="x")]))
    assert "ImportProblem only" in problems_of(lambda: imported(lambda _: ["x"]))
