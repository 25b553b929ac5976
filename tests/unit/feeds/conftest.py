"""Feeds show the same under either engine."""

from __future__ import annotations

import backtrader as bt
import pytest

from btstores import LiveCerebro
from tests.support.session import Session


@pytest.fixture(autouse=True, params=[bt.Cerebro, LiveCerebro], ids=["Cerebro", "LiveCerebro"])
def engine(request, monkeypatch):
    """Return the class of Cerebro that sessions run on."""
    monkeypatch.setattr(Session, "engine", request.param)
    return request.param
