"""Jinja's environment without its searches at every call and import: a page calls macros by the hundred."""

from collections.abc import MutableMapping
from types import FunctionType
from typing import Any

from flask.templating import Environment as FlaskEnvironment
from jinja2.runtime import Context, Macro
from jinja2.utils import internalcode


class PageContext(Context):
    """Calls macros and plain functions at once; everything else goes Jinja's way."""

    @internalcode
    def call(self, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """What `obj` gives for the arguments; a macro is told how the calling template escapes."""
        kind = type(obj)
        if kind is not Macro and (kind is not FunctionType or hasattr(obj, "jinja_pass_arg")):
            return super().call(obj, *args, **kwargs)
        kwargs.pop("_block_vars", None)
        kwargs.pop("_loop_vars", None)
        return obj(self.eval_ctx, *args, **kwargs) if kind is Macro else obj(*args, **kwargs)


class PageEnvironment(FlaskEnvironment):
    """Its globals stand fast once a template is loaded."""

    context_class = PageContext

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The globals of a template in one mapping, where Jinja chains two and searches both each time."""
        return {**self.globals, **d} if d else self.globals
