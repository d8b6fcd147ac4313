// Colours and styles of terminals (ECMA-48's SGR) as values. Pure; knows nothing of the page.

/** One of the theme's sixteen, or red, green and blue from 0 to 255. */
export type Colour = number | readonly [red: number, green: number, blue: number];

/** How a piece of text looks. Concealed text is no style: what a line says is never hidden. */
export interface Style {
  readonly fg?: Colour;
  readonly bg?: Colour;
  readonly bold?: true;
  readonly dim?: true;
  readonly italic?: true;
  readonly underline?: true;
  readonly strike?: true;
  readonly inverse?: true;
}

type Flag = Exclude<keyof Style, "fg" | "bg">;

const ON: Readonly<Record<number, Flag>> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  7: "inverse",
  9: "strike",
  21: "underline",
};

const OFF: Readonly<Record<number, readonly Flag[]>> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  29: ["strike"],
};

/** The style after `ESC [ parameters m`; `undefined` is the plain one. Codes that mean nothing here change nothing. */
export function styled(before: Style | undefined, parameters: string): Style | undefined {
  let style: { -readonly [Name in keyof Style]: Style[Name] } = { ...before };
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i++) {
    const [code = 0, ...rest] = (codes[i] as string).split(":").map(Number);
    const flag = ON[code];
    if (code === 0) style = {};
    else if (flag && rest[0] === 0) delete style[flag];
    else if (flag) style[flag] = true;
    else if (OFF[code]) for (const off of OFF[code]) delete style[off];
    else if (code === 39) delete style.fg;
    else if (code === 49) delete style.bg;
    else if (code === 38 || code === 48 || code === 58) {
      const [colour, used] = rest.length > 0 ? ([colonColour(rest), 0] as const) : semicolonColour(codes, i + 1);
      i += used;
      // 58 colours the underline, which the page does not: its numbers are no codes of their own all the same.
      if (colour !== undefined && code !== 58) style[code === 38 ? "fg" : "bg"] = colour;
    } else if (code >= 30 && code <= 37) style.fg = code - 30;
    else if (code >= 40 && code <= 47) style.bg = code - 40;
    else if (code >= 90 && code <= 97) style.fg = code - 90 + 8;
    else if (code >= 100 && code <= 107) style.bg = code - 100 + 8;
  }
  return Object.keys(style).length > 0 ? style : undefined;
}

/** `5:n`, `2:r:g:b`, or `2:space:r:g:b`. */
function colonColour([kind, ...numbers]: readonly number[]): Colour | undefined {
  if (kind === 5) return indexed(numbers[0]);
  return kind === 2 ? direct(numbers.length > 3 ? numbers.slice(1) : numbers) : undefined;
}

/** The colour that the codes from `at` on say, and how many of them say it. */
function semicolonColour(codes: readonly string[], at: number): readonly [Colour | undefined, number] {
  const kind = Number(codes[at]);
  if (kind === 5) return [indexed(Number(codes[at + 1])), 2];
  if (kind === 2) return [direct(codes.slice(at + 1, at + 4).map(Number)), 4];
  return [undefined, 1];
}

const isByte = (number: number | undefined): number is number =>
  number !== undefined && Number.isInteger(number) && number >= 0 && number <= 255;

function direct([red, green, blue]: readonly number[]): Colour | undefined {
  return isByte(red) && isByte(green) && isByte(blue) ? [red, green, blue] : undefined;
}

/** The 256: the sixteen, a cube of 6 × 6 × 6, and 24 greys. */
function indexed(index: number | undefined): Colour | undefined {
  if (!isByte(index)) return undefined;
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return [grey, grey, grey];
  }
  const step = (size: number): number => {
    const steps = Math.floor((index - 16) / size) % 6;
    return steps === 0 ? 0 : 55 + steps * 40;
  };
  return [step(36), step(6), step(1)];
}
