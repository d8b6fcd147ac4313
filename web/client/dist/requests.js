// The `subscribe` messages that begin a subscription, or go on with it. Pure.
import { ME, covers, isPattern, personal } from "./names.js";
/** Whether a subscription goes on where another one was. */
export function isCursors(from) {
    return typeof from === "object" && "cursors" in from;
}
/** Where streams begin that have no cursor. */
export function wireFrom(from) {
    if (typeof from === "string")
        return from;
    if (isCursors(from))
        return { cursors: {}, epoch: from.epoch };
    if ("since" in from)
        return { since: from.since instanceof Date ? from.since.toISOString() : from.since };
    return from;
}
/** Kept free for what is around names and cursors. */
const ENVELOPE_BYTES = 256;
/**
 * The messages, none longer than `bytes`; as few as may be. Streams that are known go on at their cursors, the others
 * begin as they were asked to.
 */
export function requests(wanted, subscriber, bytes) {
    const me = personal(subscriber);
    const names = wanted.targets.filter((target) => !isPattern(target)).map((name) => (name === ME ? me : name));
    const patterns = wanted.targets.filter(isPattern);
    const ours = (name) => names.includes(name) || patterns.some((pattern) => covers(pattern, name));
    const known = [...wanted.cursors].filter(([name]) => ours(name));
    const readable = known.filter(([name]) => !wanted.takenAway.has(name));
    const fresh = names.filter((name) => !wanted.cursors.has(name));
    const room = bytes - ENVELOPE_BYTES - bytesOf(wanted.filter);
    const made = [];
    const add = (streams, from, withPatterns) => {
        const { filter, mode } = wanted;
        made.push({
            type: "subscribe",
            streams: withPatterns ? [...patterns, ...streams] : streams,
            from,
            ...(filter === undefined ? {} : { filter }),
            ...(mode === undefined ? {} : { mode }),
            patterns: withPatterns,
        });
    };
    const resume = (some, streams, withPatterns) => add(streams, { cursors: Object.fromEntries(some), epoch: wanted.epoch }, withPatterns);
    if (wanted.begun) {
        const standing = names.filter((name) => wanted.cursors.has(name));
        if (cost(patterns) + cost(standing) + cursorCost(known) <= room) {
            if (standing.length + patterns.length > 0)
                resume(known, standing, true);
        }
        else {
            // Known streams by name, in parts. What a pattern meets beyond them is new, or was taken away before: as many cursors
            // of those as fit.
            for (const part of parts(readable, (one) => cost([one[0]]) + cursorCost([one]), room)) {
                resume(part, part.map(([name]) => name), false);
            }
            const others = known.filter(([name]) => wanted.takenAway.has(name));
            if (patterns.length > 0)
                resume(parts(others, (one) => cursorCost([one]), room - cost(patterns))[0] ?? [], [], true);
        }
    }
    else {
        for (const part of parts(readable, (one) => cost([one[0]]) + cursorCost([one]), room)) {
            resume(part, part.map(([name]) => name), false);
        }
    }
    const patternsToo = !wanted.begun && patterns.length > 0;
    const groups = parts(fresh, (name) => cost([name]), room - (patternsToo ? cost(patterns) : 0));
    if (patternsToo && groups.length === 0)
        groups.push([]);
    groups.forEach((part, i) => add(part, wanted.from, patternsToo && i === 0));
    return made;
}
function bytesOf(filter) {
    return filter === undefined ? 0 : new TextEncoder().encode(JSON.stringify(filter)).length;
}
/** Bytes of names in a list. */
function cost(names) {
    return names.reduce((sum, name) => sum + name.length + 3, 0);
}
/** Bytes of names and offsets in an object. */
function cursorCost(cursors) {
    return cursors.reduce((sum, [name, offset]) => sum + name.length + String(offset).length + 4, 0);
}
/** Cuts a list into runs that cost at most `room` each. */
function parts(list, costOf, room) {
    const made = [];
    let used = room;
    for (const one of list) {
        const more = costOf(one);
        if (used + more > room) {
            made.push([]);
            used = 0;
        }
        made.at(-1)?.push(one);
        used += more;
    }
    return made;
}
