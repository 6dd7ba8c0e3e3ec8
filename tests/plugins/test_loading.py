"""Plugins are found by entry point and loaded alone: a broken one is listed and stops nothing."""

import importlib.metadata
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest

from rhesis_app.infra.plugins import PluginLoadError, load_plugins
from rhesis_app.kernel.registry import LoadedPlugin, Registry
from rhesis_app.sdk import (
    ENTRY_POINT_GROUP,
    Binary,
    EvaluatorSpec,
    ExporterSpec,
    ImporterSpec,
    NoParams,
    Range,
    Rate,
    RunSummary,
    Score,
    Totals,
    hookimpl,
)

SUMMARY = RunSummary(
    run_id="r",
    number=1,
    project="p",
    endpoint="e",
    test_set="s",
    test_set_version=1,
    status="completed",
    outcome="none",
    totals=Totals(),
    pass_rate=Rate(value=None, low=None, high=None, passed=0, n=0, excluded=0),
)
Plant = Callable[..., importlib.metadata.EntryPoint]


def evaluator(key: str, **more: Any) -> EvaluatorSpec:
    return EvaluatorSpec(
        **{
            "key": key,
            "title": "T",
            "summary": "S",
            "params": NoParams,
            "build": lambda _params, _tools: lambda _sample: Score.yes(),
            "scale": Binary(),
            **more,
        }
    )


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Makes a module with the given hooks and an entry point that leads to it."""

    def make(name: str, **hooks: Callable[..., Any]) -> importlib.metadata.EntryPoint:
        module = ModuleType(f"planted_{name}")
        for hook, function in hooks.items():
            setattr(module, hook, hookimpl(function))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return importlib.metadata.EntryPoint(name, module.__name__, ENTRY_POINT_GROUP)

    return make


def offering(*specs: EvaluatorSpec) -> Callable[[], tuple[EvaluatorSpec, ...]]:
    return lambda: specs


def plugin_named(registry: Registry, name: str) -> LoadedPlugin:
    (plugin,) = [plugin for plugin in registry.plugins if plugin.name == name]
    return plugin


def test_the_built_in_plugins_are_loaded_through_their_entry_points() -> None:
    registry = load_plugins(strict=True)
    assert {"text.contains", "structure.json_valid", "timing.latency"} <= set(registry.evaluators)
    assert {"csv.results", "json.run", "junit.xml"} <= set(registry.exporters)
    text = plugin_named(registry, "text")
    assert (text.distribution, text.error) == ("rhesis-app", None)
    assert "text.regex" in text.offers


def test_plugins_are_listed_by_name_with_what_they_offer(plant: Plant) -> None:
    found = [
        plant("zebra", register_evaluators=offering(evaluator("zebra.a"), evaluator("zebra.b"))),
        plant("ant", register_evaluators=offering(evaluator("ant.a"))),
    ]
    registry = load_plugins(found=found)
    assert [(plugin.name, plugin.offers) for plugin in registry.plugins] == [
        ("ant", ("ant.a",)),
        ("zebra", ("zebra.a", "zebra.b")),
    ]
    assert set(registry.evaluators) == {"ant.a", "zebra.a", "zebra.b"}


def test_importers_and_exporters_are_registered_too(plant: Plant) -> None:
    exporter = ExporterSpec(key="x.out", title="", media_type="text/plain", extension="txt", write=lambda _r, _f: None)
    importer = ImporterSpec(key="x.in", title="", extensions=("txt",), read=lambda _f: ())
    point = plant("x", register_exporters=lambda: [exporter], register_importers=lambda: [importer])
    registry = load_plugins(found=[point])
    assert registry.exporters == {"x.out": exporter}
    assert registry.importers == {"x.in": importer}


def fails() -> Iterable[EvaluatorSpec]:
    raise RuntimeError("the password is hunter2")


def half_way() -> Iterator[EvaluatorSpec]:
    yield evaluator("bad.a")
    raise KeyError("gone")


def one_with(**more: Any) -> dict[str, Any]:
    return {"register_evaluators": offering(evaluator("bad.a", **more))}


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a hook that raises": ({"register_evaluators": fails}, "RuntimeError"),
    "a hook that raises half-way": ({"register_evaluators": half_way}, "KeyError"),
    "a hook that does not exist": ({"register_evaluator": offering()}, "register_evaluator"),
    "a hook with another argument": ({"run_finished": lambda result: None}, "result"),
    "a key of another plugin": ({"register_evaluators": offering(evaluator("text.mine"))}, '"bad."'),
    "a key without a dot": ({"register_evaluators": offering(evaluator("bad"))}, "bad.something"),
    "a key in upper case": ({"register_evaluators": offering(evaluator("bad.Loud"))}, "bad.something"),
    "a key twice": ({"register_evaluators": offering(evaluator("bad.a"), evaluator("bad.a"))}, "twice"),
    "one spec instead of a list": ({"register_evaluators": lambda: evaluator("bad.a")}, "list"),
    "something else than specs": ({"register_evaluators": lambda: ["bad.a"]}, "EvaluatorSpec"),
    "an exporter among evaluators": ({"register_exporters": offering(evaluator("bad.a"))}, "ExporterSpec"),
    "params that are no dataclass": (one_with(params=dict), "dataclass"),
    "a rule off the scale": (one_with(default_rule={"at_least": 3}), "default_rule"),
    "an open range without a rule": (one_with(scale=Range(high=None)), "default_rule"),
    "no scale": (one_with(scale="binary"), "scale"),
    "a scale that cannot be said": (one_with(scale=lambda params: params.missing), "scale"),
    "a rule off a scale that follows": (
        one_with(scale=lambda _: Range(), default_rule={"at_least": 3}),
        "default_rule",
    ),
    "needs that are texts": (one_with(needs=frozenset({"reference"})), "needs"),
    "a revision of zero": (one_with(revision=0), "revision"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_error_and_spares_the_others(plant: Plant, name: str) -> None:
    hooks, says = BROKEN[name]
    found = [plant("bad", **hooks), plant("good", register_evaluators=offering(evaluator("good.a")))]
    found.insert(0, plant("ahead", register_evaluators=offering(evaluator("ahead.a"))))
    registry = load_plugins(found=found)
    bad = plugin_named(registry, "bad")
    assert says in (bad.error or "")
    assert bad.offers == ()
    assert set(registry.evaluators) == {"ahead.a", "good.a"}
    assert plugin_named(registry, "good").error is None
    assert plugin_named(registry, "ahead").error is None


def test_the_words_of_an_exception_stay_in_the_log(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    registry = load_plugins(found=[plant("bad", register_evaluators=fails)])
    assert "hunter2" not in repr(registry.plugins)
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module_here", "no_such_module_here"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("1 / 0", "ZeroDivisionError"),
        ("this is no python", "SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_listed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    (tmp_path / "broken_on_import.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_on_import", raising=False)
    point = importlib.metadata.EntryPoint("bad", "broken_on_import", ENTRY_POINT_GROUP)
    assert says in (plugin_named(load_plugins(found=[point]), "bad").error or "")


def test_a_module_that_does_not_exist_is_listed() -> None:
    point = importlib.metadata.EntryPoint("bad", "no_such_package.plugin", ENTRY_POINT_GROUP)
    assert "no_such_package" in (plugin_named(load_plugins(found=[point]), "bad").error or "")


def test_a_name_that_is_taken_is_refused_and_the_first_keeps_working(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = plant("same", register_evaluators=offering(evaluator("same.a")))
    module = ModuleType("planted_zzz")
    module.register_evaluators = hookimpl(offering(evaluator("same.b")))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "planted_zzz", module)
    second = importlib.metadata.EntryPoint("same", "planted_zzz", ENTRY_POINT_GROUP)
    registry = load_plugins(found=[second, first])
    assert [plugin.error is None for plugin in registry.plugins] == [True, False]
    assert "same name" in (registry.plugins[1].error or "")
    assert set(registry.evaluators) == {"same.a"}


def test_one_module_under_two_names_is_loaded_once(plant: Plant) -> None:
    first = plant("one", register_evaluators=offering(evaluator("one.a")))
    second = importlib.metadata.EntryPoint("two", first.value, ENTRY_POINT_GROUP)
    registry = load_plugins(found=[first, second])
    assert plugin_named(registry, "one").error is None
    assert plugin_named(registry, "two").error is not None
    assert set(registry.evaluators) == {"one.a"}


def test_disabled_plugins_are_not_even_imported() -> None:
    missing = importlib.metadata.EntryPoint("bad", "no_such_package", ENTRY_POINT_GROUP)
    assert load_plugins(disabled=frozenset({"bad"}), found=[missing]).plugins == ()


def test_when_some_are_enabled_only_they_are_loaded(plant: Plant) -> None:
    found = [plant(name, register_evaluators=offering(evaluator(f"{name}.a"))) for name in ("a", "b", "c")]
    registry = load_plugins(enabled=frozenset({"a", "b"}), disabled=frozenset({"b"}), found=found)
    assert set(registry.evaluators) == {"a.a"}
    assert load_plugins(enabled=frozenset(), found=found).plugins == ()


def test_strict_loading_makes_an_error_fatal(plant: Plant) -> None:
    with pytest.raises(PluginLoadError, match=r"bad.*RuntimeError"):
        load_plugins(strict=True, found=[plant("bad", register_evaluators=fails)])


def test_listeners_hear_of_finished_runs_and_one_that_raises_spares_the_rest(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def raises(summary: RunSummary) -> None:
        raise RuntimeError(summary.run_id)

    def listens(summary: RunSummary) -> None:
        heard.append(summary.run_id)

    registry = load_plugins(found=[plant("a", run_finished=raises), plant("b", run_finished=listens), plant("c")])
    with caplog.at_level(logging.ERROR):
        registry.run_finished(SUMMARY)
    assert heard == ["r"]
    assert "plugin a failed in run_finished" in caplog.text
    assert set(registry.listeners) == {"a", "b"}
