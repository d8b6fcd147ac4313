// Lines as they are stored, byte for byte, out of the message or page that carries them. Pure.
//
// Nearly every line is what `JSON.stringify` makes of its values: it needs no text of its own. One that is not (a number written
// `1.50`, members in an order that JavaScript's objects do not keep, an escape) is read again with its numbers as they were
// written, and keeps its text.
import { parse, parseAsWritten } from "./json.js";
const LINES = '"lines":[';
/** What the server puts before the members that are stored. */
const ADDED = /^\{(?:"offset":\d+,)?(?:"undecided":true,)?/;
/** A string, which is passed over, or what opens and closes an object. */
const STRING_OR_BRACE = /"(?:[^"\\]|\\.)*"|[{}]/g;
/**
 * Reads a message or a page. Lines that JavaScript would write otherwise have their text in `source`. Throws a `SyntaxError`.
 */
export function parseWithSources(text) {
    const begin = text.indexOf(LINES);
    if (begin < 0)
        return parse(text);
    const message = JSON.parse(text);
    return Array.isArray(message.lines) && keepSources(message.lines, text, begin + LINES.length) ? message : parseAsWritten(text);
}
/** Answers whether the text is written as expected: lines right behind each other, from `at` on. */
function keepSources(lines, text, at) {
    for (const [i, line] of lines.entries()) {
        const plain = JSON.stringify(line);
        if (text.startsWith(plain, at)) {
            at += plain.length;
        }
        else {
            const end = endOf(text, at);
            if (end === undefined)
                return false;
            lines[i] = withSource(text.slice(at, end));
            at = end;
        }
        if (text[at] !== (i + 1 < lines.length ? "," : "]"))
            return false;
        at += 1;
    }
    return true;
}
function withSource(text) {
    const line = parseAsWritten(text);
    // A copy: a slice would keep all of the message in memory.
    line.source = JSON.parse(JSON.stringify(text.replace(ADDED, "{")));
    return line;
}
/** Where the object ends that begins at `at`. */
function endOf(text, at) {
    if (text[at] !== "{")
        return undefined;
    STRING_OR_BRACE.lastIndex = at;
    let depth = 0;
    for (let found = STRING_OR_BRACE.exec(text); found; found = STRING_OR_BRACE.exec(text)) {
        if (found[0] === "{")
            depth += 1;
        else if (found[0] === "}")
            depth -= 1;
        if (depth === 0)
            return STRING_OR_BRACE.lastIndex;
    }
    return undefined;
}
