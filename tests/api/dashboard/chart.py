"""The frontier chart, read from the page: where its axes have values, and which pixels of its points are drawn."""

from __future__ import annotations

DRAWN_POINTS = """() => {
    const source = document.querySelector('#cloud');
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [source.width, source.height];
    const context = copy.getContext('2d');
    context.drawImage(source, 0, 0);
    const pixels = context.getImageData(0, 0, copy.width, copy.height).data;
    return pixels.filter((value, n) => n % 4 === 3 && value > 0).length;
}"""
"""How many pixels of the points' canvas are not empty."""

AXIS = """(role) => {
    const { from, to, start, end, log } = document.querySelector(`#scatter .axis-${role}`).dataset;
    return { values: [from, to].map(Number), pixels: [start, end].map(Number), log: log !== undefined };
}"""
"""The first and last value of an axis, where they lie in pixels of the chart, and whether the axis is logarithmic."""

PLACE = f"""(values) => ['x', 'y'].map((role, n) => {{
    const {{ values: ends, pixels: [start, end], log }} = ({AXIS})(role);
    const [value, from, to] = [values[n], ...ends].map((one) => (log ? Math.log10(one) : one));
    return start + ((value - from) / (to - from)) * (end - start);
}})"""
"""Where the axes have a pair of values, in pixels of the chart."""

COVERED = """([x, y]) => {
    const source = document.querySelector('#cloud');
    const shown = source.getBoundingClientRect();
    const chart = document.querySelector('#scatter').getBoundingClientRect();
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [source.width, source.height];
    const context = copy.getContext('2d');
    context.drawImage(source, 0, 0);
    const across = ((x + chart.left - shown.left) * source.width) / shown.width;
    const down = ((y + chart.top - shown.top) * source.height) / shown.height;
    return context.getImageData(Math.round(across), Math.round(down), 1, 1).data[3] > 0;
}"""
"""Whether the points' canvas shows a point at a place of the chart, given in pixels."""

LABELS = """(role) => [...document.querySelectorAll(`#scatter .axis-${role} text`)].slice(0, -1).map((label) => {
    const line = label.previousElementSibling;
    return [label.textContent, Number(line.getAttribute(`${role}1`))];
})"""
"""The labels of an axis, each with the place of its grid line in pixels of the chart."""
