"""Futures by product: tick, multiplier, and what the contract's text says of limits and margin.

The limits and the margins of a Chinese contract are set by notices, often far above its text,
and brokers ask for more; so no limit refuses an order here, the margin is that of a paper account
alone, and the venue's figures win. A product that is not in the table is not unknown to the
market, only to us.
"""

from __future__ import annotations

import datetime
import functools
import re
from typing import Dict, NamedTuple, Optional, Tuple

from btstores.markets.rules import MarketRules, SizeRule, Source, TickTable, in_force

__all__ = ["CONTRACTS", "RULES", "SIZES", "Contract", "FuturesRules", "contract_of", "product_of"]


class Contract(NamedTuple):
    """The terms of one product.

    A contract is worth ``price * multiplier`` in ``currency``. ``ticks`` are by date. ``limit``
    and ``margin`` are parts (0.05 is five percent) of the settlement price and of the value, as
    the contract's text in ``source`` has them.
    """

    exchange: str
    code: str
    multiplier: float
    ticks: Tuple[TickTable, ...]
    source: Source
    currency: str = "CNY"
    limit: Optional[float] = None
    margin: Optional[float] = None


def _source(document: str, url: str, day: str) -> Source:
    return Source(document, url, datetime.date.fromisoformat(day))


_SHFE_RB = _source(
    "SHFE steel rebar contract",
    "https://www.sywgqh.com.cn/Pc/English/Futures_contracts/96134.html",
    "2020-09-29",
)
_SHFE_CU = _source(
    "SHFE copper contract", "http://www.shfe.com.cn/en/products/Copper/", "2021-07-01"
)
_SHFE_AL = _source(
    "SHFE aluminium contract", "https://www.citicsf.com/en/content/614214.html", "2017-06-20"
)
_SHFE_RB_2012 = _source(
    "SHFE steel rebar contract of 2012",
    "http://finance.sina.com.cn/money/future/futuresroll/20120518/145612097142.shtml",
    "2012-05-18",
)
_SHFE_AU_2014 = _source(
    "SHFE gold contract of 2014", "https://en.yhqh.com.cn/html/2014/SHFE_0617/26.html", "2014-09-01"
)
_SHFE_AU = _source(
    "SHFE gold contract, amended from 10 December 2019",
    "https://www.shfe.com.cn/products/futures/metal/ferrousandpreciousmetal/au_f/standard_au_f/"
    "202312/t20231205_316957.html",
    "2019-12-10",
)
_SHFE_AG = _source(
    "SHFE silver contract",
    "https://www.kancloud.cn/wangjikeji/futures20191120/1404319",
    "2019-11-20",
)
_CLOCK = _source(
    "Futures Clock open data, checked with the exchanges on 10 August 2026",
    "https://huggingface.co/datasets/brucewangdatou/futuresclock-open-data",
    "2026-08-10",
)
_TABLE_2018 = _source(
    "Multipliers and ticks of Chinese futures, a table of 2018",
    "https://www.vnpy.com/forum/post/5651",
    "2019-01-01",
)
_CFFEX_IF = _source(
    "CFFEX CSI 300 index futures contract",
    "http://www.cffex.com.cn/en_new/CSI300IndexFutures.html",
    "2020-10-12",
)
_CFFEX_IF_2010 = _source(
    "CFFEX CSI 300 index futures contract at its start",
    "https://html.scirp.org/file/_7-1490618_1.htm",
    "2010-04-16",
)
_CFFEX_INDEX = _source(
    "CFFEX index futures contracts", "https://joinquant.com/data/dict/sfData", "2020-10-12"
)
_CFFEX_IM = _source(
    "CFFEX CSI 1000 index futures contract",
    "http://www.cffex.com.cn/u/cms/www/202207/18190308vxpv.pdf",
    "2022-07-22",
)
_CFFEX_T = _source(
    "CFFEX 10-year treasury bond futures contract",
    "http://cffex.com.cn/en_new/sspz/10t/",
    "2022-01-18",
)
_CFFEX_TF = _source(
    "CFFEX 5-year treasury bond futures contract",
    "https://joinquant.com/data/dict/sfData",
    "2020-10-12",
)
_DCE_I = _source(
    "DCE iron ore contract", "http://m.rhspjx.com/en/fzzq_en/details_389_147.html", "2021-07-01"
)
_CZCE_SR = _source("CZCE white sugar contract", "https://iteshow.com/200.html", "2020-12-31")
_CZCE_TA = _source("CZCE PTA contract", "http://en.hsqh.net/en/list_37.aspx?cid=47", "2020-12-31")
_CZCE_SR_2014 = _source(
    "CZCE white sugar contract of 2014",
    "https://en.yhqh.com.cn/html/2014/CZCE_0623/55.html",
    "2014-06-23",
)
_CZCE_TA_2014 = _source(
    "CZCE PTA contract of 2014", "https://en.yhqh.com.cn/html/2014/CZCE_0623/56.html", "2014-06-23"
)
_CZCE_2026 = _source(
    "CZCE trading parameters of 14 September 2026",
    "https://tushare.pro/document/2?doc_id=497",
    "2026-09-14",
)
_CME_INDEX = _source(
    "CME E-mini and Micro E-mini index futures contracts",
    "https://wiki2.org/en/Commodity_tick",
    "2010-06-30",
)
_NYMEX_CL = _source(
    "NYMEX light sweet crude oil contract: 1,000 barrels, 1 cent",
    "https://www.cmegroup.com/markets/energy/crude-oil/light-sweet-crude.contractSpecs.html",
    "2017-01-18",
)
_COMEX_GC = _source(
    "COMEX gold contract (rulebook chapter 113)",
    "https://www.cmegroup.com/trading/metals/precious/gold_contractSpecs_futures.html",
    "2020-12-31",
)
_HKFE = _source(
    "HKEX index futures contracts",
    "http://www.sinorichhk-en.com/%E9%A6%99%E6%B8%AF%E6%9C%9F%E8%B2%A8",
    "2020-12-31",
)


