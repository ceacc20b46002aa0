"""JSON Schemas (draft 2020-12) of the message types, made from the same annotations as the parser.

A schema says the shape: fields, codes, bounds. It cannot say the rules between fields: these stand
in words in its descriptions, and a reader that relies on the schema alone has to check them itself.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import AfterValidator, BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from protocol.messages.describing import TEXT_KINDS, ValueKind
from protocol.messages.fields import StatedClass, get_sensitivity
from protocol.messages.head import Head

_CROCKFORD: Final = "[0-9A-HJKMNP-TV-Z]"

TEXT_KEYWORDS: Final[Mapping[ValueKind, Mapping[str, Any]]] = MappingProxyType(
    {
        # What these two allow beyond their length is in SPEC.md: no control characters, no blank
        # at either end. A regular expression would say it differently in every dialect.
        ValueKind.LINE: {"x-text": "line"},
        ValueKind.NARRATIVE: {"x-text": "narrative"},
        ValueKind.PARTICIPANT: {"pattern": "^[A-Z][A-Z0-9]{1,7}$"},
        ValueKind.AUTHORITY: {
            "pattern": "^[A-Z][A-Z0-9]{1,7}-[a-z0-9]+(-[a-z0-9]+)*$",
            "maxLength": 120,
        },
        ValueKind.MESSAGE: {"pattern": "^[0-9a-f]{32}$"},
        # The last character checks the others, which no pattern can.
        ValueKind.CASE: {"pattern": f"^TRM-{_CROCKFORD}{{5}}-{_CROCKFORD}{{5}}-{_CROCKFORD}$"},
        ValueKind.LANGUAGE: {"pattern": "^[a-z]{2,3}(-[A-Z][a-z]{3})?$"},
    }
)
"""What the schema says of a text whose parser is a function, by the kind of text."""

_CHOSEN_BY: Final = ("type", "version")


class _Generator(GenerateJsonSchema):
    # Pydantic's own description of a model comes as dicts of a library beneath it: Any here.

    def field_title_should_be_set(self, schema: object) -> bool:
        del schema  # a name is title enough; words for people are the forms' affair
        return False

    def function_after_schema(self, schema: Any) -> JsonSchemaValue:
        shape = super().function_after_schema(schema)
        kind = TEXT_KINDS.get(AfterValidator(schema["function"]["function"]))
        return shape if kind is None else {**shape, **TEXT_KEYWORDS[kind]}

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        shape = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        states = issubclass(model, StatedClass)
        for name, value in shape.get("properties", {}).items():
            mark = get_sensitivity(model, name)
            if mark is not None:
                value["x-sensitivity"] = "stated" if states else mark.value
            if value.get("default", ...) is None:
                del value["default"]  # absent is absent: null says nothing more
        if issubclass(model, Head):
            # In code they are defaults; on the wire a reader chooses the type by them.
            for name in _CHOSEN_BY:
                del shape["properties"][name]["default"]
            shape["required"] = [*_CHOSEN_BY, *shape["required"]]
        return shape

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        # The field that tells alternatives apart may have a default where a model stands alone;
        # among alternatives it has to be there.
        return {**super().tagged_union_schema(schema), "required": [schema["discriminator"]]}


def make_schema(model: type[Head]) -> dict[str, Any]:
    """Return the schema of one message type: strict, with the class of each leaf of its body.

    ``x-sensitivity`` is the class of a field, or ``stated`` where the part that it stands in says
    its class in the field ``sensitivity``; ``x-text`` says ``line`` or ``narrative``.
    """
    tag, version = (str(model.model_fields[name].default) for name in _CHOSEN_BY)
    shape = model.model_json_schema(schema_generator=_Generator)
    return {
        "$schema": _Generator.schema_dialect,
        "$id": f"urn:trm:message:{tag}:v{version}",
        **shape,
    }
