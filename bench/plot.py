"""The plot of growth from mesh to mesh, as SVG: CPU, wall time and memory over endpoints."""

import math
from xml.sax.saxutils import escape

import mesh
import table

# Name, colour by day, colour by night, dashes, and the shape of its points.
SERIES = {
    "unchanged": ("nightjar run, unchanged pass", "#1f63d0", "#7db0ff", "", "circle"),
    "first": ("nightjar once, first pass", "#1f63d0", "#7db0ff", "5 3", "square"),
    "plan": ("nightjar-plan", "#8a3fbf", "#cf9cff", "", "diamond"),
    "go": ("Go, while it runs", "#c4610a", "#ffab5c", "", "triangle"),
    "python": ("boto3 and pystache, one process", "#16804a", "#63d69b", "", "square"),
    "limit": ("limit: its requests (CPU: and parsing)", "#6b6f76", "#a3a8b0", "2 3", "circle"),
}
# Title, and what each series shows: keys of figures that are added, and what they are times.
PANELS = (
    ("CPU of a pass, ms", 1000, {
        "unchanged": ("cpu",), "first": ("first_cpu",), "go": ("go_cpu",),
        "python": ("python_cpu",), "limit": ("limit_cpu", "limit_parse")}),
    ("wall time of a pass, ms", 1000, {
        "unchanged": ("wall",), "first": ("first_wall",), "go": ("go_wall",),
        "python": ("python_wall",), "limit": ("limit_wall",)}),
    ("memory, MiB", 1, {
        "unchanged": ("resident",), "plan": ("plan_peak",), "go": ("go_resident",),
        "python": ("python_peak",)}),
)
WIDTH, HEIGHT, LEFT, TOP, GAP = 270, 250, 52, 44, 62
FONT = "font-family='system-ui, sans-serif'"


def style():
    """Colours for a light and for a dark page."""
    light = "".join(f".{key}{{stroke:{one[1]};fill:{one[1]}}}" for key, one in SERIES.items())
    dark = "".join(f".{key}{{stroke:{one[2]};fill:{one[2]}}}" for key, one in SERIES.items())
    return ("<style>.page{fill:#fff}.text{fill:#24292f}.quiet{fill:#57606a}"
            ".grid{stroke:#d0d7de}.line{fill:none;stroke-width:2}" + light +
            "@media(prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#e6edf3}"
            ".quiet{fill:#9da7b3}.grid{stroke:#30363d}" + dark + "}"
            ".line{fill:none}</style>")


def text(x, y, words, kind="text", anchor="middle", size=12):
    return (f"<text x='{x:.1f}' y='{y:.1f}' class='{kind}' {FONT} font-size='{size}' "
            f"text-anchor='{anchor}'>{escape(words)}</text>")


def point(key, x, y):
    """The mark of a series: shapes differ too, for those to whom colours do not."""
    shape = SERIES[key][4]
    if shape == "circle":
        return f"<circle class='{key}' cx='{x:.1f}' cy='{y:.1f}' r='3.5'/>"
    corners = {"square": ((-3, -3), (3, -3), (3, 3), (-3, 3)),
               "diamond": ((0, -4.5), (4.5, 0), (0, 4.5), (-4.5, 0)),
               "triangle": ((0, -4.5), (4.2, 3.5), (-4.2, 3.5))}[shape]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f"<polygon class='{key}' points='{path}'/>"


def line(key, points):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f" stroke-dasharray='{SERIES[key][3]}'" if SERIES[key][3] else ""
    return f"<polyline class='{key} line' points='{path}'{dashes}/>"


class Axis:
    """A logarithmic axis from a power of ten to another one, or to `margin` behind its values."""

    def __init__(self, values, start, length, margin=None):
        most = math.log10(max(values))
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(most)) if margin is None else most + margin
        self.start, self.length = start, length

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * self.length

    def ticks(self):
        return [10 ** power for power in range(self.low, math.floor(self.high) + 1)]


def values_of(result, names, keys, times):
    """[(endpoints, value)] of one series where all of its figures are known and above nought."""
    found = []
    for name in names:
        parts = [result.get(name, key) for key in keys]
        if all(parts):
            found.append((mesh.endpoints(name), sum(parts) * times))
    return found


def panel(result, names, left, title, times, shown):
    lines = {key: values_of(result, names, keys, times) for key, keys in shown.items()}
    lines = {key: points for key, points in lines.items() if points}
    bottom = TOP + HEIGHT
    across = Axis([mesh.endpoints(name) for name in names], left, WIDTH, 0.15)
    up = Axis([value for points in lines.values() for _, value in points], bottom, -HEIGHT)
    parts = [text(left + WIDTH / 2, TOP - 14, title, size=13)]
    for tick in up.ticks():
        y = up.place(tick)
        parts.append(f"<path class='grid' d='M{left} {y:.1f}h{WIDTH}'/>")
        parts.append(text(left - 6, y + 4, f"{tick:,g}", "quiet", "end", 11))
    for tick in across.ticks():
        x = across.place(tick)
        parts.append(f"<path class='grid' d='M{x:.1f} {TOP}v{HEIGHT}'/>")
    for name in names:
        x = across.place(mesh.endpoints(name))
        parts.append(text(x, bottom + 17, f"{name}: {mesh.endpoints(name):,}", "quiet", size=11))
    parts.append(text(left + WIDTH / 2, bottom + 36, "endpoints", "quiet", size=11))
    for key, points in lines.items():
        placed = [(across.place(x), up.place(y)) for x, y in points]
        parts.append(line(key, placed))
        for (x, y), (_, value) in zip(placed, points):
            parts.append(f"<g><title>{escape(SERIES[key][0])}: {table.number(value)}</title>"
                         + point(key, x, y) + "</g>")
    return "".join(parts)


def legend(width, y):
    parts, column = [], width / 3
    for position, (key, one) in enumerate(SERIES.items()):
        x, below = 30 + column * (position % 3), y + 20 * (position // 3)
        parts += [line(key, [(x, below), (x + 28, below)]), point(key, x + 14, below),
                  text(x + 36, below + 4, one[0], anchor="start")]
    return "".join(parts)


def growth(medians, names):
    """The whole picture."""
    result = table.Result(medians)
    width = LEFT + len(PANELS) * (WIDTH + GAP) - GAP + 20
    height = TOP + HEIGHT + 104
    parts = [panel(result, names, LEFT + number * (WIDTH + GAP), *one)
             for number, one in enumerate(PANELS)]
    return (f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
            f"width='{width}' height='{height}' role='img' "
            "aria-label='CPU, wall time and memory of a pass over the number of endpoints'>"
            + style() + f"<rect class='page' width='{width}' height='{height}'/>"
            + "".join(parts) + legend(width, TOP + HEIGHT + 62) + "</svg>\n")
