"""Run the conformance suite on the venues that need minutes for it, for the table of the manual.

    python docs/measure_conformance.py      writes docs/conformance.json, in about six minutes

The manual's own generator reads the file.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any, Dict, List

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from btstores.testing import all_cases, run_case  # noqa: E402
from tests.support.oanda_venue import HedgingVenue, OandaVenue  # noqa: E402
from tests.support.opend_venue import MarginVenue, OpenDVenue, RealVenue  # noqa: E402

RESULTS = DOCS / "conformance.json"
VENUES: Dict[str, Any] = {
    "futu, simulated account": OpenDVenue,
    "futu, cash account": RealVenue,
    "futu, margin account": MarginVenue,
    "oanda, netting account": OandaVenue,
    "oanda, hedging account": HedgingVenue,
}


def measure(wanted: str) -> Dict[str, List[List[str]]]:
    """Return what came of each case on each venue: id, title, outcome, reason.

    Only venues whose name begins with ``wanted`` are measured; of others the last results stay.
    """
    found: Dict[str, List[List[str]]] = {}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name, venue in VENUES.items():
        if not name.startswith(wanted):
            continue
        rows = found[name] = []
        for one in all_cases():
            result = run_case(one, venue())
            rows.append([result.id, result.title, result.outcome.value, result.reason])
    return found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    text = json.dumps(measure("".join(sys.argv[1:2])), indent=0, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")
