// The stylesheet's colours, for drawings on a canvas.

const probe = document.createElement("span");
probe.hidden = true;
document.documentElement.append(probe);

/** The colour that a custom property has in the present light or dark scheme, as `rgb(...)`. */
export function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** Call back when the system changes between light and dark. */
export function onThemeChange(listener) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener);
}
