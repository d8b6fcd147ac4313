// How many, as people read it.

const FORMAT = new Intl.NumberFormat("en");

/** `12,345`. */
export function figure(number: number): string {
  return FORMAT.format(number);
}

/** `1 line`, `12,345 lines`. */
export function count(number: number, one: string): string {
  return `${figure(number)} ${number === 1 ? one : `${one}s`}`;
}
