"""A condition for a browser to wait for."""

DRAWN = """() => {
  const busy = document.querySelector("[aria-busy]");
  busy?.scrollIntoView(); // some parts are drawn when they are seen
  return !busy;
}"""
"""Whether every part of a page has been seen and drawn."""
