// Drawing only what is in view.

/**
 * A function that has an element drawn: at once while it is in view, or else as soon as it comes into view.
 * @param {HTMLElement} place
 * @param {() => void} draw
 */
export function whenSeen(place, draw) {
  let seen = false;
  let stale = false;
  function run() {
    if (!seen || !stale) return;
    stale = false;
    draw();
  }
  new IntersectionObserver((entries) => {
    seen = entries.at(-1).isIntersecting;
    run();
  }).observe(place);
  return () => {
    stale = true;
    run();
  };
}
