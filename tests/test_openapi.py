"""The addresses for machines: asked whatever their description allows and forbids, they answer as it says."""

import re

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema import validate
from schemathesis.generation import GenerationMode

from app.core.vocabulary import Role

pytestmark = pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # does not depend on the database
BLANK = re.compile(r"<[^>]+>")
FEW = settings(max_examples=8, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture
def described(root) -> dict:
    return yaml.safe_load((root / "docs" / "openapi.yaml").read_text())


@pytest.fixture
def browsers(client, signed_in, holder):
    return [client, *(signed_in(holder(role)) for role in (Role.ENTERPRISE_CLERK, Role.APPROVER))]


def addresses(app) -> dict[str, str]:
    """Each route as written in the description -> the rule."""
    return {re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule): rule.rule for rule in app.url_map.iter_rules()}


def test_whatever_answers_in_json_is_described_and_whatever_is_described_is_there(app, browsers, described):
    known = addresses(app)
    assert described["paths"].keys() <= known.keys()
    in_json = set()
    for address, rule in known.items():
        for browser in browsers:
            answer = browser.get(BLANK.sub("1", rule), headers={"Accept": "*/*"}) if "/static/" not in rule else None
            if answer is not None and answer.status_code == 200 and "json" in answer.mimetype:
                in_json.add(address)
    assert in_json <= described["paths"].keys(), "describe it in docs/openapi.yaml"
    assert {"/healthz", "/.well-known/jwks.json", "/papers-drawn/progress"} <= in_json


def fits(got, described: dict, path: str) -> None:
    """The status, the kind and the shape of an answer are those that the description promises."""
    promised = described["paths"][path]["get"]["responses"]
    assert str(got.status_code) in promised, (path, got.status_code)
    response = promised[str(got.status_code)]
    if "$ref" in response:
        response = described["components"]["responses"][response["$ref"].rpartition("/")[2]]
    body = got.json if "json" in got.mimetype else got.text
    validate(body, {**response["content"][got.mimetype]["schema"], "components": described["components"]})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_machines_get_what_is_described_and_never_a_fault(app, browsers, described, mode):
    seen = set()
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        operation = found.ok()
        parameters = [*operation.query, *operation.path_parameters]
        if mode is GenerationMode.NEGATIVE and not parameters:
            continue  # nothing of it could be wrong

        @FEW
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case) -> None:
            for browser in browsers:
                got = browser.get(case.formatted_path, query_string=case.query or {}, headers={"Accept": "application/json"})
                seen.add((case.path, got.status_code))
                if mode is GenerationMode.POSITIVE:
                    fits(got, described, case.path)
                assert got.status_code < 500, (case.path, case.query)

        ask()
    assert {401, 403} <= {status for _path, status in seen}
    assert mode is GenerationMode.NEGATIVE or {(path, 200) for path in described["paths"] if "{" not in path} <= seen
