"""What tests of the quotes of the simulated OpenD share: a world of five symbols, and who asks."""

from __future__ import annotations

from btstores.clock import SimulatedClock
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.quotes import Quotes
from btstores.stores.futu.opend.text import security_of
from btstores.stores.futu.opend.world import World

SYMBOLS = ("HK.00700", "US.AAPL", "SH.600519", "HK.MHImain", "US.ESmain")
BASIC, BOOK, TICKER, RT, MINUTE, DAY = 1, 2, 4, 5, 11, 6
SERIES = made_up(SYMBOLS, bars=900)


def world_of(history=400, symbols=SYMBOLS, **options):
    chosen = [one for one in SERIES if one.instrument.symbol in symbols]
    return World(chosen, SimulatedClock(), history=history, **options)


class StubSession:
    def __init__(self):
        self.pushed = []
        self.kept = []

    def push(self, proto_id, response):
        self.kept.append(response)
        # What cannot be written would not arrive.
        response.SerializeToString()
        self.pushed.append((proto_id, response.s2c))

    def after_answer(self, call):
        call()

    def of(self, proto_id):
        return [s2c for number, s2c in self.pushed if number == proto_id]


class Desk:
    """Asks the routes as a session would."""

    def __init__(self, world=None, **options):
        self.world = world if world is not None else world_of()
        self.quotes = Quotes(self.world, **options)
        self.routes = self.quotes.routes()
        self.session = StubSession()
        self.world.start()

    def ask(self, proto_id, *symbols, by=None, **fields):
        route = self.routes[proto_id]
        request, response = route.request(), route.response()
        for name, value in fields.items():
            if isinstance(value, (list, tuple)):
                getattr(request.c2s, name).extend(value)
            else:
                setattr(request.c2s, name, value)
        names = request.c2s.DESCRIPTOR.fields_by_name
        for symbol in symbols:
            security = request.c2s.securityList.add() if "securityList" in names else None
            security = security if security is not None else request.c2s.security
            security.market, security.code = security_of(symbol)
        route.answer(by or self.session, request.c2s, response.s2c)
        response.retType = 0
        response.SerializeToString()
        return response.s2c

    def subscribe(self, symbols, kinds, by=None, push=True, **fields):
        symbols = [symbols] if isinstance(symbols, str) else symbols
        fields = {"isSubOrUnSub": True, "isRegOrUnRegPush": push, **fields}
        return self.ask(3001, *symbols, by=by, subTypeList=kinds, **fields)

    def unsubscribe(self, symbol, kinds, by=None):
        return self.ask(3001, symbol, by=by, subTypeList=kinds, isSubOrUnSub=False)

    def used(self):
        return self.ask(3003).totalUsedQuota


class Client:
    """The unmodified client, and what its handlers got."""

    def __init__(self, port):
        futu = sdk.futu()
        self.pushed = []
        self.context = futu.OpenQuoteContext("127.0.0.1", port)
        bases = {
            3005: futu.StockQuoteHandlerBase,
            3007: futu.CurKlineHandlerBase,
            3009: futu.RTDataHandlerBase,
            3011: futu.TickerHandlerBase,
            3013: futu.OrderBookHandlerBase,
        }
        for proto_id, base in bases.items():
            self.context.set_handler(self._handler(proto_id, base))

    def _handler(self, proto_id, base):
        def on_recv_rsp(handler, response):
            result, content = base.on_recv_rsp(handler, response)
            assert result == 0, content
            self.pushed.append((proto_id, content))
            return result, content

        return type("Handler", (base,), {"on_recv_rsp": on_recv_rsp})()

    def of(self, proto_id):
        return [content for number, content in list(self.pushed) if number == proto_id]


def good(answer):
    assert answer[0] == 0, answer[1]
    return answer[1]
