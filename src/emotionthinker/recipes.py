"""Recipes: one YAML file a run, checked against a small model, with dotted overrides from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from emotionthinker.errors import RecipeError


class Recipe(BaseModel):
    """Base of all recipes: an unknown field is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid")
    seed: int = 0


R = TypeVar("R", bound=Recipe)


def load(path: str | Path, model: type[R], overrides: list[str] | None = None) -> R:
    """Read `path` as `model`; `overrides` are `a.b=value` strings, values in YAML. Raises `RecipeError`."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise RecipeError(
            f"recipe {path} cannot be read: {error.strerror}. `ls recipes/nano` shows those that ship."
        ) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"recipe {path} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise RecipeError(f"recipe {path} holds a {type(raw).__name__}, expected fields with values")
    for override in overrides or []:
        _set(raw, override)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors())
        raise RecipeError(f"recipe {path}: {fields}. Fields: {', '.join(model.model_fields)}") from error


def _set(raw: dict[str, Any], override: str) -> None:
    name, sign, value = override.partition("=")
    if not sign:
        raise RecipeError(f"override {override!r} has no '='; write field=value or group.field=value")
    *groups, leaf = name.split(".")
    for group in groups:
        raw = raw.setdefault(group, {})
        if not isinstance(raw, dict):
            raise RecipeError(f"override {override!r}: {group} is a value, not a group of fields")
    raw[leaf] = yaml.safe_load(value)


def folder_of(scale: str | Path) -> Path:
    """The folder of recipes: a path, `recipes/<scale>` of the current folder, or the copy that ships."""
    here = Path(__file__).resolve()
    shipped = (here.parent / "_recipes", here.parents[2] / "recipes")
    candidates = (Path(scale), Path("recipes") / scale, *(root / scale for root in shipped))
    for candidate in candidates:
        if (candidate / "plan.yaml").is_file():
            return candidate
    raise RecipeError(f"no recipes for {str(scale)!r}; expected a folder with a plan.yaml, or `nano`")
