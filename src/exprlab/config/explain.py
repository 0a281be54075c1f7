"""Pydantic's errors in words that a config's author can act on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from exprlab.config import models, steps
from exprlab.config.files import SOURCES, Columns
from exprlab.config.simulator import SimulatorConfig
from exprlab.errors import did_you_mean

# By these pydantic marks a place although they are no keys of the config.
_TAGS = frozenset({*models.MODEL_KINDS, *SOURCES, "[key]"})


def explain(error: ValidationError) -> list[str]:
    """Return one line per problem: the key, what was found and what is allowed."""
    title = error.title
    return [line for item in error.errors() for line in _explain(item, title)]


def _explain(error: Mapping[str, Any], title: str) -> list[str]:
    keys = _keys(error["loc"])
    where, found, kind = ".".join(keys), error["input"], error["type"]
    at = f"{where}: " if where else ""
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _allowed_keys(title, error["loc"][:-1])
        hint = did_you_mean(keys[-1], allowed) or f"; allowed: {', '.join(sorted(allowed))}"
        return [f"{at}unknown key{hint}"]
    if kind == "missing":
        return [f"{at}this key is required"]
    if kind == "literal_error":
        allowed = context["expected"]
        hint = did_you_mean(found, allowed.replace("'", "").replace(" or ", ", ").split(", "))
        return [f"{at}found {found!r}; allowed: {allowed}{hint}"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = context.get("tag")
        what = f"found {tag!r}" if tag else "this key is required"
        key, known = ("source", SOURCES) if keys[0] == "datasets" else ("kind", models.MODEL_KINDS)
        return [f"{where}.{key}: {what}; allowed: {', '.join(known)}{did_you_mean(tag, known)}"]
    if kind == "value_error":
        return [at + line for line in str(context["error"]).split("\n")]
    if kind == "string_pattern_mismatch":
        return [
            f"{at}found {found!r}; a name is made of lower-case letters, digits, - and _ "
            "(40 at most) and starts with a letter or digit"
        ]
    message = error["msg"][:1].lower() + error["msg"][1:]
    return [f"{at}{message}, found {json.dumps(found, default=str)}"]


def _keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the config's keys of a location, without pydantic's own tags."""
    parts = [str(part) for part in location]
    return [p for i, p in enumerate(parts) if not (p in _TAGS and i >= 2)]


def _allowed_keys(title: str, location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed at a location of the model called `title`."""
    from exprlab.config.experiment import Config  # which explains its errors with this module

    own = {section.__name__: section for section in SOURCES.values()}
    if title in own and location:
        return list(Columns.model_fields)
    if title != "Config":
        room = models if hasattr(models, title) else steps
        return list((own.get(title) or getattr(room, title)).model_fields)
    if not location:
        return list(Config.model_fields)
    if location[0] == "datasets":
        inner = {"simulator": SimulatorConfig, "columns": Columns}
        model = inner.get(str(location[-1]), SOURCES[str(location[2])])
    elif location[0] == "models":
        model = models.MODEL_KINDS[str(location[2])]
    else:
        model = Config.model_fields[str(location[0])].annotation
    return list(model.model_fields)
