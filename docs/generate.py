"""Write the parts of the manual that the code or an example says best.

    python docs/generate.py            rewrites them in place
    python docs/generate.py --check    only names the pages that are stale

A page holds ``<!-- generated: NAME -->``, the part, ``<!-- end -->``. NAME is a key of `TABLES`,
``code FILE`` or ``output FILE`` with a file of docs/examples, or ``example FILE`` with one of
examples.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import json
import logging
import re
import runpy
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence

from btstores import errors
from btstores.handlers.quality import CHECKS, Check
from btstores.orders.lifecycle import OrderState, OwnEvent, next_state
from btstores.orders.reasons import REASONS
from btstores.reports import OrderEvent, OrderType
from btstores.sim.switches import FaultKind
from btstores.stores.base import BaseStore
from btstores.stores.futu.opend.control import _COMMANDS as COMMANDS
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.store import FutuStore, capabilities_of
from btstores.stores.futu.symbols import MARKETS, REAL, SIMULATE
from btstores.stores.oanda.simulator.faults import FAULTS as OANDA_FAULTS
from btstores.stores.oanda.store import OandaStore
from btstores.stores.paper import PaperStore
from btstores.stores.replay import ReplayStore
from btstores.testing import all_cases, matrix, run_cases
from btstores.testing.paper import ControlledPaper
from btstores.testing.results import Outcome, Result

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "docs" / "examples"

_BLOCK = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)

EVENTS = {
    OwnEvent.SUBMIT: "we send it",
    OrderEvent.ACCEPTED: "the venue has it",
    OrderEvent.TRIGGERED: "its stop was touched",
    OrderEvent.MODIFIED: "a change took effect",
    OwnEvent.FILL_PART: "a fill leaves a rest",
    OwnEvent.FILL_ALL: "a fill leaves nothing",
    OrderEvent.REJECTED: "the venue refuses it, or what is left",
    OrderEvent.MARGIN: "the money is missing",
    OrderEvent.CANCELED: "cancelled, by us or by the venue",
    OrderEvent.EXPIRED: "its time is over",
    OrderEvent.CANCEL_REJECTED: "a cancel was refused",
    OrderEvent.MODIFY_REJECTED: "a change was refused",
    OrderEvent.OUTCOME_UNKNOWN: "nobody knows whether a request arrived",
}
COLUMNS = (
    ("created", (OrderState.CREATED,)),
    ("submitted", (OrderState.SUBMITTED,)),
    ("accepted", (OrderState.ACCEPTED,)),
    ("partial", (OrderState.PARTIAL,)),
    ("completed", (OrderState.COMPLETED,)),
    (
        "canceled, expired, margin, rejected",
        (OrderState.CANCELED, OrderState.EXPIRED, OrderState.MARGIN, OrderState.REJECTED),
    ),
)


def error_table() -> str:
    """Return the errors with their codes."""
    rows = []
    for name in errors.__all__:
        cls = getattr(errors, name)
        bases = [base.__name__ for base in cls.__bases__]
        first_line = inspect.cleandoc(cls.__doc__).splitlines()[0]
        rows.append([f"`{name}`", f"`{cls.code}`", ", ".join(bases), first_line])
    return _table(["class", "`code`", "is a", "meaning"], rows)


def reason_table() -> str:
    """Return the codes of refusals and of what becomes of orders here."""
    rows = [
        [f"`{code}`", reason.denied_by, reason.meaning, reason.fix]
        for code, reason in REASONS.items()
    ]
    return _table(["code", "by", "meaning", "what helps"], rows)


def quality_table() -> str:
    """Return the checks of prices."""
    rows = [
        [f"`{name}`", check.meaning, f"`{check.default}`", _codes(check)]
        for name, check in CHECKS.items()
    ]
    return _table(["check", "what is found", "default", "others"], rows)


def _codes(check: Check) -> str:
    return ", ".join(f"`{one}`" for one in check.policies if one != check.default)


def order_state_table() -> str:
    """Return what each event does in each state."""
    rows = []
    for event in [*OwnEvent, *OrderEvent]:
        cells = [_cell(states, event) for _, states in COLUMNS]
        rows.append([f"`{event.value}`: {EVENTS[event]}", *cells])
    return _table(["what happens", *(name for name, _ in COLUMNS)], rows)


def _cell(states: Sequence[OrderState], event: Any) -> str:
    cells = set()
    for state in states:
        after = next_state(state, event)
        cells.add("" if after is None else "stays" if after is state else after.value)
    (cell,) = cells  # states that share a column must behave alike
    return cell


def param_table(owner: Any) -> str:
    """Return the parameters that a store declares itself."""
    rows = []
    for spec in owner.__dict__["PARAMS"]:
        default = getattr(spec.default, "name", None) or repr(spec.default)
        doc = spec.doc
        if spec.choices:
            doc += ": " + " or ".join(f"`{choice!r}`" for choice in spec.choices)
        rows.append([f"`{spec.name}`", f"`{default}`", doc])
    return _table(["parameter", "default", "meaning"], rows)


#: The column heads and words of `futu_table`, in the languages of its pages.
FUTU_WORDS = {
    "en": ("account", "market", "order types", "can be changed", "short sales", "nothing", "yes"),
    "zh": ("账户", "市场", "订单类型", "可以修改", "卖空", "无", "可以"),
}

#: What `broker.modify` calls the fields of a live order.
CHANGES = {
    "size": "size",
    "price": "price",
    "limit_price": "plimit",
    "trail_amount": "trailamount",
    "trail_percent": "trailpercent",
}


def futu_table(language: str) -> str:
    """Return what Futu does by itself by environment and market; equal markets share a row."""
    account, market, kinds, changes, short, nothing, yes = FUTU_WORDS[language]
    rows: Dict[Any, List[str]] = {}
    for environment in (REAL, SIMULATE):
        for each in MARKETS:
            can = capabilities_of(each, environment)
            types = [kind.value for kind in OrderType if kind in can.order_types]
            named = [argument for field, argument in CHANGES.items() if field in can.modify]
            words = (", ".join(types), ", ".join(named) or nothing)
            key = (environment, *words, yes if can.short else "-")
            rows.setdefault(key, []).append(f"`{each.name}`")
    lines = [[f"`{key[0]}`", ", ".join(names), *key[1:]] for key, names in rows.items()]
    return _table([account, market, kinds, changes, short], lines)


def fault_table(table: Mapping[str, FaultKind]) -> str:
    """Return the faults of a simulated venue with their options."""
    rows = []
    for name, kind in table.items():
        options = ", ".join(f"`{option.name}`" for option in kind.options)
        rows.append([f"`{name}`", kind.when, kind.doc, options])
    return _table(["fault", "when", "what happens", "options"], rows)


def control_table() -> str:
    """Return the commands of the control port of the simulated OpenD."""
    rows = []
    for name, command in COMMANDS.items():
        options = ", ".join(f"`{option.name}`" for option in command.options)
        rows.append([f"`{name}`", command.doc, options])
    return _table(["`do`", "what happens", "options"], rows)


def conformance_table() -> str:
    """Run the conformance suite on the paper venue and return what came of it.

    What came of it on other venues is read: see `measure_conformance.py`.
    """
    columns: Dict[str, Dict[str, Any]] = {"paper": {}, "paper, emulated": {"emulate": "all"}}
    logging.disable(logging.CRITICAL)  # what it breaks on purpose is no news
    try:
        results: Dict[str, List[Result]] = {
            name: run_cases(all_cases(), functools.partial(ControlledPaper, **params))
            for name, params in columns.items()
        }
        return matrix({**results, **measured_conformance()})
    finally:
        logging.disable(logging.NOTSET)


def measured_conformance() -> Dict[str, List[Result]]:
    """Return what came of the suite on the venues that need minutes for it."""
    text = (ROOT / "docs" / "conformance.json").read_text(encoding="utf-8")
    return {
        name: [Result(key, title, Outcome(outcome), reason) for key, title, outcome, reason in rows]
        for name, rows in json.loads(text).items()
    }


TABLES: Dict[str, Callable[[], str]] = {
    "conformance": conformance_table,
    "control of opend": control_table,
    "errors": error_table,
    "faults of opend": lambda: fault_table(FAULTS),
    "futu markets": lambda: futu_table("en"),
    "futu markets zh": lambda: futu_table("zh"),
    "futu parameters": lambda: param_table(FutuStore),
    "faults of oanda": lambda: fault_table(OANDA_FAULTS),
    "oanda parameters": lambda: param_table(OandaStore),
    "order states": order_state_table,
    "quality": quality_table,
    "reasons": reason_table,
    "store parameters": lambda: param_table(BaseStore),
    "paper parameters": lambda: param_table(PaperStore),
    "replay parameters": lambda: param_table(ReplayStore),
}


def part(name: str) -> str:
    """Return one generated part, with its last line break."""
    kind, _, file = name.partition(" ")
    if name in TABLES:
        return TABLES[name]()
    if kind == "code":
        return "```python\n" + (EXAMPLES / file).read_text(encoding="utf-8") + "```\n"
    if kind == "example":
        return "```python\n" + (ROOT / "examples" / file).read_text(encoding="utf-8") + "```\n"
    if kind == "output":
        return "```text\n" + output_of(file) + "```\n"
    raise KeyError(name)


@functools.lru_cache(maxsize=None)
def output_of(file: str) -> str:
    """Run an example and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(EXAMPLES / file), run_name="__main__")
    return printed.getvalue()


def pages() -> List[Path]:
    """Return all pages of the manual, the README among them."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(file for file in files if "_build" not in file.parts)


def render(text: str) -> str:
    """Return a page with its generated parts made anew."""
    return _BLOCK.sub(lambda found: found[1] + part(found[2]) + found[3], text)


def stale_pages() -> List[Path]:
    """Return the pages whose generated parts are not what they would be now."""
    texts = {page: page.read_text(encoding="utf-8") for page in pages()}
    return [page for page, text in texts.items() if render(text) != text]


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Rewrite the stale pages, or only name them; return the exit status."""
    stale = stale_pages()
    for page in stale:
        sys.stdout.write(f"{page.relative_to(ROOT)}\n")
        if "--check" not in arguments:
            page.write_text(render(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
