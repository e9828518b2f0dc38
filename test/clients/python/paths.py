"""Payload paths as the API defines them: a name, then `.name`, `."quoted name"`, `[N]` or `[]`."""

import re

_STEP = re.compile(r'"([^"]*)"|\[(\d*)\]|([^.\["]+)')


def values_at(payload: dict, path: str) -> list:
    """Every value that the path leads to; a final array is one value."""
    values: list = [payload]
    for quoted, index, name in _STEP.findall(path):
        if name or quoted:
            key = name or quoted
            values = [one[key] for one in values if isinstance(one, dict) and key in one]
        else:
            values = [part for one in values if isinstance(one, list) for part in _parts(one, index)]
    return values


def _parts(array: list, index: str) -> list:
    """`[]` is every element, `[2]` the third if there is one."""
    return array if index == "" else array[int(index) : int(index) + 1]
