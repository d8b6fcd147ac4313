// Characters that would be invisible or move others, and the signs that stand for them. Pure.

/**
 * Controls, everything that Unicode calls ignorable when it cannot be drawn (bidirectional and zero-width characters,
 * soft hyphens, fillers, tags, the variation selectors of the supplement), the two separators, halves of a pair.
 * Not the tab, nor the sixteen variation selectors, which make an emoji an emoji.
 */
export const INVISIBLE = "(?![\\ufe00-\\ufe0f])[\\0-\\x08\\n-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufff9-\\ufffb\\p{DI}\\p{Cs}]";

/** The characters below U+0020 by their short names; fonts often lack their pictures. */
const NAMES =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(" ");

/** What stands for an invisible character: `ESC`, `DEL`, `U+202E`. */
export function signOf(character: string): string {
  const code = character.codePointAt(0) as number;
  if (code === 0x7f) return "DEL";
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

const EACH_INVISIBLE = new RegExp(INVISIBLE, "gu");
const MARKS_BEYOND = /(\p{M}{8})(\p{M}+)/gu;

/** In every font: with signs that are drawn from another one, a browser lays out some 100 kB for seconds. */
const PLACEHOLDER = "¤";

/** The same text with a `¤` for each UTF-16 unit that would not be seen: as long as before, and cheap to draw. */
export function plainly(text: string): string {
  return text
    .replace(EACH_INVISIBLE, (character) => PLACEHOLDER.repeat(character.length))
    .replace(MARKS_BEYOND, (_, kept: string, beyond: string) => kept + PLACEHOLDER.repeat(beyond.length));
}
