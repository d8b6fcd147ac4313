// Names and patterns of streams (docs/protocol.md, "Words"). Pure. The server decides what they mean; a client looks into
// them only to tell which cursors a subscription has to do with.
/** Stands for the token's own personal stream. */
export const ME = "@me";
export function isPattern(target) {
    return target.includes("*");
}
/** The personal stream of a subscriber. */
export function personal(subscriber) {
    let name = "@";
    for (const byte of new TextEncoder().encode(subscriber)) {
        const character = String.fromCharCode(byte);
        name += /[A-Za-z0-9._-]/.test(character) ? character : `~${byte.toString(16).padStart(2, "0")}`;
    }
    return name;
}
/** Whether a pattern (or a name, its own) covers a name: `*` is one segment, `**` any number of them, `@*` every personal stream. */
export function covers(pattern, name) {
    if (name.startsWith("@") || pattern.startsWith("@"))
        return pattern === "@*" && name.startsWith("@");
    const wanted = pattern.split("/");
    const segments = name.split("/");
    let [at, to] = [0, 0];
    // Where to go on when a later segment does not fit: the last `**` takes one segment more.
    let [star, starTo] = [-1, 0];
    while (to < segments.length) {
        if (wanted[at] === "**") {
            [star, starTo] = [at, to];
            at += 1;
        }
        else if (wanted[at] === "*" || wanted[at] === segments[to]) {
            at += 1;
            to += 1;
        }
        else if (star >= 0) {
            starTo += 1;
            [at, to] = [star + 1, starTo];
        }
        else {
            return false;
        }
    }
    while (wanted[at] === "**")
        at += 1;
    return at === wanted.length;
}
