"""docs/openapi.json is the contract: valid by itself, served as it is, and kept by the gateway,
whoever asks. In open mode: e2e/test_contract.py.
"""

import json

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from support import conformance, contract
from support.people import person

DOCUMENT = contract.load()


# --- by itself --------------------------------------------------------------------------------

def test_the_document_is_openapi():
    validate(DOCUMENT)


def test_the_document_is_what_is_served(web):
    answer = web.get("/openapi.json")
    assert (answer.status, answer.json()) == (200, DOCUMENT)
    assert answer.header("Content-Type") == "application/json"


def resolved(node):
    while "$ref" in node:
        found = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def examples(node, path=""):
    """(where, schema, example) of whatever has both."""
    if isinstance(node, dict):
        schema = node.get("schema")
        if isinstance(schema, dict):
            if "example" in node:
                yield path, schema, node["example"]
            for name, example in node.get("examples", {}).items():
                yield f"{path}/{name}", schema, example["value"]
        if isinstance(node.get("examples"), list):
            for number, example in enumerate(node["examples"]):
                yield f"{path}/{number}", node, example
        for name, part in node.items():
            if name not in ("example", "examples"):
                yield from examples(part, f"{path}/{name}")
    elif isinstance(node, list):
        for number, part in enumerate(node):
            yield from examples(part, f"{path}/{number}")


def test_each_example_is_one():
    wrong, count = [], 0
    for where, schema, example in examples(DOCUMENT):
        whole = {**schema, "components": DOCUMENT["components"]}
        for error in Draft202012Validator(whole).iter_errors(example):
            wrong.append((where, error.json_path, error.message[:200]))
        count += 1
    assert not wrong, wrong[:10]
    assert count > 80


def test_each_body_each_parameter_and_each_problem_has_an_example():
    for path, item in DOCUMENT["paths"].items():
        for method in contract.METHODS:
            operation = item.get(method, {})
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert resolved(content["schema"]).get("examples"), (method, path)
    for name, parameter in DOCUMENT["components"]["parameters"].items():
        schema = resolved(parameter["schema"])
        assert "example" in parameter or "examples" in schema or name in ("Cursor", "LastEventId")
    for name, response in DOCUMENT["components"]["responses"].items():
        for content in response.get("content", {}).values():
            assert content["examples"], name


def test_each_route_says_who_may_and_what_it_answers_then():
    for path, item in DOCUMENT["paths"].items():
        for method in contract.METHODS:
            if method not in item:
                continue
            operation = item[method]
            where, answers = f"{method} {path}", operation["responses"]
            access = operation["x-access"]
            assert operation["summary"] and operation["operationId"], where
            if operation["x-served-by"] == "gateway":
                assert operation["security"] == [], where
                continue
            assert {"400", "401", "429", "500", "503"} <= set(answers), where
            assert (access == "admin") <= ("403" in answers), where
            assert operation["security"] == (
                [{}, {"bearer": []}] if access == "public" else [{"bearer": []}]), where
            if method in ("put", "post", "patch", "delete"):
                assert {"415", "422"} <= set(answers), where


def test_nothing_is_in_it_that_nobody_needs():
    text = json.dumps(DOCUMENT)
    for kind in ("schemas", "responses", "parameters", "headers"):
        for name in DOCUMENT["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text or name in ("LiveMessage", "traceparent")


# --- kept by the gateway -----------------------------------------------------------------------

@pytest.fixture
def asked(whole_stack, tmp_path):
    """asked(person, ...): what schemathesis says, asking for an event and a booking that are."""
    def ask(who, *options, change=lambda document: None, **more):
        owner = who or person(whole_stack)
        event = whole_stack.create_event(40, "contract")
        booking = owner.held(event, ["S40"])["booking_id"]
        document = conformance.document_of(event, booking, owner.user_id)
        change(document)
        return conformance.run(tmp_path, document, whole_stack, *options,
                               token=who and who.token, **more)
    return ask


@pytest.mark.parametrize("role", ["nobody", "user", "admin"])
def test_the_gateway_keeps_the_contract(whole_stack, asked, role):
    """An admin also tries the bounds of each value: nobody else reaches all of them."""
    who = None if role == "nobody" else person(whole_stack, role)
    phases = "examples,coverage,fuzzing" if role == "admin" else "examples,fuzzing"
    status, output = asked(who, phases=phases)
    assert status == 0, conformance.told(output)


def of_map(document):
    return document["components"]["schemas"]["SeatMap"]


def forget_venue(document):
    of_map(document)["properties"].pop("venue")
    of_map(document)["required"].remove("venue")


PLANTED = {
    "a member that is not named": (forget_venue, "ST108"),
    "a member that is missing": (
        lambda document: of_map(document)["required"].append("row"), "ST108"),
    "another type": (
        lambda document: of_map(document)["properties"].update(version={"type": "string"}),
        "ST108"),
    "a status that is not named": (
        lambda document: document["paths"]["/api/events/{eventId}"]["get"]["responses"].pop("200"),
        "ST103"),
    "another type of content": (
        lambda document: document["components"]["responses"]["SeatMap"].update(
            content={"text/html": {}}), "ST105"),
    "a header that is missing": (
        lambda document: document["components"]["responses"]["SeatMap"]["headers"].update(
            {"X-Planted": {"required": True, "schema": {"type": "string"}}}), "ST107"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_the_gateway_does_not_keep_is_found(alice, asked, planted):
    change, code = PLANTED[planted]
    status, output = asked(alice, "--include-operation-id", "getEvent", change=change)
    assert status == 1 and code in output, output
