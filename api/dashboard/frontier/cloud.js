// Many points on a canvas, drawn by WebGL if the browser has it and by 2D canvas calls otherwise.

import { nextTask } from "../parts/events.js";

const VERTEX = `
attribute vec2 place;
attribute vec4 hue;
attribute float size;
attribute float shape;
uniform vec2 extent;
uniform float density;
varying vec4 v_hue;
varying float v_shape;
varying float v_size;
void main() {
  gl_Position = vec4(place.x / extent.x * 2.0 - 1.0, 1.0 - place.y / extent.y * 2.0, 0.0, 1.0);
  gl_PointSize = size * density;
  v_hue = hue;
  v_shape = shape;
  v_size = max(1.0, size * density);
}`;

const FRAGMENT = `
precision mediump float;
varying vec4 v_hue;
varying float v_shape;
varying float v_size;
void main() {
  vec2 at = (gl_PointCoord - 0.5) * v_size;
  float radius = v_size * 0.5 - 1.0;
  float away = length(at);
  float disc = clamp(radius - away + 0.5, 0.0, 1.0);
  float ring = clamp(1.5 - abs(away - radius + 1.5), 0.0, 1.0);
  float stroke = min(abs(at.x - at.y), abs(at.x + at.y)) * 0.7071;
  float cross = clamp(1.6 - stroke, 0.0, 1.0) * step(max(abs(at.x), abs(at.y)), radius * 0.75);
  float cover = v_shape < 0.5 ? disc : (v_shape < 1.5 ? ring : cross);
  gl_FragColor = vec4(v_hue.rgb, 1.0) * v_hue.a * cover;
}`;

const ATTRIBUTES = { place: 2, hue: 4, size: 1, shape: 1 };
const PIECE = 20_000; // dots that are drawn at once; the page answers to a person between two pieces

/** The shapes a point can have. */
export const SHAPE = { disc: 0, ring: 1, cross: 2 };

/**
 * Points to draw, in columns: `place` in CSS pixels, `hue` as bytes with alpha, `size` in CSS pixels (0 hides).
 * @typedef {{count: number, place: Float32Array, hue: Uint8Array, size: Float32Array, shape: Float32Array}} Dots
 */

/** A canvas that draws dots. It keeps its size on the page until the next drawing, so that no dot moves between. */
export class Cloud {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    this.turn = 0;
    if (this.gl) this.#prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#prepare();
      if (this.dots) this.draw(this.dots, this.size);
    });
  }

  /**
   * Draw these dots and nothing else. Up to 20,000 are seen at once, more when all are drawn. A drawing that is not yet
   * seen is given up for a later one.
   * @param {Dots} dots
   * @param {{width: number, height: number}} size of the canvas in CSS pixels
   */
  async draw(dots, size) {
    this.dots = dots;
    this.size = size;
    const density = window.devicePixelRatio || 1;
    if (this.gl) return this.#drawInPieces(dots, size, density);
    this.#resize(size, density);
    return drawPlainly(this.canvas.getContext("2d"), dots, density);
  }

  #resize({ width, height }, density) {
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
  }

  #prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.program = program;
    this.behind = gl.createFramebuffer();
    this.pixels = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.pixels);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.behind);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, this.pixels);
    this.buffers = Object.fromEntries(Object.keys(ATTRIBUTES).map((name) => [name, gl.createBuffer()]));
  }

  /** Draw behind the canvas, piece after piece as the graphics card is done with them, then show all. */
  async #drawInPieces(dots, size, density) {
    const { gl } = this;
    const turn = (this.turn += 1);
    const [width, height] = [size.width, size.height].map((length) => Math.round(length * density));
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.behind);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA8, width, height);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(gl.getUniformLocation(this.program, "extent"), size.width, size.height);
    gl.uniform1f(gl.getUniformLocation(this.program, "density"), density);
    for (const [name, components] of Object.entries(ATTRIBUTES)) this.#upload(name, components, dots[name]);
    for (let first = 0; first < dots.count; first += PIECE) {
      if (first > 0) await idle(gl);
      if (turn !== this.turn) return;
      gl.drawArrays(gl.POINTS, first, Math.min(PIECE, dots.count - first));
    }
    this.#resize(size, density);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }

  #upload(name, components, values) {
    const { gl } = this;
    const at = gl.getAttribLocation(this.program, name);
    const bytes = name === "hue";
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, components, bytes ? gl.UNSIGNED_BYTE : gl.FLOAT, bytes, 0, 0);
  }
}

/** Wait until the graphics card has done what it was told. */
async function idle(gl) {
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  do await nextTask();
  while (gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED);
  gl.deleteSync(fence);
}

function drawPlainly(context, { count, place, hue, size, shape }, density) {
  context.scale(density, density);
  context.lineWidth = 1.75;
  for (let n = 0; n < count; n += 1) {
    if (size[n] === 0) continue;
    const [x, y, radius] = [place[2 * n], place[2 * n + 1], size[n] / 2 - 0.5];
    const [red, green, blue, alpha] = hue.subarray(4 * n, 4 * n + 4);
    context.fillStyle = context.strokeStyle = `rgb(${red} ${green} ${blue} / ${alpha / 255})`;
    context.beginPath();
    if (shape[n] === SHAPE.cross) {
      const arm = radius * 0.75;
      context.moveTo(x - arm, y - arm);
      context.lineTo(x + arm, y + arm);
      context.moveTo(x - arm, y + arm);
      context.lineTo(x + arm, y - arm);
    } else context.arc(x, y, radius, 0, 2 * Math.PI);
    if (shape[n] === SHAPE.disc) context.fill();
    else context.stroke();
  }
}
