// How a reader moves the window: wheel, touch with momentum, dragging a selection beyond the edge, and what the browser
// brings into view. Keys are told by name in `keys.ts`, the scrollbar is its own.

/** What is moved. */
export interface Movable {
  scrollBy(pixels: number): void;
  readonly measures: { readonly height: number; readonly row: number };
}

/** Speed that is left of a fling after a millisecond. */
const FRICTION = 0.9975;
/** Pixels a millisecond below which a fling is over. */
const STILL = 0.02;
/** How near to an edge, in pixels, a drag scrolls. */
const EDGE = 24;

/** Listens until it is told to end. */
export function listen(window: HTMLElement, list: Movable): () => void {
  const ends = [wheel(window, list), touch(window, list), drag(window, list), focus(window, list)];
  return () => ends.forEach((end) => end());
}

function wheel(window: HTMLElement, list: Movable): () => void {
  const moved = (event: WheelEvent) => {
    // Pinching is told as a wheel with Ctrl.
    if (event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const unit = [1, list.measures.row, list.measures.height][event.deltaMode] ?? 1;
    list.scrollBy(event.deltaY * unit);
  };
  window.addEventListener("wheel", moved, { passive: false });
  return () => window.removeEventListener("wheel", moved);
}

function touch(window: HTMLElement, list: Movable): () => void {
  let last: { y: number; at: number } | undefined;
  let speed = 0;
  let flight: number | undefined;
  const land = () => {
    if (flight !== undefined) cancelAnimationFrame(flight);
    flight = undefined;
  };
  const fling = (before: number) => {
    flight = requestAnimationFrame((now) => {
      const passed = now - before;
      list.scrollBy(speed * passed);
      speed *= FRICTION ** passed;
      if (Math.abs(speed) > STILL) fling(now);
    });
  };
  const start = (event: TouchEvent) => {
    land();
    const [finger] = event.touches;
    last = event.touches.length === 1 && finger ? { y: finger.clientY, at: event.timeStamp } : undefined;
    speed = 0;
  };
  const move = (event: TouchEvent) => {
    const [finger] = event.touches;
    if (!last || !finger || event.touches.length > 1) return;
    if (event.cancelable) event.preventDefault();
    const by = last.y - finger.clientY;
    const passed = Math.max(1, event.timeStamp - last.at);
    speed = 0.6 * (by / passed) + 0.4 * speed;
    last = { y: finger.clientY, at: event.timeStamp };
    list.scrollBy(by);
  };
  const end = (event: TouchEvent) => {
    if (last && event.timeStamp - last.at < 60 && Math.abs(speed) > STILL) fling(performance.now());
    last = undefined;
  };
  const kinds = { touchstart: start, touchmove: move, touchend: end, touchcancel: end } as const;
  for (const [kind, listener] of Object.entries(kinds)) {
    window.addEventListener(kind, listener as EventListener, { passive: kind !== "touchmove" });
  }
  // Whoever presses something else while the lines still move wants to be elsewhere.
  document.addEventListener("pointerdown", land, true);
  document.addEventListener("keydown", land, true);
  return () => {
    land();
    document.removeEventListener("pointerdown", land, true);
    document.removeEventListener("keydown", land, true);
    for (const [kind, listener] of Object.entries(kinds)) window.removeEventListener(kind, listener as EventListener);
  };
}

/** A selection that is dragged to an edge takes the window along. */
function drag(window: HTMLElement, list: Movable): () => void {
  let frame: number | undefined;
  let y = 0;
  const end = () => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    frame = undefined;
  };
  const step = () => {
    const { top, bottom } = window.getBoundingClientRect();
    const over = y < top + EDGE ? y - top - EDGE : y > bottom - EDGE ? y - bottom + EDGE : 0;
    if (over !== 0 && getSelection()?.isCollapsed === false) list.scrollBy(over / 2);
    frame = requestAnimationFrame(step);
  };
  const down = (event: PointerEvent) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    y = event.clientY;
    frame ??= requestAnimationFrame(step);
  };
  const move = (event: PointerEvent) => {
    y = event.clientY;
  };
  window.addEventListener("pointerdown", down);
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
  return () => {
    end();
    window.removeEventListener("pointerdown", down);
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
    document.removeEventListener("pointercancel", end);
  };
}

/** A browser scrolls to what gets the focus, hidden overflow or not: the list moves there instead. */
function focus(window: HTMLElement, list: Movable): () => void {
  const scrolled = () => {
    const by = window.scrollTop;
    if (by === 0) return;
    window.scrollTop = 0;
    list.scrollBy(by);
  };
  window.addEventListener("scroll", scrolled);
  return () => window.removeEventListener("scroll", scrolled);
}
