"""The picture of a run as a page: the same as the PNG, with hover and tables, in one file."""

from __future__ import annotations

import html
from typing import Any, Dict, List, Optional

from btstores.cli.picture import COLOURS, SHAPES, Mark, PictureData, shape_of, tables_of
from btstores.cli.text import money, percent, price_text, size_text

__all__ = ["draw_html"]

_SYMBOLS = {"buy": "triangle-up", "sell": "triangle-down", "stop": "x", "target": "circle"}


def draw_html(picture: PictureData, path: str) -> None:
    """Write the page to ``path``; it needs no network. Raises `ImportError` without plotly."""
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, row_heights=[0.58, 0.26, 0.16], vertical_spacing=0.04
    )
    _add_prices(figure, picture)
    _add_levels(figure, picture)
    _add_marks(figure, picture)
    _add_account(figure, picture)
    _lay_out(figure, picture)
    chart = figure.to_html(
        full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(_page(picture, chart))


def _add_prices(figure: Any, picture: PictureData) -> None:
    from plotly import graph_objects as go

    columns = {
        name: [bar[name] for bar in picture.bars] for name in ("open", "high", "low", "close")
    }
    edge = COLOURS["edge"]
    figure.add_trace(
        go.Candlestick(
            x=picture.labels,
            name=picture.symbol,
            showlegend=False,
            increasing={"line": {"color": edge, "width": 1}, "fillcolor": COLOURS["up"]},
            decreasing={"line": {"color": edge, "width": 1}, "fillcolor": COLOURS["down"]},
            **columns,
        ),
        row=1,
        col=1,
    )


def _add_levels(figure: Any, picture: PictureData) -> None:
    from plotly import graph_objects as go

    for role, dash in (("stop", "dot"), ("target", "dash")):
        x: List[Optional[str]] = []
        y: List[Optional[float]] = []
        for level in picture.levels:
            if level.role == role:
                spanned = picture.labels[level.first : level.last + 1]
                x += [*spanned, None]
                y += [level.price] * len(spanned) + [None]
        line = {"color": COLOURS[role], "dash": dash, "width": 2}
        hover = f"{role} at %{{y:,.{picture.decimals}f}}<extra></extra>"
        figure.add_trace(
            go.Scatter(x=x, y=y, mode="lines", name=f"{role} price", line=line,
                       hovertemplate=hover),
            row=1,
            col=1,
        )  # fmt: skip


def _add_marks(figure: Any, picture: PictureData) -> None:
    from plotly import graph_objects as go

    for key, (_, words) in SHAPES.items():
        marks = [mark for mark in picture.marks if shape_of(mark) == key]
        marker = {
            "symbol": _SYMBOLS[key],
            "size": 12,
            "color": COLOURS.get(key, COLOURS["entry"]),
            "line": {"color": "black", "width": 1},
        }
        figure.add_trace(
            go.Scatter(
                x=[picture.labels[mark.x] for mark in marks],
                y=[mark.fill["price"] for mark in marks],
                mode="markers",
                name=words,
                marker=marker,
                text=[_told(mark, picture.decimals) for mark in marks],
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=1,
        )


def _told(mark: Mark, decimals: int) -> str:
    fill = mark.fill
    verb = "bought" if mark.is_buy else "sold"
    text = f"#{fill['order']} {fill['role']}: {verb} {size_text(fill['size'])}"
    text += f" at {price_text(fill['price'], decimals)}"
    return text + f"<br>part {fill['part']}: {size_text(fill['total'])} of {size_text(fill['of'])}"


def _add_account(figure: Any, picture: PictureData) -> None:
    from plotly import graph_objects as go

    x = [picture.labels[number] for number, _ in picture.values]
    values = [value for _, value in picture.values]
    peaks = [value / (1 + fall) for value, fall in zip(values, picture.drawdowns)]
    falls = [percent(fall) for fall in picture.drawdowns]
    figure.add_trace(
        go.Scatter(x=x, y=peaks, mode="lines", line={"width": 0}, hoverinfo="skip",
                   showlegend=False),
        row=2,
        col=1,
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=x,
            y=values,
            mode="lines",
            name="value",
            showlegend=False,
            line={"color": COLOURS["value"], "width": 2},
            fill="tonexty",
            fillcolor="rgba(230, 159, 0, 0.4)",
            text=falls,
            hovertemplate="value %{y:,.2f}, drawdown %{text}<extra></extra>",
        ),
        row=2,
        col=1,
    )
    figure.add_trace(
        go.Bar(
            x=picture.labels,
            y=[bar["position"] for bar in picture.bars],
            name="position",
            showlegend=False,
            marker={"color": COLOURS["position"], "line": {"width": 0}},
            hovertemplate="position %{y:,}<extra></extra>",
        ),
        row=3,
        col=1,
    )


def _lay_out(figure: Any, picture: PictureData) -> None:
    figure.update_layout(
        template="plotly_white",
        height=820,
        hovermode="x unified",
        bargap=0,
        margin={"l": 80, "r": 20, "t": 70, "b": 40},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0},
        font={"size": 13},
    )
    figure.update_xaxes(type="category", nticks=10, tickangle=0, rangeslider={"visible": False})
    figure.update_yaxes(title_text=f"{picture.symbol} price", row=1, col=1)
    figure.update_yaxes(
        title_text=f"account and drawdown, {picture.summary['currency']}", row=2, col=1
    )
    figure.update_yaxes(title_text="position", row=3, col=1)
    figure.update_yaxes(tickformat=",", automargin=True)
    for shade in picture.shades:
        figure.add_vrect(
            x0=shade.first - 0.5,
            x1=shade.last + 0.5,
            fillcolor=COLOURS[shade.words],
            layer="below",
            line_width=0,
            row=1,
            col=1,
            annotation_text=shade.words,
            annotation_position="top right",
        )


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
       max-width: 1200px; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .2rem 0; } .about { color: #666; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; white-space: nowrap; }
th { border-bottom: 2px solid #222; } td { border-bottom: 1px solid #e4e4e4; }
.right { text-align: right; }
"""


def _page(picture: PictureData, chart: str) -> str:
    head = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(picture.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(picture.title)}</h1>
<p>{html.escape(picture.headline)}</p>
<p class="about">{html.escape(picture.about)}</p>
"""
    tables = "".join(
        _table(title, columns, rows) for title, (columns, rows) in tables_of(picture).items()
    )
    final = money(picture.summary["final_value"])
    end = f"<p>Final value: {final} {html.escape(picture.summary['currency'])}</p>"
    return f"{head}{chart}\n{tables}{end}\n</body>\n</html>\n"


def _table(title: str, columns: List[str], rows: List[List[Optional[str]]]) -> str:
    if not rows:
        return f"<h2>{title}</h2>\n<p>none</p>\n"
    kinds: Dict[int, str] = {
        index: ' class="right"' for index, name in enumerate(columns) if name.startswith(">")
    }
    names = "".join(
        f"<th{kinds.get(index, '')}>{html.escape(name.lstrip('>'))}</th>"
        for index, name in enumerate(columns)
    )
    lines = [
        "<tr>"
        + "".join(
            f"<td{kinds.get(index, '')}>{html.escape(cell or '')}</td>"
            for index, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    title = f"{title} ({len(rows)})"
    return (
        f'<h2>{title}</h2>\n<div class="wide"><table>\n<tr>{names}</tr>\n{body}\n</table></div>\n'
    )
