"""The base of every settings model, and the helper that documents a field."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen group of settings; unknown keys are refused and no type is converted silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def settings(self) -> dict[str, Any]:
        """Return every setting, defaults included, as plain JSON-ready values."""
        return self.model_dump(mode="json")


def setting(default: Any, meaning: str, unit: str = "", **limits: Any) -> Any:
    """Declare a setting with its default, its meaning for a biologist and its unit.

    `limits` are pydantic's (`gt`, `ge`, `lt`, `le`, `min_length`, `pattern`). A default of ``...``
    makes the setting required.
    """
    extra = {"unit": unit} if unit else None
    if callable(default):
        return Field(
            default_factory=default, description=meaning, json_schema_extra=extra, **limits
        )
    return Field(default, description=meaning, json_schema_extra=extra, **limits)