def _contract(
    symbol: str,
    multiplier: float,
    ticks: Tuple[Tuple[float, Source], ...],
    currency: str = "CNY",
    text: Optional[Source] = None,
    limit: Optional[float] = None,
    margin: Optional[float] = None,
) -> Contract:
    exchange, code = symbol.split(".")
    tables = tuple(TickTable(((0.0, tick),), source) for tick, source in ticks)
    source = text or tables[-1].source
    return Contract(exchange, code, multiplier, tables, source, currency, limit, margin)


_ALL: Tuple[Contract, ...] = (
    _contract("SHFE.rb", 10, ((1.0, _SHFE_RB_2012),), text=_SHFE_RB, limit=0.03, margin=0.05),
    _contract("SHFE.cu", 5, ((10.0, _SHFE_CU),), limit=0.03, margin=0.05),
    _contract("SHFE.al", 5, ((5.0, _SHFE_AL),), limit=0.03, margin=0.05),
    _contract("SHFE.zn", 5, ((5.0, _CLOCK),)),
    _contract("SHFE.pb", 5, ((5.0, _TABLE_2018),)),
    _contract("SHFE.au", 1000, ((0.05, _SHFE_AU_2014), (0.02, _SHFE_AU)), limit=0.03),
    _contract("SHFE.ag", 15, ((1.0, _SHFE_AG),), limit=0.03),
    _contract("INE.sc", 1000, ((0.1, _TABLE_2018),)),
    _contract("DCE.i", 100, ((0.5, _DCE_I),), limit=0.04, margin=0.05),
    _contract("DCE.m", 10, ((1.0, _TABLE_2018),)),
    _contract("DCE.y", 10, ((2.0, _TABLE_2018),)),
    _contract("DCE.p", 10, ((2.0, _TABLE_2018),)),
    _contract("DCE.c", 10, ((1.0, _TABLE_2018),)),
    _contract("DCE.j", 100, ((0.5, _TABLE_2018),)),
    _contract("DCE.jm", 60, ((0.5, _TABLE_2018),)),
    _contract("CZCE.SR", 10, ((1.0, _CZCE_SR_2014),), text=_CZCE_SR, limit=0.04, margin=0.05),
    _contract("CZCE.TA", 5, ((2.0, _CZCE_TA_2014),), text=_CZCE_TA, limit=0.04, margin=0.05),
    _contract("CZCE.CF", 5, ((5.0, _TABLE_2018),)),
    _contract("CZCE.FG", 20, ((1.0, _TABLE_2018),)),
    _contract("CZCE.MA", 10, ((1.0, _TABLE_2018),)),
    _contract("CZCE.RM", 10, ((1.0, _TABLE_2018),)),
    _contract("CZCE.OI", 10, ((1.0, _CZCE_2026),)),
    _contract("CZCE.AP", 10, ((1.0, _CZCE_2026),)),
    _contract("CZCE.PX", 5, ((2.0, _CZCE_2026),)),
    _contract("CZCE.SM", 5, ((2.0, _CZCE_2026),)),
    _contract(
        "CFFEX.IF",
        300,
        ((0.2, _CFFEX_IF_2010),),
        text=_CFFEX_IF,
        limit=0.1,
        margin=0.08,
    ),
    _contract("CFFEX.IH", 300, ((0.2, _CFFEX_INDEX),), limit=0.1, margin=0.08),
    _contract("CFFEX.IC", 200, ((0.2, _CFFEX_INDEX),), limit=0.1, margin=0.08),
    _contract("CFFEX.IM", 200, ((0.2, _CFFEX_IM),)),
    _contract("CFFEX.T", 10_000, ((0.005, _CFFEX_T),), limit=0.02, margin=0.02),
    _contract("CFFEX.TF", 10_000, ((0.005, _CFFEX_TF),), limit=0.012, margin=0.01),
    _contract("CME.ES", 50, ((0.25, _CME_INDEX),), currency="USD"),
    _contract("CME.NQ", 20, ((0.25, _CME_INDEX),), currency="USD"),
    _contract("NYMEX.CL", 1000, ((0.01, _NYMEX_CL),), currency="USD"),
    _contract("COMEX.GC", 100, ((0.1, _COMEX_GC),), currency="USD"),
    _contract("HK.HSI", 50, ((1.0, _HKFE),), currency="HKD"),
    _contract("HK.MHI", 10, ((1.0, _HKFE),), currency="HKD"),
    _contract("HK.HHI", 50, ((1.0, _HKFE),), currency="HKD"),
    _contract("HK.MCH", 10, ((1.0, _HKFE),), currency="HKD"),
    _contract("HK.HTI", 50, ((1.0, _HKFE),), currency="HKD"),
)

