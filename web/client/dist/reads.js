// The reads over HTTP (docs/http.md): which streams there are, lines that are kept, and how many there are of them.
import { TailcastError, words } from "./errors.js";
import { parse as parseJson } from "./json.js";
import { isObject, isOffset, isText } from "./messages.js";
/** For any read. */
const ANSWER_MS = 15_000;
export class Reads {
    #base;
    #tokens;
    #parse;
    /** @param base the server's address, ending in a slash. @param parse reads the JSON of an answer. */
    constructor(base, tokens, parse = parseJson) {
        this.#base = base;
        this.#tokens = tokens;
        this.#parse = parse;
    }
    async streams(match, options) {
        const answer = await this.#read("v1/streams", match === undefined ? {} : { match }, options);
        const streams = answer["streams"];
        if (!Array.isArray(streams))
            throw strange({ status: 200 });
        return streams.filter(isObject).map(streamInfo);
    }
    async lines(stream, range, options) {
        const answer = await this.#read("v1/lines", { stream, ...written(range) }, options);
        const { first_available: firstAvailable, from, next, lines, damaged = [] } = answer;
        const sound = [firstAvailable, from, next].every(isOffset) && Array.isArray(lines) && Array.isArray(damaged);
        if (!sound || !damaged.every(isStretch))
            throw strange({ status: 200 });
        const lost = damaged.map(({ from, to }) => ({ from, to }));
        return { stream, firstAvailable, from, next, lines, ...(lost.length > 0 ? { damaged: lost } : {}) };
    }
    async counts({ signal, ...asked }) {
        const answer = await this.#read("v1/counts", written(asked), signal ? { signal } : {});
        const { first_available: firstAvailable, from, next, width, buckets } = answer;
        const sound = [firstAvailable, from, next, width].every(isOffset) && Array.isArray(buckets) && buckets.every(isBucket);
        if (!sound)
            throw strange({ status: 200 });
        return { stream: asked.stream, firstAvailable, from, next, width, buckets };
    }
    /** Whether the server takes this token, as far as it can be asked: throws what it answers. */
    async probe(token) {
        // No stream is called so, and the answer is short.
        await this.#ask(this.#address("v1/streams", { match: "-" }), token);
    }
    async #read(path, query, { signal }) {
        const address = this.#address(path, query);
        const token = await unlessAborted(this.#tokens.get(), signal);
        try {
            return await this.#ask(address, token, signal);
        }
        catch (error) {
            const refused = error instanceof TailcastError && error.details.status === 401;
            if (!refused || !this.#tokens.renewable)
                throw error;
            this.#tokens.drop(token, "refused");
            return this.#ask(address, await unlessAborted(this.#tokens.get(), signal), signal);
        }
    }
    #address(path, query) {
        const address = new URL(path, this.#base);
        address.search = new URLSearchParams(query).toString();
        return address;
    }
    async #ask(address, token, signal) {
        const { ok, text, details } = await fetched(address, token, signal);
        const body = parsed(text, this.#parse, details);
        if (ok)
            return body;
        const { code, detail, parameter, position } = body;
        const where = { ...(isText(parameter) ? { parameter } : {}), ...(isOffset(position) ? { position } : {}) };
        const words = isText(detail) ? detail : `status ${details.status}`;
        throw new TailcastError(isText(code) ? code : "unknown", words, { ...details, ...where });
    }
}
/** As it stands in an address. What is not asked for is left out. */
function written(asked) {
    const query = {};
    for (const [name, value] of Object.entries(asked)) {
        if (value !== undefined)
            query[name] = value instanceof Date ? value.toISOString() : String(value);
    }
    return query;
}
function isStretch(value) {
    return isObject(value) && isOffset(value["from"]) && isOffset(value["to"]);
}
function isBucket(value) {
    if (!isObject(value))
        return false;
    const { at, lines, levels } = value;
    return isText(at) && isOffset(lines) && isObject(levels) && Object.values(levels).every(isOffset);
}
async function fetched(address, token, signal) {
    const inTime = AbortSignal.timeout(ANSWER_MS);
    try {
        const response = await fetch(address, {
            headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
            credentials: "omit",
            cache: "no-store",
            signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
        });
        const details = { status: response.status, ...waitOf(response.headers.get("Retry-After")) };
        return { ok: response.ok, text: await response.text(), details };
    }
    catch (error) {
        // Given up by the page, which knows why: no failure of the server's.
        signal?.throwIfAborted();
        const late = error instanceof DOMException && error.name === "TimeoutError";
        throw new TailcastError("away", late ? "no answer in time" : `no answer (${words(error)})`, { status: 0 });
    }
}
/** `Retry-After` is in seconds, or a date (RFC 9110 §10.2.3). */
function waitOf(header) {
    if (header === null)
        return {};
    const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
    return Number.isFinite(ms) ? { retryAfterMs: Math.max(0, ms) } : {};
}
/** What comes of `promise`, unless the page gives up first. */
async function unlessAborted(promise, signal) {
    if (!signal)
        return promise;
    const over = new AbortController();
    const aborted = new Promise((_, reject) => {
        const giveUp = () => reject(signal.reason);
        if (signal.aborted)
            giveUp();
        else
            signal.addEventListener("abort", giveUp, { signal: over.signal });
    });
    return Promise.race([aborted, promise]).finally(() => over.abort());
}
function parsed(text, parse, details) {
    try {
        const body = parse(text);
        if (isObject(body))
            return body;
    }
    catch {
        // Told below, like any other answer that is none.
    }
    throw strange(details);
}
function strange(details) {
    return new TailcastError("bad_answer", `an answer that is not Tailcast's (status ${details.status})`, details);
}
function streamInfo(stream) {
    const { name, first_available: firstAvailable, next, last_arrival: lastArrival, lines_per_second: rate } = stream;
    return {
        name: String(name),
        firstAvailable: isOffset(firstAvailable) ? firstAvailable : 0,
        next: isOffset(next) ? next : 0,
        ...(isText(lastArrival) ? { lastArrival } : {}),
        linesPerSecond: typeof rate === "number" ? rate : 0,
    };
}
