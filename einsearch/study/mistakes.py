"""Words for mistakes in files: what was found, and what pydantic expected in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "some text",
    "tuple_type": "a list, such as [a, b]",
    "list_type": "a list",
    "bool_type": "true or false",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "too_short": "at least one",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "{expected}",
}
"""What pydantic wanted, by the type of its error."""


def expected_words(details: Mapping[str, Any]) -> str:
    """What pydantic wanted, in the words of a user, from an entry of its `errors()`."""
    words = str(_EXPECTED.get(details["type"], details["msg"])).format_map(details.get("ctx", {}))
    return words.replace("'", "")  # around the literals


def show(value: Any) -> str:
    """What was found, in the words of YAML."""
    if value is None:
        return "empty"
    if isinstance(value, (dict, list)):
        return "a list" if isinstance(value, list) else "a group of keys"
    return str(value).lower() if isinstance(value, bool) else repr(value)
