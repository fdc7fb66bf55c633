"""docs/openapi.json, as tests read it: the one place that says which routes there are."""

import copy
import json
import re
from typing import NamedTuple

from support.stack import ROOT

FILE = ROOT / "docs" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


class Operation(NamedTuple):
    method: str
    path: str
    access: str     # who may: public, user or admin
    served_by: str  # write-api, read-api or gateway
    same_as: str    # of another dialect: "POST /api/book"; else None
    id: str

    def __str__(self):
        return f"{self.method} {self.path}"


def load():
    return json.loads(FILE.read_text())


def operations(document=None):
    return [
        Operation(method.upper(), path, operation["x-access"], operation["x-served-by"],
                  operation.get("x-same-as"), operation["operationId"])
        for path, item in (document or load())["paths"].items()
        for method, operation in item.items() if method in METHODS]


def plain(path):
    """Whatever the parameters are called."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def strict(document):
    """The same, but answers may have no members that it does not name: clients have to bear new
    ones, and this document has to name them."""
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]
    asked = {name for name in schemas if _is_asked(document, name)}
    for name, schema in schemas.items():
        if name not in asked:
            _close(schema)
    for response in document["components"]["responses"].values():
        _close(response)
    for item in document["paths"].values():
        for method in METHODS:
            _close(item.get(method, {}).get("responses"))
    return document


def _is_asked(document, name):
    """Whether clients send it."""
    reference = f'"#/components/schemas/{name}"'
    bodies = [item[method].get("requestBody") for item in document["paths"].values()
              for method in METHODS if method in item]
    return reference in json.dumps(bodies)


def _close(node):
    if isinstance(node, list):
        for part in node:
            _close(part)
    elif isinstance(node, dict):
        if node.get("type") == "object" and node.get("properties"):
            node["additionalProperties"] = False
        for part in node.values():
            _close(part)
