"""The workbench leads to what waits, and counts exactly that."""

import re
from datetime import timedelta

import pytest

from tests.web.applications.filing.conftest import TODAY, TRANSFER, Holder, certificate_to_transfer


@pytest.fixture
def holder(session, signed_in, system) -> Holder:
    return Holder(session, signed_in, system)


@pytest.fixture
def other(session, signed_in, system) -> Holder:
    return Holder(session, signed_in, system, name="湖南旧东家建设有限公司")


def test_the_workbench_leads_to_what_waits_in_each_matter(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    holder.file("transfer", certificate, papers=TRANSFER, **person)
    holder.file("renewal", holder.held(), then="")
    work = holder.clerk.get("/work/").text
    assert "/applications/renewal/?state=draft" in work
    assert "/applications/new/?state=draft" not in work
    assert "/releases/" in other.clerk.get("/work/").text.partition("<main")[2]


def test_the_expiring_tile_links_to_exactly_what_it_counts(holder):
    soon, late = holder.held().number, holder.held(valid_to=TODAY + timedelta(days=300)).number
    work = holder.clerk.get("/work/").text
    url = re.search(r'href="(/certificates/[^"]*valid_to_to[^"]*)"', work).group(1).replace("&amp;", "&")
    page = holder.clerk.get(url).text
    assert soon in page
    assert late not in page
    assert "/claims/renewal/add" in page
