// Paints the chart: bars stacked by level, what is not counted hatched, and what the reader sees of it. Knows nothing of
// where the counts come from; colours are handed in.

import { BANDS, type Bins } from "./histogram.ts";
import { countText, countTicks, pixelOf, type Tick, type TimeRange } from "./scale.ts";

export interface Colours {
  /** By band, as in `BANDS`. */
  readonly bands: readonly string[];
  readonly text: string;
  readonly line: string;
  readonly accent: string;
  /** What the chart stands on. */
  readonly ground: string;
}

export interface Picture {
  readonly bins: Bins;
  readonly range: TimeRange;
  readonly ticks: readonly Tick[];
  /** The lines on the screen. */
  readonly visible: TimeRange | undefined;
  /** Where the pointer is. */
  readonly hover: number | undefined;
  /** Later is the future, and not missing. */
  readonly now: number;
  readonly colours: Colours;
  readonly font: string;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Device pixels to a CSS pixel. */
  readonly ratio: number;
}

/** Below the bars, for the times. */
const AXIS = 15;
/** Above the fullest bar: the choice of spans stands there, and nothing is drawn beneath it. */
const HEAD = 17;
const HATCH = 6;
const LEAST_BAR = 2;
/** So narrow a band can still be seen. */
const LEAST_BAND = 3;

type Context = CanvasRenderingContext2D;

export function draw(context: Context, picture: Picture): void {
  const { width, height, ratio } = picture;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  drawHatches(context, picture);
  drawGrid(context, picture);
  drawBars(context, picture);
  drawCounts(context, picture);
  drawVisible(context, picture);
  drawTimes(context, picture);
}

/** Stretches of bins that are not known, in pixels. */
export function unknownStretches({ bins, range, width, now }: Pick<Picture, "bins" | "range" | "width" | "now">): [number, number][] {
  const stretches: [number, number][] = [];
  const end = Math.min(width, pixelOf(now, range, width));
  for (const [bin, known] of bins.known.entries()) {
    if (known) continue;
    const from = Math.max(0, pixelOf(bins.from + bin * bins.width, range, width));
    const to = Math.min(end, pixelOf(bins.from + (bin + 1) * bins.width, range, width));
    const last = stretches.at(-1);
    if (to <= from) continue;
    if (last && Math.abs(last[1] - from) < 0.01) last[1] = to;
    else stretches.push([from, to]);
  }
  return stretches;
}

function drawHatches(context: Context, picture: Picture): void {
  const bottom = picture.height - AXIS;
  context.strokeStyle = picture.colours.line;
  context.lineWidth = 1;
  for (const [from, to] of unknownStretches(picture)) {
    context.save();
    context.beginPath();
    context.rect(from, HEAD, to - from, bottom - HEAD);
    context.clip();
    context.beginPath();
    // Lines keep their place when the stretch grows.
    for (let x = Math.floor((from - bottom) / HATCH) * HATCH; x < to; x += HATCH) {
      context.moveTo(x, bottom);
      context.lineTo(x + bottom, 0);
    }
    context.stroke();
    context.restore();
  }
}

function drawGrid(context: Context, picture: Picture): void {
  context.fillStyle = picture.colours.line;
  for (const { y } of gridLines(picture)) context.fillRect(0, y, picture.width, 0.5);
}

/** Over the bars, which may be as tall as the chart, and outlined so that they can be read there. */
function drawCounts(context: Context, picture: Picture): void {
  context.font = picture.font;
  context.textBaseline = "top";
  context.textAlign = "right";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = picture.colours.ground;
  context.fillStyle = picture.colours.text;
  for (const { count, y } of gridLines(picture)) {
    context.strokeText(countText(count), picture.width - 3, y + 1);
    context.fillText(countText(count), picture.width - 3, y + 1);
  }
}

function gridLines({ bins, height }: Picture): { readonly count: number; readonly y: number }[] {
  const bottom = height - AXIS;
  const at = (count: number) => Math.round(bottom - (count / bins.most) * (bottom - HEAD)) + 0.5;
  return countTicks(bins.most, 2).map((count) => ({ count, y: at(count) }));
}

function drawBars(context: Context, { bins, range, colours, width, height, ratio }: Picture): void {
  if (bins.most === 0) return;
  const bottom = height - AXIS;
  const snap = (x: number) => Math.round(x * ratio) / ratio;
  const unit = (bottom - HEAD) / bins.most;
  for (let bin = 0; bin < bins.known.length; bin += 1) {
    const left = Math.max(0, snap(pixelOf(bins.from + bin * bins.width, range, width)));
    const right = Math.min(width, snap(pixelOf(bins.from + (bin + 1) * bins.width, range, width)));
    const gap = right - left > 3 ? 1 : 0;
    let y = bottom;
    for (const band of BANDS.keys()) {
      const count = bins.counts[band]?.[bin] ?? 0;
      if (count === 0) continue;
      const tall = Math.max(1, count * unit);
      context.fillStyle = colours.bands[band] ?? colours.text;
      // Of the first and the last one only an edge may be within the range.
      const wide = Math.max(LEAST_BAR, right - left - gap);
      context.fillRect(Math.min(left, width - wide), y - tall, wide, tall);
      y -= tall;
    }
  }
}

function drawVisible(context: Context, { visible, hover, range, colours, width, height }: Picture): void {
  const bottom = height - AXIS;
  if (visible) {
    const left = Math.max(0, pixelOf(visible.from, range, width));
    const right = Math.min(width, Math.max(left + LEAST_BAND, pixelOf(visible.to, range, width)));
    if (right > 0 && left < width) {
      context.fillStyle = colours.accent;
      context.globalAlpha = 0.16;
      context.fillRect(left, HEAD, right - left, bottom - HEAD);
      context.globalAlpha = 1;
      context.fillRect(left, bottom, right - left, 2);
    }
  }
  if (hover === undefined) return;
  context.fillStyle = colours.text;
  context.fillRect(Math.round(pixelOf(hover, range, width)), HEAD, 1, bottom - HEAD);
}

function drawTimes(context: Context, { ticks, range, colours, font, width, height }: Picture): void {
  context.font = font;
  context.textBaseline = "bottom";
  context.textAlign = "left";
  for (const { at, text } of ticks) {
    const x = Math.round(pixelOf(at, range, width));
    context.fillStyle = colours.line;
    context.fillRect(x, height - AXIS, 1, AXIS);
    context.fillStyle = colours.text;
    // One that would be cut off at the edge says nothing.
    if (x + 4 + context.measureText(text).width <= width) context.fillText(text, x + 4, height - 1);
  }
}
