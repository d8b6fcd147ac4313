// The reads over HTTP (docs/http.md): which streams there are, and lines that are kept.
import { TailcastError, words } from "./errors.js";
import { parse } from "./json.js";
import { isObject, isOffset, isText } from "./messages.js";
/** For any read. */
const ANSWER_MS = 15_000;
export class Reads {
    #base;
    #tokens;
    /** @param base the server's address, ending in a slash. */
    constructor(base, tokens) {
        this.#base = base;
        this.#tokens = tokens;
    }
    async streams(match) {
        const answer = await this.#read("v1/streams", match === undefined ? {} : { match });
        const streams = answer["streams"];
        if (!Array.isArray(streams))
            throw strange(200);
        return streams.filter(isObject).map(streamInfo);
    }
    async lines(stream, range) {
        const query = { stream };
        for (const [name, value] of Object.entries(range)) {
            if (value !== undefined)
                query[name] = value instanceof Date ? value.toISOString() : String(value);
        }
        const answer = await this.#read("v1/lines", query);
        const { first_available: firstAvailable, next, lines } = answer;
        if (!isOffset(firstAvailable) || !isOffset(next) || !Array.isArray(lines))
            throw strange(200);
        return { stream, firstAvailable, next, lines: lines };
    }
    /** Whether the server takes this token, as far as it can be asked: throws what it answers. */
    async probe(token) {
        // No stream is called so, and the answer is short.
        await this.#ask(this.#address("v1/streams", { match: "-" }), token);
    }
    async #read(path, query) {
        const address = this.#address(path, query);
        const token = await this.#tokens.get();
        try {
            return await this.#ask(address, token);
        }
        catch (error) {
            const refused = error instanceof TailcastError && error.details.status === 401;
            if (!refused || !this.#tokens.renewable)
                throw error;
            this.#tokens.drop(token, "refused");
            return this.#ask(address, await this.#tokens.get());
        }
    }
    #address(path, query) {
        const address = new URL(path, this.#base);
        address.search = new URLSearchParams(query).toString();
        return address;
    }
    async #ask(address, token) {
        const { status, ok, text } = await fetched(address, token);
        const body = parsed(text, status);
        if (ok)
            return body;
        const { code, detail } = body;
        throw new TailcastError(isText(code) ? code : "unknown", isText(detail) ? detail : `status ${status}`, { status });
    }
}
async function fetched(address, token) {
    try {
        const response = await fetch(address, {
            headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
            credentials: "omit",
            cache: "no-store",
            signal: AbortSignal.timeout(ANSWER_MS),
        });
        return { status: response.status, ok: response.ok, text: await response.text() };
    }
    catch (error) {
        const late = error instanceof DOMException && error.name === "TimeoutError";
        throw new TailcastError("away", late ? "no answer in time" : `no answer (${words(error)})`, { status: 0 });
    }
}
function parsed(text, status) {
    try {
        const body = parse(text);
        if (isObject(body))
            return body;
    }
    catch {
        // Told below, like any other answer that is none.
    }
    throw strange(status);
}
function strange(status) {
    return new TailcastError("bad_answer", `an answer that is not Tailcast's (status ${status})`, { status });
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
