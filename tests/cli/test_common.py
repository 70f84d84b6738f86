"""The log of our processes, as the settings want it."""

import json
import logging
from dataclasses import replace

from gunicorn.config import Config

from app.cli import common


def test_the_servers_own_log_is_json_where_it_is_asked_for(system, capsys, monkeypatch):
    monkeypatch.setattr(logging, "basicConfig", lambda **_given: None)  # the tests' own handlers stay
    for wanted in (True, False):
        common.log_to_stderr(replace(system.settings, log_json=wanted))
        log = common.ServerLog(Config())
        log.error("lost %s", "13812342345")
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert "138****2345" in line
        assert line.startswith("{") is wanted
        assert not wanted or json.loads(line)["message"] == "lost 138****2345"
