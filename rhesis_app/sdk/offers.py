"""Asking one plugin what it offers, and refusing what the host could not use."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

from rhesis_app.sdk.contracts import EvaluatorSpec, ExporterSpec, ImporterSpec, Need
from rhesis_app.sdk.params import ParamError, fields_of, json_schema, parse
from rhesis_app.sdk.scales import Binary, Labels, Range

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class OfferError(ValueError):
    """A plugin offers something unusable; `problems` are sentences for its author."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


@dataclass(frozen=True, slots=True)
class Offers:
    """All that one plugin brings; `listens` says whether it wants to hear of finished runs."""

    evaluators: tuple[EvaluatorSpec, ...] = ()
    exporters: tuple[ExporterSpec, ...] = ()
    importers: tuple[ImporterSpec, ...] = ()
    listens: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of everything on offer: evaluators, exporters, importers."""
        specs: tuple[EvaluatorSpec | ExporterSpec | ImporterSpec, ...] = (
            *self.evaluators,
            *self.exporters,
            *self.importers,
        )
        return tuple(spec.key for spec in specs)


def hook_of(manager: pluggy.PluginManager, plugin: object, hook: str) -> pluggy.HookCaller:
    """The hook as a call to this plugin alone, so that an exception names its author and spares the others."""
    return manager.subset_hook_caller(hook, [other for other in manager.get_plugins() if other is not plugin])


def offers_of(manager: pluggy.PluginManager, plugin: object, name: str) -> Offers:
    """What a registered plugin offers under its entry point's name. Raises OfferError, or what the plugin raises."""
    offers = Offers(
        evaluators=_ask(manager, plugin, "register_evaluators", EvaluatorSpec),
        exporters=_ask(manager, plugin, "register_exporters", ExporterSpec),
        importers=_ask(manager, plugin, "register_importers", ImporterSpec),
        listens=bool(hook_of(manager, plugin, "run_finished").get_hookimpls()),
    )
    problems = [*_key_problems(offers, name)]
    for spec in offers.evaluators:
        problems += [f"{spec.key}: {problem}" for problem in _evaluator_problems(spec)]
    if problems:
        raise OfferError(problems)
    return offers


def _ask(manager: pluggy.PluginManager, plugin: object, hook: str, kind: type[Any]) -> tuple[Any, ...]:
    offered: list[Any] = []
    for answer in hook_of(manager, plugin, hook)():
        if not isinstance(answer, Iterable):
            raise OfferError([f"{hook} must return a list of {kind.__name__}."])
        offered += answer
    if any(not isinstance(spec, kind) for spec in offered):
        raise OfferError([f"{hook} must return {kind.__name__} objects only."])
    return tuple(offered)


def _key_problems(offers: Offers, name: str) -> Iterable[str]:
    if not _NAME.fullmatch(name):
        yield f'The entry point\'s name "{name}" must be lower-case letters, digits and _, beginning with a letter.'
        return
    for key in offers.keys:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            yield f"The key {key!r} must look like {name}.something, in lower case."
        elif not key.startswith(f"{name}."):
            yield f'The key "{key}" must begin with the plugin\'s name: "{name}.".'
    for specs in (offers.evaluators, offers.exporters, offers.importers):
        keys = [spec.key for spec in specs]
        yield from (
            f'The key "{key}" is offered twice.' for key in sorted({key for key in keys if keys.count(key) > 1})
        )


def _evaluator_problems(spec: EvaluatorSpec) -> Iterable[str]:
    if not isinstance(spec.revision, int) or spec.revision < 1:
        yield "revision must be 1 or more."
    try:
        fields = fields_of(spec.params)
        json_schema(spec.params)
    except (TypeError, NameError) as failure:
        yield f"params: {failure}"
        return
    yield from (f"params: {field.name} needs help=, a sentence for the form." for field in fields if not field.help)
    yield from _configured_problems(spec)


def _configured_problems(spec: EvaluatorSpec) -> Iterable[str]:
    try:
        params = parse(spec.params, spec.example)
    except ParamError as failure:
        yield f"the defaults together with example= do not make valid params ({failure})."
        return
    needs: object = _quietly(lambda: spec.needs_for(params))
    if not isinstance(needs, frozenset) or not all(isinstance(need, Need) for need in needs):
        yield "needs must be a frozenset of Need, or a function of the params that returns one."
    yield from _scale_problems(spec, _quietly(lambda: spec.scale_for(params)))


def _scale_problems(spec: EvaluatorSpec, scale: object) -> Iterable[str]:
    if not isinstance(scale, Binary | Range | Labels):
        yield "scale must be Binary(), Range(…) or Labels(…), or a function of the params that returns one."
        return
    open_ended = isinstance(scale, Range) and (scale.low is None or scale.high is None)
    if spec.default_rule is not None and (problem := scale.rule_problem(spec.default_rule)):
        yield f"default_rule: {problem}"
    if spec.default_rule is None and open_ended:
        yield "a range without an end needs a default_rule."


def _quietly(call: Callable[[], object]) -> object:
    """The answer, or None when the plugin's own code raises: then the answer is wrong all the same."""
    try:
        return call()
    except Exception:  # noqa: BLE001 - a plugin may raise anything, and is refused for it
        return None
