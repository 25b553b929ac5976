"""A plain futu-api program against the simulated OpenD; nothing of btstores is in it.

btstores sim opend --port 11111 --speed 60
python examples/futu_bare.py [PORT]

It subscribes to one-minute bars, buys one lot on the paper account, and prints what is pushed.
"""

import queue
import sys

import futu

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 11111
CODE = "HK.00700"
PAPER_ACCOUNT = 1001

# What is pushed comes on threads of futu-api; here it waits for ours.
bars = queue.Queue()
orders = queue.Queue()


class Bars(futu.CurKlineHandlerBase):
    def on_recv_rsp(self, rsp_pb):
        ret, data = super().on_recv_rsp(rsp_pb)
        if ret == futu.RET_OK:
            bars.put(data.iloc[-1])
        return ret, data


class Orders(futu.TradeOrderHandlerBase):
    def on_recv_rsp(self, rsp_pb):
        ret, data = super().on_recv_rsp(rsp_pb)
        if ret == futu.RET_OK:
            orders.put(data.iloc[-1])
        return ret, data


def take(pushes):
    try:
        return pushes.get(timeout=60)
    except queue.Empty:
        raise SystemExit("nothing came within a minute: is the market closed?") from None


def check(answer):
    ret, data = answer[:2]
    if ret != futu.RET_OK:
        raise SystemExit(f"refused: {data}")
    return data


quotes = futu.OpenQuoteContext("127.0.0.1", PORT)
trades = futu.OpenSecTradeContext(host="127.0.0.1", port=PORT, filter_trdmarket=futu.TrdMarket.HK)
try:
    state = check(quotes.get_global_state())
    print(f"OpenD  {state['server_ver']}, Hong Kong: {state['market_hk']}")
    quotes.set_handler(Bars())
    trades.set_handler(Orders())
    check(quotes.subscribe([CODE], [futu.SubType.K_1M]))
    for _ in range(3):
        bar = take(bars)
        print(f"bar    {bar.code} {bar.time_key} close {bar.close} volume {bar.volume:g}")
    lot = int(check(quotes.get_market_snapshot([CODE])).lot_size[0])
    order = check(
        trades.place_order(
            price=0,
            qty=lot,
            code=CODE,
            trd_side=futu.TrdSide.BUY,
            order_type=futu.OrderType.MARKET,
            trd_env=futu.TrdEnv.SIMULATE,
            acc_id=PAPER_ACCOUNT,
        )
    )
    print(f"placed {order.order_id[0]}")
    status = ""
    while status != futu.OrderStatus.FILLED_ALL:
        push = take(orders)
        status = push.order_status
        print(f"order  {status} {push.dealt_qty:g} of {push.qty:g} at {push.dealt_avg_price}")
    held = check(trades.position_list_query(trd_env=futu.TrdEnv.SIMULATE, acc_id=PAPER_ACCOUNT))
    print(f"holds  {held.qty[0]:g} {held.code[0]} at {held.cost_price[0]}")
finally:
    quotes.close()
    trades.close()
