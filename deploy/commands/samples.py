"""Values that fit a schema, made by chance: what a seeded `play` lets people write into forms.

Only what forms mostly use is understood: const, enum, the simple types with their bounds, arrays, objects, references
to `#/schemas/<name>`, and the first of anyOf and oneOf. A value may still not fit (a pattern, a condition).
"""

from collections.abc import Mapping
from random import Random
from typing import Any

MOST_NESTED = 8
"""A schema that refers to itself is followed no deeper."""

REFERENCE = "#/schemas/"
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath")
WIDTH = 100
"""How far a number may be from its bound where the schema has only one."""


def sample(schema: Any, schemas: Mapping[str, Any], random: Random, depth: int = 0) -> Any:
    """A value for a schema; `schemas` are those that it may refer to."""
    if not isinstance(schema, Mapping) or depth > MOST_NESTED:
        return None
    if "$ref" in schema:
        return sample(referred(schema, schemas), schemas, random, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return random.choice(schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return sample(schema[choice][0], schemas, random, depth + 1)
    return _of_type(_type(schema), schema, schemas, random, depth)


def referred(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """What a schema refers to, if it does nothing else; else the schema itself. None where there is no such schema."""
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    return schema if reference is None else schemas.get(str(reference).removeprefix(REFERENCE))


def _type(schema: Mapping[str, Any]) -> str:
    named = schema.get("type", "object" if "properties" in schema else "null")
    return str(named[0] if isinstance(named, list) else named)


def _of_type(kind: str, schema: Mapping[str, Any], schemas: Mapping[str, Any], random: Random, depth: int) -> Any:
    match kind:
        case "boolean":
            return random.random() < 0.5
        case "integer":
            least, most = _bounds(schema, 1)
            return random.randint(round(least), max(round(least), round(most)))
        case "number":
            least, most = _bounds(schema, 0.5)
            return round(random.uniform(least, max(least, most)), 2)
        case "string":
            word = random.choice(WORDS).ljust(schema.get("minLength", 0), "x")
            return word[: schema.get("maxLength", len(word))]
        case "array":
            return [sample(schema.get("items"), schemas, random, depth + 1) for _ in range(schema.get("minItems", 1))]
        case "object":
            properties = schema.get("properties", {})
            names = [*properties, *(name for name in schema.get("required", ()) if name not in properties)]
            return {name: sample(properties.get(name), schemas, random, depth + 1) for name in names}
    return None


def _bounds(schema: Mapping[str, Any], step: float) -> tuple[float, float]:
    """The least and the greatest number; `step` is kept from a bound that is not included."""
    least = schema.get("minimum", schema["exclusiveMinimum"] + step if "exclusiveMinimum" in schema else None)
    most = schema.get("maximum", schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else None)
    if least is None:
        least = 0 if most is None else most - WIDTH
    return least, least + WIDTH if most is None else most
