/// <reference lib="dom" />
import type { Area } from "../svg/drawing.ts";
import type { TimeView } from "./view.ts";

/** A plot that gestures move and zoom. */
export interface GestureTarget {
  readonly element: HTMLElement;
  /** Where its values are, in pixels of the element. */
  readonly area: Area;
  readonly view: TimeView;
  /** Shows what is selected while the pointer is dragged: shares of the width; nothing once it is let go. */
  select(from?: number, to?: number): void;
  /** Follows the pointer: pixels of the element; nothing once it has left. */
  point(x?: number, y?: number): void;
  /** Gets a click or a tap. */
  click(event: PointerEvent): void;
}

/** A drag that is shorter, in pixels, is a click. */
const MIN_DRAG = 4;
const ZOOM_STEP = 0.5;
const PAN_STEP = 0.25;

/**
 * Has a plot follow the pointer, fingers, the wheel and the keyboard.
 *
 * Dragging selects what is zoomed to; a double click shows everything. One finger moves sideways and scrolls the page
 * up and down, two fingers zoom. The wheel zooms in the plot that has the focus, and elsewhere with Ctrl, as a pinch on
 * a touchpad does; else it scrolls the page. Keys: + - arrows Escape.
 */
export function listenToGestures(target: GestureTarget): void {
  const { element, view } = target;
  listenToPointers(target);
  element.addEventListener("wheel", (event) => {
    const { deltaX, deltaY, ctrlKey } = event;
    if (Math.abs(deltaX) > Math.abs(deltaY)) {
      if (!view.zoomed) return;
      event.preventDefault();
      return view.pan(deltaX / target.area.width);
    }
    if (!ctrlKey && document.activeElement !== element) return;
    event.preventDefault();
    // Touchpads send many small steps, wheels few large ones.
    const factor = Math.exp(Math.max(-0.5, Math.min(0.5, deltaY * (ctrlKey ? 0.01 : 0.002))));
    view.zoom(factor, timeAt(target, placeIn(element, event).x));
  }, { passive: false });
  element.addEventListener("dblclick", () => view.reset());
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !onKey(view, event.key)) return;
    event.preventDefault();
  });
}

/** @returns whether the key means something */
function onKey(view: TimeView, key: string): boolean {
  switch (key) {
    case "+":
    case "=":
    case "ArrowUp":
      view.zoom(ZOOM_STEP);
      return true;
    case "-":
    case "ArrowDown":
      view.zoom(1 / ZOOM_STEP);
      return true;
    case "ArrowLeft":
      view.pan(-PAN_STEP);
      return true;
    case "ArrowRight":
      view.pan(PAN_STEP);
      return true;
    case "Escape":
      view.reset();
      return true;
    default:
      return false;
  }
}

function listenToPointers(target: GestureTarget): void {
  const { element, view } = target;
  const share = (x: number) => Math.max(0, Math.min(1, (x - target.area.left) / target.area.width));
  const fingers = new Map<number, number>();
  let start: number | undefined;
  let dragged = false;

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = placeIn(element, event).x;
    dragged = false;
    if (event.pointerType === "touch") fingers.set(event.pointerId, start);
  });
  element.addEventListener("pointermove", (event) => {
    const { x, y } = placeIn(element, event);
    target.point(x, y);
    if (start === undefined) return;
    if (!dragged && Math.abs(x - start) < MIN_DRAG) return;
    // From here on the pointer may leave the plot. Earlier, what is clicked would not be known.
    if (!dragged) element.setPointerCapture(event.pointerId);
    dragged = true;
    const last = fingers.get(event.pointerId);
    if (last === undefined) target.select(share(start), share(x));
    else moveFinger(target, fingers, event.pointerId, last, x);
  });
  const end = (event: PointerEvent) => {
    const from = start, isFinger = fingers.delete(event.pointerId);
    start = undefined;
    target.select();
    if (from === undefined || event.type === "pointercancel") return;
    if (!dragged) return target.click(event);
    if (isFinger) return;
    const [a, b] = [share(from), share(placeIn(element, event).x)].sort((a, b) => a - b);
    const { min, max } = view.shown;
    view.show(min + a * (max - min), min + b * (max - min));
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
  element.addEventListener("pointerleave", () => target.point());
}

/** One finger moves what is shown, two of them stretch it. */
function moveFinger(target: GestureTarget, fingers: Map<number, number>, id: number, last: number, x: number): void {
  const { view, area } = target;
  const [other] = [...fingers].filter(([finger]) => finger !== id);
  fingers.set(id, x);
  if (other === undefined) return view.pan((last - x) / area.width);
  const before = Math.abs(last - other[1]), now = Math.abs(x - other[1]);
  if (before > 0 && now > 0) view.zoom(before / now, timeAt(target, other[1]));
}

/** Where an event is, in pixels of an element. */
function placeIn(element: HTMLElement, { clientX, clientY }: MouseEvent): { readonly x: number; readonly y: number } {
  const { left, top } = element.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

function timeAt({ view: { shown: { min, max } }, area }: GestureTarget, x: number): number {
  return min + Math.max(0, Math.min(1, (x - area.left) / area.width)) * (max - min);
}
