// A chart as a PNG.

import { el } from "../parts/dom.js";

const DENSITY = 2; // pixels of the picture for one of the page

// What stylesheets say of the marks; a drawing outside the page has no stylesheet.
const STYLES = [
  "display",
  "fill",
  "fill-opacity",
  "font-family",
  "font-size",
  "opacity",
  "paint-order",
  "shape-rendering",
  "stroke",
  "stroke-linejoin",
  "stroke-width",
  "text-anchor",
];

/**
 * A PNG data URL of layers that lie over each other.
 * @param {(SVGSVGElement|HTMLCanvasElement)[]} layers as they are on the page
 * @param {{width: number, height: number}} size in CSS pixels
 * @param {string} paper colour behind all layers
 */
export async function picture(layers, { width, height }, paper) {
  const canvas = el("canvas", { width: DENSITY * width, height: DENSITY * height });
  const context = canvas.getContext("2d");
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const layer of layers) {
    const image = layer instanceof SVGElement ? await imageOf(layer, width, height) : layer;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
  }
  return canvas.toDataURL("image/png");
}

async function imageOf(layer, width, height) {
  const copy = layer.cloneNode(true);
  const originals = layer.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, n) => {
    const style = getComputedStyle(originals[n]);
    for (const name of STYLES) element.setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}
