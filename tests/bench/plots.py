"""A curve as SVG: few points, the median of each and its range."""

import html
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 80, 36, 40, 56
POINT = 4
STEPS = 5
INK, GRID, CURVE = "#333333", "#dddddd", "#0b6e4f"


def text(x, y, what, anchor="middle"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="13"'
            f' fill="{INK}">{html.escape(what)}</text>')


def line(x1, y1, x2, y2, colour, width=1.0):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
            f' stroke-width="{width}"/>')


def nice(most):
    """A round number that is not below it."""
    unit = 10 ** math.floor(math.log10(most))
    return next(unit * step for step in (1, 2, 2.5, 5, 10) if unit * step >= most)


def curve(title, below, points):
    """points: (label, Figure), evenly spaced from left to right."""
    top = nice(max(figure.span[1] for _, figure in points))
    across = (WIDTH - LEFT - RIGHT) / max(1, len(points) - 1)
    height = HEIGHT - TOP - BOTTOM
    at_x = [LEFT + number * across for number in range(len(points))]

    def at_y(value):
        return TOP + height * (1 - value / top)
    drawn = [text(WIDTH / 2, 22, title), text(WIDTH / 2, HEIGHT - 10, below)]
    for step in range(STEPS + 1):
        value = top * step / STEPS
        drawn += [line(LEFT, at_y(value), WIDTH - RIGHT, at_y(value), GRID),
                  text(LEFT - 8, at_y(value) + 4, f"{value:,.0f}", "end")]
    path = " ".join(f"{x:.1f},{at_y(figure.median):.1f}"
                    for x, (_, figure) in zip(at_x, points))
    drawn.append(f'<polyline points="{path}" fill="none" stroke="{CURVE}" stroke-width="2"/>')
    for x, (label, figure) in zip(at_x, points):
        low, high = figure.span
        drawn += [line(x, at_y(low), x, at_y(high), CURVE, 1.5),
                  f'<circle cx="{x:.1f}" cy="{at_y(figure.median):.1f}" r="{POINT}"'
                  f' fill="{CURVE}"/>',
                  text(x, HEIGHT - BOTTOM + 20, label)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' font-family="sans-serif"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
            + "\n".join(drawn) + "\n</svg>\n")
