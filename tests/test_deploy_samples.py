"""The samples for the proxy and the services are held to the code that reads what they set."""

import re

import pytest
from werkzeug.routing import Map

from app.core.office import CERTIFICATE_HEADER
from app.core.settings import Settings
from app.web.auth.certificate import SECRET_HEADER
from tests.source_guards import ROOT

NGINX = (ROOT / "docs/deploy/nginx.conf").read_text()
UKEY = (ROOT / "docs/UKEY.md").read_text()
SETTINGS = (ROOT / "docs/SETTINGS.md").read_text()
FORWARDED = {f"X-Forwarded-{what}" for what in ("For", "Proto", "Host", "Port", "Prefix")} | {"Forwarded"}


def set_headers(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\s*proxy_set_header\s+(\S+)\s+(\S+);", text, re.MULTILINE))


def test_the_proxy_clears_or_sets_every_header_that_the_application_believes():
    given = set_headers(NGINX)
    assert Settings.__dataclass_fields__["ukey_tls_header"].default == CERTIFICATE_HEADER
    assert {name for name, value in given.items() if value == '""'} >= {CERTIFICATE_HEADER, SECRET_HEADER}
    assert given.keys() >= FORWARDED
    believed = {name: value for name, value in given.items() if value.startswith(("$http_", "$proxy_add_x_forwarded_for"))}
    assert believed == {"Host": "$http_host", "X-Forwarded-Host": "$http_host"}  # compared with ANGUAN_HOSTS


def test_no_place_of_the_sample_loses_the_headers():
    """A single ``proxy_set_header`` in a location would end the inheritance of all."""
    assert not [place for place in re.findall(r"location [^{]*\{([^}]*)\}", NGINX) if "proxy_set_header" in place]


def test_the_certificate_reaches_the_application_by_the_names_that_it_reads():
    handed_over = re.search(r"location = /login/certificate/tls \{([^}]*)\}", UKEY)[1]
    assert set(re.findall(r"proxy_set_header (\S+)", handed_over)) == {CERTIFICATE_HEADER, SECRET_HEADER}


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_addresses_and_sizes_of_the_sample_are_the_application_s(app):
    addresses: Map = app.url_map
    known = {rule.rule.strip("/").split("/")[0] for rule in addresses.iter_rules()}
    limited = re.search(r"location ~ \^/\(([^)]*)\)", NGINX)[1].split("|")
    assert set(limited) <= known
    megabytes = int(re.search(r"client_max_body_size\s+(\d+)m;", NGINX)[1])
    assert megabytes * 1024**2 == app.config["MAX_CONTENT_LENGTH"]


@pytest.mark.parametrize("sample", ["nginx.conf", "anguan-web@.service", "anguan-worker.service", "anguan.env"])
def test_every_setting_that_a_sample_names_exists(sample):
    named = set(re.findall(r"ANGUAN_[A-Z0-9_]+", (ROOT / "docs/deploy" / sample).read_text()))
    assert named <= set(re.findall(r"`(ANGUAN_[A-Z0-9_]+)`", SETTINGS))
