// Functions that build elements. Text from data only becomes text nodes, so no name or genome can act as markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an HTML element.
 * @param {string} tag
 * @param {Object<string, unknown>} [attributes] `on` holds event listeners by name; `style` holds declarations, which the
 *   content policy would forbid in an attribute; `true` sets a bare attribute; `null`, `undefined` and `false` leave it
 *   out; anything else becomes its text.
 * @param {...(Node|string|number|null|undefined|Array)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element from the same arguments as `el`. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, { on = {}, style = "", ...attributes }, children) {
  if (style) element.style.cssText = style;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...kept(children));
  return element;
}

function kept(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** An element whose content may be wider than it is, and that the keyboard can scroll. The label says what it holds. */
export function scroller(label, ...children) {
  return el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, ...children);
}

/** The element of this id; it exists in every page whose modules ask for it. */
export function byId(id) {
  return document.getElementById(id);
}

/** Show an error at the top of the page; null removes it. */
export function showError(error) {
  put(byId("fault"), error && el("p", { class: "failure" }, error.message));
}

/** Replace the children of an element. */
export function put(element, ...children) {
  element.replaceChildren(...kept(children));
  element.removeAttribute("aria-busy");
  return element;
}
