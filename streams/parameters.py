"""Parameters given as text, `name=value&...`, held to the signatures of their functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl


def query(text: str) -> dict[str, str]:
    """Split `a=1&b=x` into names and values.

    >>> query("tasks=16&time=")
    {'tasks': '16', 'time': ''}

    Raises:
        ValueError: a part has no `=`, or a name comes twice.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not of the form name=value&name=value") from error
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"parameter {name!r} is given {names.count(name)} times: give it once")
    return dict(pairs)


def allowed(*functions: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword-only parameters that these functions take together.

    >>> def weigh(grams, *, scale: float = 1.0, unit: str = "g"): ...
    >>> list(allowed(weigh))
    ['scale', 'unit']
    """
    return {
        name: parameter
        for function in functions
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def parse(
    what: str, given: Mapping[str, object], takes: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """Turn what was given for `what` into the types that the parameters are annotated with.

    >>> def weigh(grams, *, scale: float = 1.0, unit: str = "g"): ...
    >>> parse("weigh", {"scale": "2"}, allowed(weigh))
    {'scale': 2.0}

    Raises:
        ValueError: a parameter is unknown or its value of the wrong type.
    """
    for name in given:
        if name not in takes:
            listing = ", ".join(map(_show, takes.values())) or "none"
            raise ValueError(f"{what} takes no parameter {name!r}: it takes {listing}")
    return {name: _convert(what, takes[name], value) for name, value in given.items()}


def _convert(what: str, parameter: inspect.Parameter, value: object) -> object:
    kind: type = parameter.annotation if isinstance(parameter.annotation, type) else str
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    try:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return kind(value)
    except ValueError:
        pass
    raise ValueError(f"{what}: {parameter.name}={value!r} is not of type {kind.__name__}: "
                     f"it takes {_show(parameter)}")


def _show(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    kind = annotation.__name__ if isinstance(annotation, type) else "str"
    usual = parameter.default
    return f"{parameter.name} ({kind})" if usual is None else f"{parameter.name}={usual!r} ({kind})"