#: By exchange and code of the product in capitals, as 'SHFE.RB'.
CONTRACTS: Dict[str, Contract] = {
    f"{contract.exchange}.{contract.code}".upper(): contract for contract in _ALL
}

_CAPS_2020 = _source(
    "Trading rules of Chinese futures on 13 July 2020: contracts in one limit order",
    "https://cloud.tencent.com/developer/inventory/8050/article/1666915",
    "2020-07-13",
)
_CAPS_IF = _source(
    "Terms of IF2112 as the exchange's gateway told them: 20 and 10 contracts in one order",
    "https://juejin.cn/post/7039965805248774174",
    "2021-12-10",
)

#: Sizes of one order, where a largest one is known. Others are in whole contracts as well.
SIZES: Dict[str, SizeRule] = {
    **{f"SHFE.{code}": SizeRule(_CAPS_2020, 1.0, 1.0, 500.0) for code in ("CU", "AL", "ZN", "PB")},
    **{f"CFFEX.{code}": SizeRule(_CAPS_2020, 1.0, 1.0, 20.0) for code in ("IH", "IC")},
    "CFFEX.IF": SizeRule(_CAPS_IF, 1.0, 1.0, 20.0, 10.0),
}

# A product, then year and month, or a month's letter and a year, or the word for a series.
_SYMBOL = re.compile(
    r"([A-Za-z]+)\.([A-Za-z]{1,3}?)(?:\d{3,4}|[FGHJKMNQUVXZ]\d{1,2}|main|MAIN|current|next)?"
)


@functools.lru_cache(maxsize=1024)
def product_of(symbol: str) -> Optional[str]:
    """Return exchange and code of a future's product in capitals, None of what is no future."""
    found = _SYMBOL.fullmatch(symbol)
    return f"{found[1]}.{found[2]}".upper() if found else None


def contract_of(symbol: str) -> Optional[Contract]:
    """Return the terms of a symbol's product: 'SHFE.rb2610', 'CME.ESZ6' or 'HK.MHImain'.

    None is said of products that are not in the table and of what is no future.
    """
    return CONTRACTS.get(product_of(symbol) or "")


class FuturesRules(MarketRules):
    """Futures. Symbols are such as 'SHFE.rb2610'; orders are in whole contracts."""

    sources = tuple(
        dict.fromkeys(
            source
            for contract in _ALL
            for source in (*(table.source for table in contract.ticks), contract.source)
        )
    ) + (_CAPS_2020, _CAPS_IF)

    def product_of(self, symbol: str) -> str:
        return product_of(symbol) or symbol

    def tick_table_of(
        self, symbol: str, day: datetime.date, kind: Optional[str] = None
    ) -> Optional[TickTable]:
        contract = contract_of(symbol)
        return None if contract is None else in_force(contract.ticks, day)

    def size_rule_of(
        self, symbol: str, day: datetime.date, lot: Optional[float] = None
    ) -> Optional[SizeRule]:
        contract = contract_of(symbol)
        if contract is None:
            return None
        whole = SizeRule(contract.source, 1.0, 1.0)
        return SIZES.get(f"{contract.exchange}.{contract.code}".upper(), whole)

    def multiplier_of(self, symbol: str) -> Optional[float]:
        contract = contract_of(symbol)
        return None if contract is None else contract.multiplier

    def margin_of(self, symbol: str) -> Optional[float]:
        contract = contract_of(symbol)
        return None if contract is None else contract.margin

    def settlement_days(self, symbol: str, day: datetime.date) -> Optional[int]:
        return None if contract_of(symbol) is None else 0


RULES = FuturesRules()
