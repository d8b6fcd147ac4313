// The messages of `tailcast.v1` as they are on the wire. What comes in is checked here and nowhere else.
import { TailcastError } from "./errors.js";
import { parse as parseJson } from "./json.js";
export const isText = (value) => typeof value === "string";
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isOffset = (value) => Number.isSafeInteger(value) && value >= 0;
const isNumber = (value) => typeof value === "number";
const isListOf = (check) => (value) => Array.isArray(value) && value.every(check);
const isStart = (value) => isObject(value) && isOffset(value["first_available"]) && isOffset(value["next"]) && isOffset(value["cursor"]);
const areStarts = (value) => isObject(value) && Object.values(value).every(isStart);
const maybe = (check) => (value) => value === undefined || check(value);
const isReading = (value) => isObject(value) && isText(value["reading"]) && maybe(isText)(value["literal"]);
/** What each message has. Members that are not here are not looked at. */
const SHAPES = {
    welcome: {
        session: isText,
        node: isText,
        subscriber: isText,
        epoch: isText,
        heartbeat_ms: maybe(isNumber),
        limits: maybe(isObject),
        requests: maybe(Array.isArray),
    },
    subscribed: { id: isText, epoch: isText, streams: areStarts, filter: maybe(isReading) },
    done: { id: maybe(isText), request: isText },
    lines: { stream: isText, first: isOffset, next: isOffset, lines: isListOf(isObject) },
    live: { stream: isText, next: isOffset },
    gap: { stream: isText, from: isOffset, to: isOffset, reason: isText },
    behind: { id: isText, stream: isText, count: isOffset },
    dropped: { id: isText, streams: isListOf(isText), reason: isText },
    expiring: { expires_at: isText },
    error: {
        code: isText,
        message: isText,
        id: maybe(isText),
        stream: maybe(isText),
        next: maybe(isOffset),
        epoch: maybe(isText),
        position: maybe(isOffset),
        retry_after_ms: maybe(isNumber),
    },
    closing: { code: isNumber, reason: isText, retry_after_ms: maybe(isNumber) },
};
function isKnown(type) {
    return Object.hasOwn(SHAPES, type);
}
/**
 * Reads a message. `undefined` for one of a later version, which is no error. Throws `bad_answer` for what cannot be a
 * message of this protocol: who cannot understand a message must not go on as if nothing had been said.
 */
export function readMessage(text, parse = parseJson) {
    const message = parsed(text, parse);
    if (!isObject(message) || !isText(message["type"]))
        throw bad("a message without a type");
    const type = message["type"];
    if (!isKnown(type))
        return undefined;
    for (const [name, check] of Object.entries(SHAPES[type])) {
        if (!check(message[name]))
            throw bad(`a message of type "${type}" without a good "${name}"`);
    }
    if (type === "gap" && message["to"] < message["from"])
        throw bad("a gap that ends before it begins");
    return message;
}
function parsed(text, parse) {
    if (!isText(text))
        throw bad("a binary message");
    try {
        return parse(text);
    }
    catch {
        throw bad("a message that is no JSON");
    }
}
function bad(what) {
    return new TailcastError("bad_answer", `The server sent ${what}.`);
}
/** A refusal, for whoever asked. */
export function errorOf({ code, message, stream, next, epoch, position }) {
    const details = {
        ...(stream === undefined ? {} : { stream }),
        ...(next === undefined ? {} : { next }),
        ...(epoch === undefined ? {} : { epoch }),
        ...(position === undefined ? {} : { position }),
    };
    return new TailcastError(code, message, details);
}
