// ../client/src/errors.ts
/**
* A refusal or the end of something. Codes are the server's (docs/protocol.md, docs/http.md) and these of the client's:
* `away` (no answer), `bad_answer` (one that is no Tailcast server's), `no_token` and `token_expiring` (the provider gave
* none), `offline` (asked while there is no connection), `closed` (the server closed with a code that says no more),
* `no_websocket` (the runtime has none, and none was handed in), `not_opened` (the runtime refuses to open one).
*/
var TailcastError = class extends Error {
	name = "TailcastError";
	/** Stable, for programs. */
	code;
	/** What else there is to say. */
	details;
	constructor(code, message, details = {}) {
		super(message);
		this.code = code;
		this.details = details;
	}
};
/** Calls what a page handed in. What that throws is the page's to see, and must not stop what goes on here. */
function tell(callback, value) {
	try {
		callback?.(value);
	} catch (error) {
		report(error);
	}
}
/** As if nobody had caught it, which is what happened. */
function report(error) {
	queueMicrotask(() => {
		throw error;
	});
}
/** The words of whatever was thrown. */
function words(thrown) {
	return thrown instanceof Error ? thrown.message : String(thrown);
}
// ../client/src/json.ts
/**
* A number that JavaScript would write otherwise than it was written: `1.50`, `1e400`, `-0`, `12345678901234567.89`. In text it
* is what was written, in comparisons and arithmetic the nearest number, and `JSON.stringify` writes it as it came (as a string
* where `JSON.rawJSON` is missing). Only a client that is {@link ClientOptions.exact | exact} makes them.
*/
var Numeral = class {
	/** As it was written. */
	source;
	constructor(source) {
		this.source = source;
	}
	toString() {
		return this.source;
	}
	toJSON() {
		return raw?.(this.source) ?? this.source;
	}
	[Symbol.toPrimitive](hint) {
		return hint === "string" ? this.source : Number(this.source);
	}
};
/**
* A whole number beyond ±2^53, which JavaScript's numbers would round: an identifier of 64 bits, say. In comparisons and
* arithmetic it is a `bigint`.
*/
var WholeNumber = class extends Numeral {
	/** As it was written, with its sign. */
	get digits() {
		return this.source;
	}
	[Symbol.toPrimitive](hint) {
		return hint === "string" ? this.source : BigInt(this.source);
	}
};
/** Parts of the language that TypeScript's own declarations do not have yet. */
var { rawJSON: raw } = JSON;
var parseWith = JSON.parse;
var WHOLE = /^-?\d+$/;
/** A string, which is passed over, or a number. */
var STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Whether a reviver is told how a value was written. */
var TELLS_SOURCE = (() => {
	let told = false;
	parseWith("0", (_, value, context) => {
		told = context?.source === "0";
		return value;
	});
	return told;
})();
var rounded = (source, value) => !Number.isSafeInteger(value) && WHOLE.test(source);
var unrounded = (source, value) => rounded(source, value) ? new WholeNumber(source) : value;
var asWritten = (source, value) => {
	if (String(value) === source) return value;
	return rounded(source, value) ? new WholeNumber(source) : new Numeral(source);
};
/** Reads JSON; a whole number that would be rounded becomes a {@link WholeNumber}. Throws a `SyntaxError`. */
function parse(text) {
	return /\d{16}/.test(text) ? parseNumbers(text, unrounded) : parseWith(text);
}
/** Reads JSON; a number that would be written otherwise becomes a {@link Numeral}. Throws a `SyntaxError`. */
function parseAsWritten(text) {
	return parseNumbers(text, asWritten);
}
function parseNumbers(text, reading) {
	if (!TELLS_SOURCE) return parseByMarks(text, reading);
	return parseWith(text, (_, value, context) => typeof value === "number" ? reading(context?.source ?? "", value) : value);
}
/** For engines that do not tell: such numbers become strings with a mark that nobody can have sent. */
function parseByMarks(text, reading = unrounded) {
	const mark = `${Math.random()}${Math.random()}:`;
	return parseWith(text.replace(STRING_OR_NUMBER, (found) => found.startsWith("\"") || !(reading(found, Number(found)) instanceof Numeral) ? found : `"${mark}${found}"`), (_, value) => {
		if (typeof value !== "string" || !value.startsWith(mark)) return value;
		const source = value.slice(mark.length);
		return reading(source, Number(source));
	});
}
// ../client/src/messages.ts
var isText = (value) => typeof value === "string";
var isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
var isOffset = (value) => Number.isSafeInteger(value) && value >= 0;
var isNumber = (value) => typeof value === "number";
var isListOf = (check) => (value) => Array.isArray(value) && value.every(check);
var isStart = (value) => isObject(value) && isOffset(value["first_available"]) && isOffset(value["next"]) && isOffset(value["cursor"]);
var areStarts = (value) => isObject(value) && Object.values(value).every(isStart);
var maybe = (check) => (value) => value === void 0 || check(value);
var isReading = (value) => isObject(value) && isText(value["reading"]) && maybe(isText)(value["literal"]);
/** What each message has. Members that are not here are not looked at. */
var SHAPES = {
	welcome: {
		session: isText,
		node: isText,
		subscriber: isText,
		epoch: isText,
		heartbeat_ms: maybe(isNumber),
		limits: maybe(isObject),
		requests: maybe(Array.isArray)
	},
	subscribed: {
		id: isText,
		epoch: isText,
		streams: areStarts,
		filter: maybe(isReading)
	},
	done: {
		id: maybe(isText),
		request: isText
	},
	lines: {
		stream: isText,
		first: isOffset,
		next: isOffset,
		lines: isListOf(isObject)
	},
	live: {
		stream: isText,
		next: isOffset
	},
	gap: {
		stream: isText,
		from: isOffset,
		to: isOffset,
		reason: isText
	},
	behind: {
		id: isText,
		stream: isText,
		count: isOffset
	},
	dropped: {
		id: isText,
		streams: isListOf(isText),
		reason: isText
	},
	expiring: { expires_at: isText },
	error: {
		code: isText,
		message: isText,
		id: maybe(isText),
		stream: maybe(isText),
		next: maybe(isOffset),
		epoch: maybe(isText),
		position: maybe(isOffset),
		retry_after_ms: maybe(isNumber)
	},
	closing: {
		code: isNumber,
		reason: isText,
		retry_after_ms: maybe(isNumber)
	}
};
function isKnown(type) {
	return Object.hasOwn(SHAPES, type);
}
/**
* Reads a message. `undefined` for one of a later version, which is no error. Throws `bad_answer` for what cannot be a
* message of this protocol: who cannot understand a message must not go on as if nothing had been said.
*/
function readMessage(text, parse$3 = parse) {
	const message = parsed$1(text, parse$3);
	if (!isObject(message) || !isText(message["type"])) throw bad("a message without a type");
	const type = message["type"];
	if (!isKnown(type)) return void 0;
	for (const [name, check] of Object.entries(SHAPES[type])) if (!check(message[name])) throw bad(`a message of type "${type}" without a good "${name}"`);
	if (type === "gap" && message["to"] < message["from"]) throw bad("a gap that ends before it begins");
	return message;
}
function parsed$1(text, parse) {
	if (!isText(text)) throw bad("a binary message");
	try {
		return parse(text);
	} catch {
		throw bad("a message that is no JSON");
	}
}
function bad(what) {
	return new TailcastError("bad_answer", `The server sent ${what}.`);
}
/** A refusal, for whoever asked. */
function errorOf({ code, message, stream, next, epoch, position }) {
	return new TailcastError(code, message, {
		...stream === void 0 ? {} : { stream },
		...next === void 0 ? {} : { next },
		...epoch === void 0 ? {} : { epoch },
		...position === void 0 ? {} : { position }
	});
}
// ../client/src/proof.ts
var Proof = class {
	#streams = /* @__PURE__ */ new Map();
	/** The cursor of a stream moved on over so many offsets. */
	passed(stream, offsets, next) {
		const counts = this.#of(stream);
		counts.passed += offsets;
		counts.next = next;
	}
	/** So many lines (or messages, of `miscounted`) were this. */
	enter(stream, what, count) {
		this.#of(stream)[what] += count;
	}
	get streams() {
		return [...this.#streams].map(([stream, counts]) => ({
			stream,
			...counts
		}));
	}
	#of(stream) {
		let counts = this.#streams.get(stream);
		if (!counts) {
			counts = {
				next: 0,
				passed: 0,
				received: 0,
				leftOut: 0,
				gone: 0,
				missing: 0,
				repeated: 0,
				miscounted: 0
			};
			this.#streams.set(stream, counts);
		}
		return counts;
	}
};
/** Whether every line that was due came once: nothing is missing, repeated or miscounted, and the sums agree. */
function isComplete(proof) {
	const { passed, received, leftOut, gone, missing, repeated, miscounted } = proof;
	return missing + repeated + miscounted === 0 && passed === received + leftOut + gone;
}
// ../client/src/continuity.ts
/** So many streams that were taken away are remembered with their cursors; as many as a session may have. */
var TAKEN_AWAY_KEPT = 1e3;
/** The cursors of one subscription. */
var Continuity = class {
	#next = /* @__PURE__ */ new Map();
	/** Streams that may not be read any more, in the order in which they were taken away. They keep their cursors. */
	#takenAway = /* @__PURE__ */ new Set();
	#filtered;
	/** What became of every offset. */
	proof = new Proof();
	/** @param filtered frames then leave out lines that do not match. */
	constructor(filtered, cursors = []) {
		this.#filtered = filtered;
		for (const [stream, cursor] of cursors) this.#next.set(stream, cursor);
	}
	/** The next offset wanted, by stream. */
	get cursors() {
		return this.#next;
	}
	/** Where a stream begins. One that is known goes on where it was: whatever the server skips is then noticed. */
	begin(stream, cursor) {
		this.#takenAway.delete(stream);
		if (!this.#next.has(stream)) this.#next.set(stream, cursor);
	}
	/** Goes on elsewhere, because the consumer said so. */
	move(stream, cursor) {
		this.#next.set(stream, cursor);
	}
	/** The token does not allow it any more; another one may, and it goes on where it is. */
	takeAway(stream) {
		if (!this.#next.has(stream)) return;
		this.#takenAway.add(stream);
		const [oldest] = this.#takenAway;
		if (this.#takenAway.size > TAKEN_AWAY_KEPT && oldest !== void 0) this.forget(oldest);
	}
	/** Streams that have a cursor, and may not be read. */
	get takenAway() {
		return this.#takenAway;
	}
	/** It is not this subscription's any more. Should it be again, it begins anew. */
	forget(stream) {
		this.#next.delete(stream);
		this.#takenAway.delete(stream);
	}
	accept(frame) {
		const wanted = this.#next.get(frame.stream) ?? frame.first;
		const faults = this.#faults(frame, wanted);
		const lines = this.#lines(frame).filter(({ offset }) => offset >= wanted);
		const [first, next] = [Math.max(wanted, frame.first), Math.max(wanted, frame.next)];
		this.#pass(frame.stream, wanted, next, faults);
		this.proof.enter(frame.stream, "received", lines.length);
		if (this.#filtered) this.proof.enter(frame.stream, "leftOut", next - Math.min(first, next) - lines.length);
		return {
			first,
			next,
			lines,
			faults
		};
	}
	/** The cursor moves on. */
	#pass(stream, wanted, next, faults) {
		this.#next.set(stream, next);
		this.proof.passed(stream, next - wanted, next);
		for (const { kind, from, to } of faults) this.proof.enter(stream, kind, kind === "miscounted" ? 1 : to - from);
	}
	#faults({ stream, first, next, lines }, wanted) {
		const faults = [];
		if (first > wanted) faults.push(missing(stream, wanted, first));
		if (first < wanted && next > first) faults.push({
			type: "fault",
			kind: "repeated",
			stream,
			from: first,
			to: Math.min(wanted, next)
		});
		if (next < first || (this.#filtered ? !areWithin(lines, first, next) : next - first !== lines.length)) faults.push({
			type: "fault",
			kind: "miscounted",
			stream,
			from: first,
			to: next,
			count: lines.length
		});
		return faults;
	}
	#lines({ first, lines }) {
		return lines.map((line, i) => {
			if (!this.#filtered) line["offset"] = first + i;
			return line;
		});
	}
	/** A gap that the server names. It explains what is missing between its ends, and nothing else. */
	gap({ stream, from, to }) {
		const wanted = this.#next.get(stream) ?? from;
		this.proof.enter(stream, "gone", Math.max(0, to - Math.max(wanted, from)));
		return this.#told(stream, from, to);
	}
	/** The head is reached: nothing may be outstanding. */
	live({ stream, next }) {
		return this.#told(stream, next, next);
	}
	#told(stream, from, to) {
		const wanted = this.#next.get(stream) ?? from;
		const faults = from > wanted ? [missing(stream, wanted, from)] : [];
		this.#pass(stream, wanted, Math.max(wanted, to), faults);
		return faults;
	}
};
function missing(stream, from, to) {
	return {
		type: "fault",
		kind: "missing",
		stream,
		from,
		to
	};
}
/** Whether each line has an offset of the frame's, and later ones greater offsets. */
function areWithin(lines, first, next) {
	let least = first;
	for (const { offset } of lines) {
		if (!isOffset(offset) || offset < least || offset >= next) return false;
		least = offset + 1;
	}
	return true;
}
// ../client/src/flow.ts
var DEFAULT_SIZE = 1048576;
var LEAST_SIZE = 65536;
/** Of the size: below it, lines are let in again. */
var LOW = 1 / 4;
/** Of the size: what may be under way when a pause is asked for, and more. */
var HARD = 4;
var Flow = class {
	#size;
	/** `out`: nothing was asked for, or was let go of. */
	#now = "out";
	#wanted = false;
	/** @param size how much may wait before a pause, in characters. */
	constructor(size = DEFAULT_SIZE) {
		this.#size = Math.max(LEAST_SIZE, size);
	}
	/** Whether the server was asked to pause, or will be. */
	get paused() {
		return this.#wanted || this.#now === "paused";
	}
	/** Whether nothing is asked for until the consumer is through. */
	get out() {
		return this.#now === "out";
	}
	/** Whether the consumer asked for the pause. */
	get wanted() {
		return this.#wanted;
	}
	/** The consumer wants a pause, or no more. */
	want(paused) {
		this.#wanted = paused;
	}
	/** Nothing of what was asked for stands any more. */
	reset() {
		this.#now = "out";
	}
	/** What to do next, with so much waiting. It counts as done. */
	next(waiting, leaving) {
		if (this.#now === "out") {
			if (leaving || waiting > this.#size * LOW) return "nothing";
			this.#now = this.#wanted ? "paused" : "flowing";
			return "subscribe";
		}
		if (waiting > this.#size * HARD) {
			this.#now = "out";
			return "leave";
		}
		const pause = this.#wanted || waiting > this.#size * (this.#now === "paused" ? LOW : 1);
		const step = pause === (this.#now === "paused") ? "nothing" : pause ? "pause" : "resume";
		this.#now = pause ? "paused" : "flowing";
		return step;
	}
};
// ../client/src/names.ts
function isPattern(target) {
	return target.includes("*");
}
/** The personal stream of a subscriber. */
function personal(subscriber) {
	let name = "@";
	for (const byte of new TextEncoder().encode(subscriber)) {
		const character = String.fromCharCode(byte);
		name += /[A-Za-z0-9._-]/.test(character) ? character : `~${byte.toString(16).padStart(2, "0")}`;
	}
	return name;
}
/** Whether a pattern (or a name, its own) covers a name: `*` is one segment, `**` any number of them, `@*` every personal stream. */
function covers(pattern, name) {
	if (name.startsWith("@") || pattern.startsWith("@")) return pattern === "@*" && name.startsWith("@");
	const wanted = pattern.split("/");
	const segments = name.split("/");
	let [at, to] = [0, 0];
	let [star, starTo] = [-1, 0];
	while (to < segments.length) if (wanted[at] === "**") {
		[star, starTo] = [at, to];
		at += 1;
	} else if (wanted[at] === "*" || wanted[at] === segments[to]) {
		at += 1;
		to += 1;
	} else if (star >= 0) {
		starTo += 1;
		[at, to] = [star + 1, starTo];
	} else return false;
	while (wanted[at] === "**") at += 1;
	return at === wanted.length;
}
// ../client/src/outstanding.ts
var Outstanding = class {
	/** Heads of the streams that did not reach theirs yet. */
	#heads = /* @__PURE__ */ new Map();
	/** Lines that wait at the server while it is paused, by stream. */
	#behind = /* @__PURE__ */ new Map();
	/** The stream's head is there, and not reached. */
	expect(stream, head) {
		this.#heads.set(stream, head);
	}
	/** The same, for a stream that begins anew before a place that it had reached. */
	expectAgain(stream, reached) {
		this.#heads.set(stream, Math.max(reached, this.#heads.get(stream) ?? 0));
	}
	/** The stream's head is reached. */
	reached(stream) {
		this.#heads.delete(stream);
	}
	/** So many lines of the stream wait behind the pause. */
	waits(stream, count) {
		this.#behind.set(stream, count);
	}
	/** Nothing waits behind a pause any more. */
	flows() {
		this.#behind.clear();
	}
	forget(stream) {
		this.#heads.delete(stream);
		this.#behind.delete(stream);
	}
	clear() {
		this.#heads.clear();
		this.#behind.clear();
	}
	/** Whether every head was reached. */
	get none() {
		return this.#heads.size === 0;
	}
	/** Lines up to the heads, from the cursors. */
	remaining(cursors) {
		return sum([...this.#heads].map(([stream, head]) => Math.max(0, head - (cursors.get(stream) ?? head))));
	}
	/** Lines behind the pause. */
	get behind() {
		return sum(this.#behind.values());
	}
};
function sum(numbers) {
	let total = 0;
	for (const number of numbers) total += number;
	return total;
}
// ../client/src/queue.ts
/** Events on their way to callbacks, or to one iteration. */
var Queue = class {
	#items = [];
	#size = 0;
	#held = false;
	#ended;
	#told = false;
	#waiters = [];
	/** A callback is at work. */
	#busy = false;
	#on;
	#taken;
	/** @param taken called when the consumer gets an item, before it does. */
	constructor(on, taken) {
		this.#on = on;
		this.#taken = taken;
	}
	/** Text of lines that waits, in characters. */
	get size() {
		return this.#size;
	}
	/** How many lines wait. */
	get lines() {
		return this.#items.reduce((sum, { event }) => sum + (event?.type === "lines" ? event.lines.length : 0), 0);
	}
	push(item) {
		if (this.#ended) return;
		this.#items.push(item);
		this.#size += item.size;
		this.#move();
	}
	/** Nothing leaves while it is held. */
	hold(held) {
		this.#held = held;
		this.#move();
	}
	/** Nothing comes any more; what waits is still delivered, and the error after it. */
	end(error) {
		if (this.#ended) return;
		this.#ended = error ? { error } : {};
		this.#held = false;
		this.#move();
	}
	/** The consumer left: nothing is delivered any more. */
	discard() {
		this.#items = [];
		this.#size = 0;
		this.end();
	}
	/** Takes out what waits of one stream's lines: the consumer wants to go on elsewhere. */
	forget(stream) {
		this.#items = this.#items.filter((item) => {
			const gone = item.place?.stream === stream && item.event?.type !== "begin";
			if (gone) this.#size -= item.size;
			return !gone;
		});
	}
	/** The next event, for an iteration. */
	next() {
		return new Promise((resolve, reject) => {
			this.#waiters.push({
				resolve,
				reject
			});
			this.#move();
		});
	}
	#move() {
		if (this.#on) this.#call(this.#on);
		else this.#hand();
	}
	#hand() {
		while (this.#waiters.length > 0) {
			const event = this.#take();
			if (!event && !(this.#ended && this.#items.length === 0)) return;
			const waiter = this.#waiters.shift();
			const error = this.#told ? void 0 : this.#ended?.error;
			if (event) waiter?.resolve({
				done: false,
				value: event
			});
			else if (error) {
				this.#told = true;
				waiter?.reject(error);
			} else waiter?.resolve({
				done: true,
				value: void 0
			});
		}
		this.#passSilent();
	}
	#call(on) {
		while (!this.#busy) {
			const event = this.#take();
			if (event) this.#run(() => on[event.type]?.(event));
			else if (this.#ended && !this.#told && this.#items.length === 0) {
				this.#told = true;
				const { error } = this.#ended;
				this.#run(() => on.end?.(error));
			} else return;
		}
	}
	#run(callback) {
		this.#busy = true;
		try {
			const result = callback();
			if (result instanceof Promise) {
				result.catch(report).finally(() => {
					this.#busy = false;
					this.#move();
				});
				return;
			}
		} catch (error) {
			report(error);
		}
		this.#busy = false;
	}
	#take() {
		this.#passSilent();
		return this.#shift()?.event;
	}
	/** Cursors that move without an event move as soon as everything before them was taken. */
	#passSilent() {
		while (this.#items[0] && !this.#items[0].event && this.#shift());
	}
	#shift() {
		if (this.#held) return void 0;
		const item = this.#items.shift();
		if (!item) return void 0;
		this.#size -= item.size;
		this.#taken(item);
		return item;
	}
};
// ../client/src/requests.ts
/** Whether a subscription goes on where another one was. */
function isCursors(from) {
	return typeof from === "object" && "cursors" in from;
}
/** Where streams begin that have no cursor. */
function wireFrom(from) {
	if (typeof from === "string") return from;
	if (isCursors(from)) return {
		cursors: {},
		epoch: from.epoch
	};
	if ("since" in from) return { since: from.since instanceof Date ? from.since.toISOString() : from.since };
	return from;
}
/** Kept free for what is around names and cursors. */
var ENVELOPE_BYTES = 256;
/**
* The messages, none longer than `bytes`; as few as may be. Streams that are known go on at their cursors, the others
* begin as they were asked to.
*/
function requests(wanted, subscriber, bytes) {
	const me = personal(subscriber);
	const names = wanted.targets.filter((target) => !isPattern(target)).map((name) => name === "@me" ? me : name);
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
			...filter === void 0 ? {} : { filter },
			...mode === void 0 ? {} : { mode },
			patterns: withPatterns
		});
	};
	const resume = (some, streams, withPatterns) => add(streams, {
		cursors: Object.fromEntries(some),
		epoch: wanted.epoch
	}, withPatterns);
	if (wanted.begun) {
		const standing = names.filter((name) => wanted.cursors.has(name));
		if (cost(patterns) + cost(standing) + cursorCost(known) <= room) {
			if (standing.length + patterns.length > 0) resume(known, standing, true);
		} else {
			for (const part of parts(readable, (one) => cost([one[0]]) + cursorCost([one]), room)) resume(part, part.map(([name]) => name), false);
			const others = known.filter(([name]) => wanted.takenAway.has(name));
			if (patterns.length > 0) resume(parts(others, (one) => cursorCost([one]), room - cost(patterns))[0] ?? [], [], true);
		}
	} else for (const part of parts(readable, (one) => cost([one[0]]) + cursorCost([one]), room)) resume(part, part.map(([name]) => name), false);
	const patternsToo = !wanted.begun && patterns.length > 0;
	const groups = parts(fresh, (name) => cost([name]), room - (patternsToo ? cost(patterns) : 0));
	if (patternsToo && groups.length === 0) groups.push([]);
	groups.forEach((part, i) => add(part, wanted.from, patternsToo && i === 0));
	return made;
}
function bytesOf(filter) {
	return filter === void 0 ? 0 : new TextEncoder().encode(JSON.stringify(filter)).length;
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
// ../client/src/retry.ts
var FIRST_MS = 500;
var LONGEST_MS = 15e3;
/** A longer hint is a mistake. */
var LONGEST_HINT_MS = 3e5;
var NO_STATUS = 1005;
var ABNORMAL = 1006;
/** Whether a close code means "come back". */
function comesBack(code) {
	if (code === NO_STATUS || code === ABNORMAL) return true;
	return code === 1001 || code === 1012 || code >= 4e3 && code <= 4499;
}
/**
* Milliseconds to wait before attempt number `attempt` (0 is the first one after a connection that worked): anything up
* to a bound that doubles. A hint of the server's is waited out; the first one as it is, for the server spreads its
* sessions itself, and what does not work again and again is asked for less and less often all the same.
*/
function delay(attempt, hint, random = Math.random) {
	const jitter = (power) => random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(power, 20));
	if (hint === void 0 || !(hint >= 0)) return Math.round(jitter(attempt));
	return Math.round(Math.min(hint, LONGEST_HINT_MS) + (attempt > 0 ? jitter(attempt - 1) : 0));
}
// ../client/src/seeks.ts
var Seeks = class {
	/** By the subscription's id: the server answers those of one in the order in which they were sent. */
	#waiting = /* @__PURE__ */ new Map();
	add(id, seek) {
		this.#waiting.set(id, [...this.#waiting.get(id) ?? [], seek]);
	}
	/** The one that the server answers now. */
	next(id) {
		const seeks = this.#waiting.get(id);
		const seek = seeks?.shift();
		if (seeks?.length === 0) this.#waiting.delete(id);
		return seek;
	}
	/** No answer comes any more. */
	abandon() {
		const seeks = [...this.#waiting.values()].flat();
		this.#waiting.clear();
		for (const { stream, reject } of seeks) reject(new TailcastError("offline", "The connection ended before the answer came.", { stream }));
	}
};
// ../client/src/follower.ts
/** Refusals after which asking again makes sense. */
var PASSING = ["unavailable", "rate_limited"];
var Follower = class {
	#targets;
	#options;
	#from;
	#left;
	#again;
	#continuity;
	#taken = /* @__PURE__ */ new Map();
	#queue;
	#flow;
	#epoch;
	/** Whether the patterns stood once, so that what they meet later is new. */
	#begun = false;
	/** Streams that the consumer was told of. */
	#announced = /* @__PURE__ */ new Set();
	/** Names that the token does not allow any more. */
	#lost = /* @__PURE__ */ new Set();
	#outstanding = new Outstanding();
	#board;
	/** Requests that were not answered yet, and that stand, by id. */
	#asked = /* @__PURE__ */ new Map();
	#standing = /* @__PURE__ */ new Set();
	/** Subscriptions that are being left, until the server says so. */
	#leaving = /* @__PURE__ */ new Set();
	#seeks = new Seeks();
	/** Streams that go on at the head, wherever that is: the next frame tells. */
	#jumps = /* @__PURE__ */ new Set();
	#timers = /* @__PURE__ */ new Set();
	/** Refusals in a row. */
	#attempt = 0;
	#link = { name: "idle" };
	/** The server's last sign of life, while another one is overdue. */
	#silent;
	#end;
	#state = { name: "connecting" };
	/** As the server said it, if it did. */
	reading;
	/**
	* @param left called once, when nothing more is wanted of the connection.
	* @param again called when another connection is wanted, on which all subscriptions go on.
	*/
	constructor(targets, options, left, again) {
		const from = options.from ?? "live";
		const saved = isCursors(from) ? from : void 0;
		this.#targets = [...new Set(targets)];
		this.#options = options;
		this.#from = wireFrom(from);
		this.#left = left;
		this.#again = again;
		this.#epoch = saved?.epoch;
		this.#begun = saved !== void 0;
		this.#continuity = new Continuity(Boolean(options.filter), saved ? Object.entries(saved.cursors) : []);
		for (const [stream, cursor] of this.#continuity.cursors) this.#taken.set(stream, cursor);
		this.#queue = new Queue(options.on, ({ place }) => {
			if (place) this.#taken.set(place.stream, place.cursor);
			this.#steer();
		});
		this.#flow = new Flow(options.bufferSize);
	}
	get targets() {
		return this.#targets;
	}
	get queue() {
		return this.#queue;
	}
	get state() {
		return this.#state;
	}
	get paused() {
		return this.#flow.wanted;
	}
	get proof() {
		return this.#continuity.proof.streams;
	}
	get iterable() {
		return this.#options.on === void 0;
	}
	/** Where the consumer is; `undefined` before anything stood. */
	cursors() {
		if (!this.#begun || this.#epoch === void 0) return void 0;
		return {
			epoch: this.#epoch,
			cursors: Object.fromEntries(this.#taken)
		};
	}
	pause(paused) {
		if (this.#end) return;
		this.#flow.want(paused);
		this.#queue.hold(paused);
		this.#steer();
		this.#tell();
	}
	seek(stream, to) {
		const board = this.#board;
		const id = board?.holder(stream);
		if (!board || id === void 0 || !this.#standing.has(id)) return Promise.reject(new TailcastError("offline", `${stream} is not being followed at the moment.`, { stream }));
		return new Promise((resolve, reject) => {
			this.#seeks.add(id, {
				stream,
				to,
				resolve,
				reject
			});
			board.send({
				type: "seek",
				id,
				stream,
				to
			});
		});
	}
	close() {
		if (!this.#end) this.#leave();
		this.#finish();
		this.#queue.discard();
	}
	/** How the connection does, as long as there is none that this could use. */
	link(state) {
		this.#link = state;
		this.#silent = void 0;
		if (state.name !== "open") this.#detach();
		if (state.name === "ended") this.#finish(state.error);
		this.#tell();
	}
	/** The server's last sign of life was then, and another one is overdue; or it is not any more. */
	silent(since) {
		this.#silent = since;
		this.#tell();
	}
	/** A connection stands. */
	connected(board) {
		if (this.#end) return;
		if (this.#epoch !== void 0 && this.#epoch !== board.epoch) return this.#finish(new TailcastError("wrong_epoch", "The cursors belong to another store.", { epoch: board.epoch }));
		this.#board = board;
		this.#epoch = board.epoch;
		this.#flow.reset();
		this.#steer();
		this.#tell();
	}
	/** It stands, or a pattern met more streams: new ones, such as may be read again, and those that another let go of. */
	subscribed(message) {
		const request = this.#asked.get(message.id);
		if (request) this.#stands(message.id, request);
		this.reading = message.filter ?? this.reading;
		if (this.#leaving.has(message.id)) return;
		for (const [stream, place] of Object.entries(message.streams)) {
			this.#lost.delete(stream);
			this.#continuity.begin(stream, place.cursor);
			if (!this.#taken.has(stream)) this.#taken.set(stream, place.cursor);
			this.#outstanding.expect(stream, place.next);
			this.#announce({
				type: "begin",
				stream,
				firstAvailable: place.first_available,
				next: place.next,
				cursor: this.#continuity.cursors.get(stream) ?? place.cursor
			});
		}
		this.#tell();
	}
	/**
	* Another subscription of this client has the stream now, which a pattern brought here. Should that let go of it, it begins here
	* where it stood there.
	*/
	passOver(stream) {
		this.#continuity.forget(stream);
		this.#taken.delete(stream);
		this.#announced.delete(stream);
		this.#outstanding.forget(stream);
		this.#tell();
	}
	/** @param size of the message's text. */
	heard(message, id, size) {
		if (this.#leaving.has(id) || this.#end) return;
		if (this.#jumps.delete(message.stream)) this.#continuity.move(message.stream, beginOf(message));
		if (message.type === "lines") this.#lines(message, size);
		else if (message.type === "gap") this.#gap(message);
		else this.#live(message);
		this.#steer();
		this.#tell();
	}
	behind({ stream, count }) {
		this.#outstanding.waits(stream, count);
		this.#tell();
	}
	dropped({ streams, reason }) {
		for (const stream of streams) {
			this.#continuity.takeAway(stream);
			this.#outstanding.forget(stream);
			this.#announced.delete(stream);
			this.#lost.add(stream);
		}
		this.#push({
			type: "dropped",
			streams,
			reason
		});
		this.#tell();
	}
	done(id, request) {
		if (request === "seek") this.#sought(id);
		if (request === "unsubscribe") this.#leaving.delete(id);
		this.#steer();
	}
	refused(refusal) {
		const { id = "", code, message } = refusal;
		if (this.#leaving.has(id)) return this.#notLeft(id, code);
		const request = this.#asked.get(id);
		if (request) return this.#notStanding(id, request, refusal);
		const seek = this.#seeks.next(id);
		if (seek) return seek.reject(errorOf(refusal));
		if (this.#standing.has(id)) this.#push({
			type: "warning",
			code,
			message
		});
	}
	/** Does what the flow of lines calls for. */
	#steer() {
		const board = this.#board;
		if (!board || this.#end) return;
		switch (this.#flow.next(this.#queue.size, this.#leaving.size > 0)) {
			case "subscribe":
				this.#ask(board);
				break;
			case "leave":
				this.#leave();
				break;
			case "pause":
				for (const id of this.#standing) board.send({
					type: "pause",
					id
				});
				this.#tell();
				break;
			case "resume":
				this.#outstanding.flows();
				for (const id of this.#standing) board.send({
					type: "resume",
					id
				});
				this.#tell();
		}
	}
	#ask(board) {
		const { filter, mode } = this.#options;
		const asked = requests({
			targets: this.#targets.filter((target) => !this.#lost.has(target)),
			from: this.#from,
			cursors: this.#continuity.cursors,
			takenAway: this.#continuity.takenAway,
			epoch: board.epoch,
			begun: this.#begun,
			...filter ? { filter } : {},
			...mode === "recent" ? { mode } : {}
		}, board.subscriber, board.messageBytes);
		if (asked.length === 0) return this.#finish(new TailcastError("stream_not_found", "No stream is left that this token may read."));
		for (const request of asked) this.#asked.set(board.subscribe(this, request), request);
	}
	#stands(id, request) {
		this.#asked.delete(id);
		this.#standing.add(id);
		this.#attempt = 0;
		if (request.patterns || !this.#targets.some(isPattern)) this.#begun = true;
		if (this.#flow.paused) this.#board?.send({
			type: "pause",
			id
		});
	}
	#notStanding(id, request, refusal) {
		const { code, stream, retry_after_ms: hint } = refusal;
		const board = this.#board;
		this.#asked.delete(id);
		board?.forget(id);
		if (PASSING.includes(code)) return this.#askAgain(request, hint);
		if (code === "stream_not_found" && stream !== void 0 && this.#continuity.cursors.has(stream)) {
			this.dropped({
				streams: [stream],
				reason: "grant"
			});
			const { [stream]: _, ...cursors } = typeof request.from === "object" && "cursors" in request.from ? request.from.cursors : {};
			const streams = request.streams.filter((name) => name !== stream);
			if (streams.length > 0 && this.#epoch !== void 0) return this.#put({
				...request,
				streams,
				from: {
					cursors,
					epoch: this.#epoch
				}
			});
			if (this.#standing.size + this.#asked.size > 0) return;
		}
		if (code === "duplicate_stream" && stream !== void 0 && board?.isNamed(stream) === false) return this.#again();
		this.#leave();
		this.#finish(errorOf(refusal));
	}
	#notLeft(id, code) {
		if (code === "rate_limited") this.#board?.send({
			type: "unsubscribe",
			id
		});
		if (code !== "unknown_id") return;
		this.#leaving.delete(id);
		this.#board?.forget(id);
		this.#steer();
	}
	#askAgain(request, hint) {
		const timer = setTimeout(() => {
			this.#timers.delete(timer);
			this.#put(request);
		}, delay(this.#attempt, hint));
		this.#attempt += 1;
		this.#timers.add(timer);
	}
	#put(request) {
		if (this.#board) this.#asked.set(this.#board.subscribe(this, request), request);
	}
	/** Unsubscribes. What still comes is neither taken nor counted. */
	#leave() {
		for (const id of [...this.#standing, ...this.#asked.keys()]) {
			this.#leaving.add(id);
			this.#board?.send({
				type: "unsubscribe",
				id
			});
		}
		this.#stopWaiting();
	}
	/** The connection is gone, and all that was asked on it. */
	#detach() {
		if (!this.#board) return;
		this.#board = void 0;
		this.#leaving.clear();
		this.#stopWaiting();
	}
	#stopWaiting() {
		this.#standing.clear();
		this.#asked.clear();
		this.#outstanding.clear();
		for (const timer of this.#timers) clearTimeout(timer);
		this.#timers.clear();
		this.#jumps.clear();
		this.#seeks.abandon();
	}
	#finish(error) {
		if (this.#end) return;
		this.#end = error ? { error } : {};
		this.#stopWaiting();
		this.#queue.end(error);
		this.#tell();
		this.#left();
	}
	#announce(event) {
		if (this.#announced.has(event.stream)) return;
		this.#announced.add(event.stream);
		this.#push(event);
	}
	#lines(frame, size) {
		const { first, next, lines, faults } = this.#continuity.accept(frame);
		for (const fault of faults) this.#push(fault);
		const { stream } = frame;
		const place = {
			stream,
			cursor: next
		};
		if (next > first) this.#queue.push({
			event: {
				type: "lines",
				stream,
				first,
				next,
				lines
			},
			size,
			place
		});
		else this.#queue.push({
			size: 0,
			place
		});
	}
	#gap(message) {
		for (const fault of this.#continuity.gap(message)) this.#push(fault);
		const { stream, from, to, reason } = message;
		this.#queue.push({
			event: {
				type: "gap",
				stream,
				from,
				to,
				reason
			},
			size: 0,
			place: {
				stream,
				cursor: to
			}
		});
	}
	#live(message) {
		for (const fault of this.#continuity.live(message)) this.#push(fault);
		const { stream, next } = message;
		this.#outstanding.reached(stream);
		this.#queue.push({
			event: {
				type: "live",
				stream,
				next
			},
			size: 0,
			place: {
				stream,
				cursor: next
			}
		});
	}
	#push(event) {
		this.#queue.push({
			event,
			size: 0
		});
	}
	#sought(id) {
		const seek = this.#seeks.next(id);
		if (!seek) return;
		const { stream, to } = seek;
		const was = this.#continuity.cursors.get(stream) ?? 0;
		this.#queue.forget(stream);
		if (to === "live") this.#jumps.add(stream);
		else {
			this.#continuity.move(stream, to);
			this.#taken.set(stream, to);
			this.#outstanding.expectAgain(stream, was);
		}
		seek.resolve();
		this.#tell();
	}
	#tell() {
		const state = this.#judge();
		const same = JSON.stringify(state) === JSON.stringify(this.#state);
		this.#state = state;
		if (!same) tell(this.#options.onState, state);
	}
	#judge() {
		if (this.#end) return this.#end.error ? {
			name: "ended",
			error: this.#end.error
		} : { name: "ended" };
		if (this.#link.name === "offline") return this.#link;
		if (this.#silent) return {
			name: "silent",
			since: this.#silent
		};
		if (this.#flow.paused || this.#board && this.#flow.out) {
			const held = this.#flow.wanted ? this.#queue.lines : 0;
			return {
				name: "paused",
				behind: this.#outstanding.behind + held,
				slow: !this.#flow.wanted
			};
		}
		if (!this.#board || this.#asked.size + this.#timers.size > 0 || this.#standing.size === 0) return { name: "connecting" };
		if (this.#outstanding.none) return { name: "live" };
		return {
			name: "replaying",
			remaining: this.#outstanding.remaining(this.#continuity.cursors)
		};
	}
};
function beginOf(message) {
	if (message.type === "lines") return message.first;
	return message.type === "gap" ? message.from : message.next;
}
// ../client/src/dispose.ts
/** `Symbol.asyncDispose`, or what tools that know `await using` put in its place. */
var asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
// ../client/src/outbound.ts
/** The server's own burst is larger; what it does not tell is not counted upon. */
var BURST_SECONDS = 2;
/** Two clocks are never alike. */
var MARGIN = .9;
var OutboundRate = class {
	#perMs;
	#burst;
	#allowance;
	#since;
	constructor(perSecond, now) {
		this.#perMs = perSecond * MARGIN / 1e3;
		this.#burst = Math.max(1, perSecond * BURST_SECONDS);
		this.#allowance = this.#burst;
		this.#since = now;
	}
	/** Milliseconds until the next one may be sent: 0 means now, and counts it. */
	take(now) {
		this.#allowance = Math.min(this.#burst, this.#allowance + Math.max(0, now - this.#since) * this.#perMs);
		this.#since = now;
		if (this.#allowance < 1) return Math.ceil((1 - this.#allowance) / this.#perMs) + 1;
		this.#allowance -= 1;
		return 0;
	}
};
// ../client/src/watch.ts
/** Silence while an answer is awaited. */
var SILENCE_MS = 15e3;
/** For any answer, however much else is said. */
var ANSWER_MS$1 = 6e4;
/** Silence after which a sign is asked for while somebody looks: what they read as alive has to be. */
var SEEN_MS = 5e3;
/** For a sign of life, before it counts as overdue. */
var OVERDUE_MS = 2e3;
var Watch = class {
	#heard;
	/** When each request was sent that was not answered yet. */
	#asked = /* @__PURE__ */ new Map();
	#heartbeat;
	constructor(now) {
		this.#heard = now;
	}
	/** When something was last heard. */
	get heardAt() {
		return this.#heard;
	}
	/** From now on the server can be asked for a sign of life, after so much silence (ms) at most. */
	canAsk(heartbeat) {
		this.#heartbeat = heartbeat;
	}
	cannotAsk() {
		this.#heartbeat = void 0;
	}
	/** Whether it makes sense to ask for one now. */
	get mayAsk() {
		return this.#heartbeat !== void 0 && this.#asked.size === 0;
	}
	heard(now) {
		this.#heard = now;
	}
	asked(key, now) {
		if (!this.#asked.has(key)) this.#asked.set(key, now);
	}
	answered(key) {
		this.#asked.delete(key);
	}
	/** Answered, whatever was asked of it. */
	refused(id) {
		for (const key of this.#asked.keys()) if (key.endsWith(`:${id}`)) this.#asked.delete(key);
	}
	/** @param seen whether somebody looks: a sign is asked for sooner then. */
	verdict(now, seen) {
		const oldest = this.#oldest;
		const silent = now - Math.max(this.#heard, oldest);
		if (this.#asked.size > 0 && (silent > SILENCE_MS || now - oldest > ANSWER_MS$1)) return "dead";
		return this.mayAsk && now - this.#heard >= this.#patience(seen) ? "ask" : "fine";
	}
	/**
	* Whether a sign of life should have come by now: it was asked for and did not come, or nobody could ask (the page slept)
	* and the last one is too old. From a server that cannot be asked, none is awaited.
	*/
	isOverdue(now, seen) {
		if (this.#asked.size > 0 && now - Math.max(this.#heard, this.#oldest) > OVERDUE_MS) return true;
		return this.#heartbeat !== void 0 && now - this.#heard > this.#patience(seen) + OVERDUE_MS;
	}
	get #oldest() {
		return Math.min(...this.#asked.values());
	}
	#patience(seen) {
		const heartbeat = this.#heartbeat ?? 0;
		return seen ? Math.min(SEEN_MS, heartbeat) : heartbeat;
	}
};
// ../client/src/connection.ts
/** Between two looks at the clock. */
var LOOK_MS = 1e3;
/** When the server does not say. */
var MESSAGES_PER_SECOND = 20;
var HEARTBEAT_MS = 25e3;
var PING = "ping";
var Connection = class {
	#socket;
	#events;
	#watch = new Watch(Date.now());
	#parts;
	#looking;
	#rate = new OutboundRate(MESSAGES_PER_SECOND, Date.now());
	#waiting = [];
	#sending;
	#welcomed = false;
	#closing;
	#over = false;
	#lookedAt = Date.now();
	/** A look came late, and is not judged by before the next one. */
	#excused = false;
	/** A sign of life is overdue, and that was told. */
	#silent = false;
	constructor(socket, events, parts) {
		this.#socket = socket;
		this.#events = events;
		this.#parts = parts;
		this.#watch.asked("welcome", Date.now());
		this.#looking = setInterval(() => this.#look(), LOOK_MS);
		socket.onmessage = (event) => this.#heard(event.data);
		socket.onclose = (event) => this.#end({ code: event.code });
		socket.onerror = () => void setTimeout(() => this.#end({ code: 1006 }));
	}
	/** Sends a request, as soon as the server's limits allow. */
	send(message) {
		this.#waiting.push(message);
		if (this.#sending === void 0) this.#flush();
	}
	/** When something was last heard, ms since 1970. */
	get heardAt() {
		return this.#watch.heardAt;
	}
	/** Asks for a sign of life, when the server can give one, and says if one is overdue. */
	probe() {
		if (this.#watch.mayAsk) this.send({
			type: "ping",
			id: PING
		});
		this.#judge();
	}
	/** Leaves, without a word to anybody here. */
	close() {
		this.#release();
		this.#socket.close(1e3);
	}
	#flush() {
		this.#sending = void 0;
		while (this.#waiting[0] && !this.#over) {
			const wait = this.#rate.take(Date.now());
			if (wait > 0) {
				this.#sending = setTimeout(() => this.#flush(), wait);
				return;
			}
			const message = this.#waiting.shift();
			this.#watch.asked(`${message.type}:${message.id}`, Date.now());
			this.#socket.send(JSON.stringify(message));
		}
	}
	#look() {
		const now = Date.now();
		const slept = now - this.#lookedAt > 4e3;
		this.#lookedAt = now;
		const verdict = this.#watch.verdict(now, this.#parts.seen());
		if (verdict === "ask") this.send({
			type: "ping",
			id: PING
		});
		if (verdict === "dead" && (!slept || this.#excused)) return this.#die("The server does not answer.");
		this.#excused = slept;
		this.#judge();
	}
	#judge() {
		const silent = this.#watch.isOverdue(Date.now(), this.#parts.seen());
		if (silent === this.#silent || this.#over) return;
		this.#silent = silent;
		this.#events.silent(silent ? this.#watch.heardAt : void 0);
	}
	/** Gives the connection up: nobody waits for a close frame from somebody who is silent, or makes no sense. */
	#die(why) {
		this.#socket.close(1e3);
		this.#end({
			code: 1006,
			why
		});
	}
	#heard(data) {
		this.#watch.heard(Date.now());
		if (this.#silent) this.#judge();
		let message;
		try {
			message = readMessage(data, this.#parts.parse);
		} catch (error) {
			return this.#die(error instanceof TailcastError ? error.message : String(error));
		}
		if (message) this.#understood(message, data.length);
	}
	#understood(message, size) {
		switch (message.type) {
			case "welcome": return this.#welcome(message);
			case "closing":
				this.#closing = message;
				return;
			case "subscribed":
				this.#watch.answered(`subscribe:${message.id}`);
				break;
			case "done":
				this.#watch.answered(`${message.request}:${message.id ?? ""}`);
				if (message.id === PING) return;
				break;
			case "error":
				if (message.id !== void 0) this.#watch.refused(message.id);
				if (message.id === PING) return this.#watch.cannotAsk();
		}
		this.#events.message(message, size);
	}
	#welcome(welcome) {
		this.#watch.answered("welcome");
		if (welcome.requests?.includes(PING)) this.#watch.canAsk(welcome.heartbeat_ms ?? HEARTBEAT_MS);
		this.#rate = new OutboundRate(welcome.limits?.messages_per_second ?? MESSAGES_PER_SECOND, Date.now());
		this.#welcomed = true;
		this.#events.welcome(welcome);
	}
	#end(how) {
		if (this.#over) return;
		this.#release();
		const closing = this.#closing;
		this.#events.ended({
			...how,
			welcomed: this.#welcomed,
			...closing ? { closing } : {}
		});
	}
	#release() {
		this.#over = true;
		clearInterval(this.#looking);
		clearTimeout(this.#sending);
		this.#socket.onmessage = null;
		this.#socket.onclose = null;
	}
};
// ../client/src/renewal.ts
/** Between two questions for a token: those that live shorter than the server's notice would be asked for at once. */
var LEAST_MS = 1e3;
var MOST_MS = 1e4;
var Renewal = class Renewal {
	/** The `id` of its requests. */
	static ID = "refresh";
	#tokens;
	#events;
	#expiresAt = /* @__PURE__ */ new Date(0);
	/** When a token was last asked for. */
	#askedAt = -Infinity;
	#sent;
	#timer;
	/** Made anew when the session ends. */
	#era = {};
	constructor(tokens, events) {
		this.#tokens = tokens;
		this.#events = events;
	}
	/** The server says that the token ends soon. */
	expiring(at) {
		this.#expiresAt = at;
		if (!this.#tokens.renewable) return this.#warn(`The token ends at ${at.toISOString()}.`);
		this.#again(Date.now() - this.#askedAt < 2 * MOST_MS ? this.#wait() : 0);
	}
	isAbout(message) {
		return (message.type === "done" || message.type === "error") && message.id === Renewal.ID;
	}
	answered(message) {
		if (message.type === "done" || this.#sent === void 0) return;
		if (message.code === "bad_token") this.#tokens.drop(this.#sent, "refused");
		this.#events.problem(new TailcastError(message.code, message.message));
		this.#again(this.#wait());
	}
	/** The session is over. */
	stop() {
		this.#era = {};
		clearTimeout(this.#timer);
	}
	#wait() {
		const left = (this.#expiresAt.getTime() - Date.now()) / 2;
		return Math.min(MOST_MS, Math.max(LEAST_MS, left));
	}
	#again(after) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#ask(), after);
	}
	async #ask() {
		const era = this.#era;
		this.#askedAt = Date.now();
		try {
			const token = await this.#tokens.renew();
			if (era !== this.#era) return;
			this.#sent = token;
			this.#events.refresh(token);
		} catch (error) {
			if (era !== this.#era) return;
			this.#warn(`The token ends soon. ${words(error)}`);
			this.#again(this.#wait());
		}
	}
	#warn(message) {
		this.#events.problem(new TailcastError("token_expiring", message, { expiresAt: this.#expiresAt }));
	}
};
// ../client/src/tokens.ts
/** For the provider. */
var PROVIDER_MS = 3e4;
/** Between the server's clock and this one. */
var TOLERANCE_MS = 3e4;
var Tokens = class {
	#provider;
	#current;
	/** Why the next one is wanted, while there is none. */
	#why = "first";
	/** It is of no use any more: given again, it means that there is no other. */
	#useless;
	/** One question at a time. */
	#asking;
	constructor(source) {
		if (typeof source === "string") this.#current = source;
		else this.#provider = source;
	}
	/** Whether there may be another one. */
	get renewable() {
		return this.#provider !== void 0;
	}
	/** The one in use, or a new one when there is none. Fails with `no_token` when there is no other. */
	get() {
		if (this.#current !== void 0) return Promise.resolve(this.#current);
		return this.#ask(this.#why);
	}
	/** Another one than that in use, which stays in use until then. */
	renew() {
		return this.#ask("expiring");
	}
	/** This one is of no use any more: it ended, or the server refused it. */
	drop(token, why) {
		if (!this.#provider || token !== this.#current) return;
		this.#current = void 0;
		this.#why = why;
		this.#useless = token;
	}
	/** This one may be of no use any more. The same one is good enough, should it be given again. */
	doubt(token) {
		if (!this.#provider || token !== this.#current) return;
		this.#current = void 0;
		this.#why = "unreachable";
	}
	#ask(why) {
		this.#asking ??= this.#asked(why).finally(() => {
			this.#asking = void 0;
		});
		return this.#asking;
	}
	async #asked(why) {
		const token = await inTime(async () => this.#provider?.(why));
		if (!token || token === this.#useless || why === "expiring" && token === this.#current) throw new TailcastError("no_token", "There is no other token.");
		this.#current = token;
		return token;
	}
};
/** Whether a token says of itself that it has ended, a while ago. The server decides; the two clocks may differ. */
function hasEnded(token, now) {
	try {
		const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
		return isObject(claims) && typeof claims["exp"] === "number" && claims["exp"] * 1e3 + TOLERANCE_MS < now;
	} catch {
		return false;
	}
}
async function inTime(ask) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(/* @__PURE__ */ new Error("it did not come in time")), PROVIDER_MS);
	});
	try {
		return await Promise.race([ask(), late]);
	} catch (error) {
		throw new TailcastError("away", `A token could not be had: ${words(error)}.`);
	} finally {
		clearTimeout(timer);
	}
}
// ../client/src/lifeline.ts
/** A connection that lasted so long worked: what comes after it is a first failure. */
var STEADY_MS = 5e3;
/** After so many attempts whose refusal could not be read, it may be the token that is refused. */
var ATTEMPTS_PER_TOKEN = 4;
/** What happened, by the `reason` of `closing` and of the close frame. */
var REASONS = {
	draining: "The server is being stopped.",
	slow: "Lines could not be delivered for too long.",
	no_pong: "This client did not answer for too long.",
	unavailable: "The server can't serve readers now.",
	token_expired: "The token ended.",
	revoked: "The token was revoked.",
	bad_message: "The server did not understand this client.",
	rate_limited: "This client asked for too much.",
	wrong_subscriber: "The new token is somebody else's."
};
/** Reasons, by close codes, for a connection that closed without `closing`. */
var CODES = {
	1012: "draining",
	4e3: "slow",
	4001: "no_pong",
	4002: "unavailable",
	4003: "token_expired",
	4500: "revoked",
	4501: "bad_message",
	4502: "rate_limited",
	4503: "wrong_subscriber"
};
var Lifeline = class {
	#parts;
	#renewal;
	#state = { name: "idle" };
	#connection;
	#token;
	/** Failures in a row. */
	#attempt = 0;
	#openedAt;
	/** By connections of before. */
	#heardAt;
	#timer;
	/** Made anew with each attempt, so that what an older one awaited is not taken for this one's. */
	#era = {};
	constructor(parts) {
		this.#parts = parts;
		this.#renewal = new Renewal(parts.tokens, {
			refresh: (token) => {
				this.#token = token;
				this.#connection?.send({
					type: "refresh",
					id: Renewal.ID,
					token
				});
			},
			problem: parts.events.problem
		});
	}
	get state() {
		return this.#state;
	}
	/** When the server was last heard, ms since 1970; nothing before its first word. */
	get heardAt() {
		return this.#openedAt === void 0 ? this.#heardAt : this.#connection?.heardAt;
	}
	/** Connects, unless that was begun before. */
	start() {
		if (this.#state.name === "idle") this.#connect();
	}
	/** Now, not later, when it waits for the next attempt. */
	retry() {
		if (this.#state.name === "offline") this.#connect();
	}
	/** The network may have changed: finds out sooner than by waiting. */
	suspect() {
		this.retry();
		this.#connection?.probe();
	}
	/** Makes another connection, on which everything goes on. */
	again() {
		if (this.#connection) this.#comeBack("Subscriptions are put in order.");
	}
	end(error) {
		if (this.#state.name === "ended") return;
		this.#release();
		this.#become(error ? {
			name: "ended",
			error
		} : { name: "ended" });
	}
	async #connect() {
		this.#release();
		const era = this.#era;
		this.#become({ name: "connecting" });
		let token;
		try {
			token = await this.#parts.tokens.get();
		} catch (error) {
			if (era !== this.#era) return;
			if (error instanceof TailcastError && error.code === "no_token") return this.end(error);
			return this.#comeBack(words(error));
		}
		if (era === this.#era) this.#open(token);
	}
	#open(token) {
		this.#token = token;
		let socket;
		try {
			socket = this.#parts.open(token);
		} catch (error) {
			return this.end(notOpened(error));
		}
		const events = {
			welcome: (welcome) => this.#welcomed(welcome),
			message: (message, size) => this.#heard(message, size),
			silent: (since) => this.#parts.events.silent(since === void 0 ? void 0 : this.heardAt ?? since),
			ended: (ending) => void this.#lost(ending)
		};
		this.#connection = new Connection(socket, events, this.#parts);
	}
	#welcomed(welcome) {
		this.#openedAt = Date.now();
		this.#become({
			name: "open",
			subscriber: welcome.subscriber,
			node: welcome.node
		});
		if (this.#connection) this.#parts.events.welcome(welcome, this.#connection);
	}
	#heard(message, size) {
		if (message.type === "expiring") return this.#renewal.expiring(new Date(message.expires_at));
		if (this.#renewal.isAbout(message)) return this.#renewal.answered(message);
		this.#parts.events.message(message, size);
	}
	async #lost(ending) {
		this.#heardAt = this.heardAt;
		this.#connection = void 0;
		this.#renewal.stop();
		if (this.#openedAt !== void 0 && Date.now() - this.#openedAt >= STEADY_MS) this.#attempt = 0;
		this.#openedAt = void 0;
		const { closing } = ending;
		const code = closing?.code ?? ending.code;
		const reason = closing?.reason ?? CODES[code];
		const why = ending.why ?? (reason === void 0 ? void 0 : REASONS[reason] ?? `The server says: ${reason}.`);
		if (code === 4003) return this.#tokenIsOver("expiring", "token_expired", why ?? "The token ended.", closing);
		if (!comesBack(code)) return this.end(new TailcastError(reason ?? "closed", why ?? `The server closed with ${code}.`));
		if (ending.welcomed || why !== void 0) return this.#comeBack(why ?? "The connection broke.", closing);
		await this.#refused();
	}
	/** No browser tells why a WebSocket was refused. The same token over HTTP says it. */
	async #refused() {
		const era = this.#era;
		const token = this.#token ?? "";
		try {
			await this.#parts.reads.probe(token);
		} catch (thrown) {
			if (era !== this.#era) return;
			const error = thrown;
			if (error.details.status === 401) return this.#tokenIsOver("refused", error.code, error.message);
			if (error.details.status === 0) {
				if (hasEnded(token, Date.now())) return this.#tokenIsOver("expiring", "token_expired", "The token ended.");
				if (this.#attempt % ATTEMPTS_PER_TOKEN === 3) this.#parts.tokens.doubt(token);
				return this.#comeBack("The server can't be reached.");
			}
		}
		if (era === this.#era) this.#comeBack("The server takes no connection now.");
	}
	#tokenIsOver(how, code, why, closing) {
		if (!this.#parts.tokens.renewable) return this.end(new TailcastError(code, why));
		this.#parts.tokens.drop(this.#token ?? "", how);
		this.#comeBack(why, closing);
	}
	#comeBack(why, closing) {
		this.#release();
		const wait = delay(this.#attempt, closing?.retry_after_ms);
		this.#attempt += 1;
		this.#timer = setTimeout(() => void this.#connect(), wait);
		this.#become({
			name: "offline",
			until: new Date(Date.now() + wait),
			why
		});
	}
	/** Lets go of the connection and of every timer, without a word to anybody. */
	#release() {
		this.#era = {};
		clearTimeout(this.#timer);
		this.#renewal.stop();
		this.#heardAt = this.heardAt;
		this.#connection?.close();
		this.#connection = void 0;
		this.#openedAt = void 0;
	}
	#become(state) {
		this.#state = state;
		this.#parts.events.state(state);
	}
};
/** Why there is no WebSocket. A constructor throws a `SyntaxError` for a token that can't be written in a request. */
function notOpened(error) {
	if (error instanceof TailcastError) return error;
	return error instanceof Error && error.name === "SyntaxError" ? new TailcastError("bad_token", "This is no token.") : new TailcastError("not_opened", words(error));
}
// ../client/src/reads.ts
/** For any read. */
var ANSWER_MS = 15e3;
var Reads = class {
	#base;
	#tokens;
	#parse;
	/** @param base the server's address, ending in a slash. @param parse reads the JSON of an answer. */
	constructor(base, tokens, parse$2 = parse) {
		this.#base = base;
		this.#tokens = tokens;
		this.#parse = parse$2;
	}
	async streams(match, options) {
		const streams = (await this.#read("v1/streams", match === void 0 ? {} : { match }, options))["streams"];
		if (!Array.isArray(streams)) throw strange({ status: 200 });
		return streams.filter(isObject).map(streamInfo);
	}
	async lines(stream, range, options) {
		const { first_available: firstAvailable, from, next, lines, damaged = [] } = await this.#read("v1/lines", {
			stream,
			...written(range)
		}, options);
		if (!([
			firstAvailable,
			from,
			next
		].every(isOffset) && Array.isArray(lines) && Array.isArray(damaged)) || !damaged.every(isStretch)) throw strange({ status: 200 });
		const lost = damaged.map(({ from, to }) => ({
			from,
			to
		}));
		return {
			stream,
			firstAvailable,
			from,
			next,
			lines,
			...lost.length > 0 ? { damaged: lost } : {}
		};
	}
	async counts({ signal, ...asked }) {
		const { first_available: firstAvailable, from, next, width, buckets } = await this.#read("v1/counts", written(asked), signal ? { signal } : {});
		if (!([
			firstAvailable,
			from,
			next,
			width
		].every(isOffset) && Array.isArray(buckets) && buckets.every(isBucket))) throw strange({ status: 200 });
		return {
			stream: asked.stream,
			firstAvailable,
			from,
			next,
			width,
			buckets
		};
	}
	/** Whether the server takes this token, as far as it can be asked: throws what it answers. */
	async probe(token) {
		await this.#ask(this.#address("v1/streams", { match: "-" }), token);
	}
	async #read(path, query, { signal }) {
		const address = this.#address(path, query);
		const token = await unlessAborted(this.#tokens.get(), signal);
		try {
			return await this.#ask(address, token, signal);
		} catch (error) {
			if (!(error instanceof TailcastError && error.details.status === 401) || !this.#tokens.renewable) throw error;
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
		if (ok) return body;
		const { code, detail, parameter, position } = body;
		const where = {
			...isText(parameter) ? { parameter } : {},
			...isOffset(position) ? { position } : {}
		};
		const words = isText(detail) ? detail : `status ${details.status}`;
		throw new TailcastError(isText(code) ? code : "unknown", words, {
			...details,
			...where
		});
	}
};
/** As it stands in an address. What is not asked for is left out. */
function written(asked) {
	const query = {};
	for (const [name, value] of Object.entries(asked)) if (value !== void 0) query[name] = value instanceof Date ? value.toISOString() : String(value);
	return query;
}
function isStretch(value) {
	return isObject(value) && isOffset(value["from"]) && isOffset(value["to"]);
}
function isBucket(value) {
	if (!isObject(value)) return false;
	const { at, lines, levels } = value;
	return isText(at) && isOffset(lines) && isObject(levels) && Object.values(levels).every(isOffset);
}
async function fetched(address, token, signal) {
	const inTime = AbortSignal.timeout(ANSWER_MS);
	try {
		const response = await fetch(address, {
			headers: {
				Accept: "application/json",
				Authorization: `Bearer ${token}`
			},
			credentials: "omit",
			cache: "no-store",
			signal: signal ? AbortSignal.any([signal, inTime]) : inTime
		});
		const details = {
			status: response.status,
			...waitOf(response.headers.get("Retry-After"))
		};
		return {
			ok: response.ok,
			text: await response.text(),
			details
		};
	} catch (error) {
		signal?.throwIfAborted();
		throw new TailcastError("away", error instanceof DOMException && error.name === "TimeoutError" ? "no answer in time" : `no answer (${words(error)})`, { status: 0 });
	}
}
/** `Retry-After` is in seconds, or a date (RFC 9110 §10.2.3). */
function waitOf(header) {
	if (header === null) return {};
	const ms = /^\d+$/.test(header) ? Number(header) * 1e3 : Date.parse(header) - Date.now();
	return Number.isFinite(ms) ? { retryAfterMs: Math.max(0, ms) } : {};
}
/** What comes of `promise`, unless the page gives up first. */
async function unlessAborted(promise, signal) {
	if (!signal) return promise;
	const over = new AbortController();
	const aborted = new Promise((_, reject) => {
		const giveUp = () => reject(signal.reason);
		if (signal.aborted) giveUp();
		else signal.addEventListener("abort", giveUp, { signal: over.signal });
	});
	return Promise.race([aborted, promise]).finally(() => over.abort());
}
function parsed(text, parse, details) {
	try {
		const body = parse(text);
		if (isObject(body)) return body;
	} catch {}
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
		...isText(lastArrival) ? { lastArrival } : {},
		linesPerSecond: typeof rate === "number" ? rate : 0
	};
}
// ../client/src/source.ts
var LINES = "\"lines\":[";
/** What the server puts before the members that are stored. */
var ADDED = /^\{(?:"offset":\d+,)?(?:"undecided":true,)?/;
/** A string, which is passed over, or what opens and closes an object. */
var STRING_OR_BRACE = /"(?:[^"\\]|\\.)*"|[{}]/g;
/**
* Reads a message or a page. Lines that JavaScript would write otherwise have their text in `source`. Throws a `SyntaxError`.
*/
function parseWithSources(text) {
	const begin = text.indexOf(LINES);
	if (begin < 0) return parse(text);
	const message = JSON.parse(text);
	return Array.isArray(message.lines) && keepSources(message.lines, text, begin + 9) ? message : parseAsWritten(text);
}
/** Answers whether the text is written as expected: lines right behind each other, from `at` on. */
function keepSources(lines, text, at) {
	for (const [i, line] of lines.entries()) {
		const plain = JSON.stringify(line);
		if (text.startsWith(plain, at)) at += plain.length;
		else {
			const end = endOf(text, at);
			if (end === void 0) return false;
			lines[i] = withSource(text.slice(at, end));
			at = end;
		}
		if (text[at] !== (i + 1 < lines.length ? "," : "]")) return false;
		at += 1;
	}
	return true;
}
function withSource(text) {
	const line = parseAsWritten(text);
	line.source = JSON.parse(JSON.stringify(text.replace(ADDED, "{")));
	return line;
}
/** Where the object ends that begins at `at`. */
function endOf(text, at) {
	if (text[at] !== "{") return void 0;
	STRING_OR_BRACE.lastIndex = at;
	let depth = 0;
	for (let found = STRING_OR_BRACE.exec(text); found; found = STRING_OR_BRACE.exec(text)) {
		if (found[0] === "{") depth += 1;
		else if (found[0] === "}") depth -= 1;
		if (depth === 0) return STRING_OR_BRACE.lastIndex;
	}
}
// ../client/src/subscription.ts
/**
* Streams that are followed. Iterate over it, once, or give {@link SubscribeOptions.on}.
*
* Leaving the loop closes it. The loop ends after {@link Subscription.close | close()}, and throws a
* {@link TailcastError} when the subscription ended for another reason, after everything that came before.
*/
var Subscription = class {
	#follower;
	#iterated = false;
	/** @internal */
	constructor(follower) {
		this.#follower = follower;
	}
	/** The names and patterns that were asked for. */
	get streams() {
		return this.#follower.targets;
	}
	/** How it stands, for a person to see. */
	get state() {
		return this.#follower.state;
	}
	/**
	* Behind the last event that the consumer got, of every stream: to be kept, and handed to
	* {@link SubscribeOptions.from} later. An event counts as got when the loop begins with it, or the callback is called.
	* `undefined` until the server confirmed the subscription.
	*/
	cursors() {
		return this.#follower.cursors();
	}
	/** No event comes from now on; the server says how many lines wait, which `state` tells. */
	pause() {
		this.#follower.pause(true);
	}
	/** How the server reads the filter; `undefined` before it said so, and from one that does not. */
	get reading() {
		return this.#follower.reading;
	}
	/** Whether it was paused, and not resumed since. */
	get paused() {
		return this.#follower.paused;
	}
	/**
	* What became of every offset that went by, stream by stream, by this client's own count: {@link isComplete} says of each
	* whether every line that was due came once.
	*/
	proof() {
		return this.#follower.proof;
	}
	/** Goes on after {@link Subscription.pause | pause()}, with the next line. */
	resume() {
		this.#follower.pause(false);
	}
	/**
	* Goes on elsewhere in a stream: at an offset, or with what comes now. What waits of it is let go of. Before the first
	* kept line it begins there, after a `gap`. Fails with `offline`, `cursor_ahead`, …, and nothing has changed then.
	*/
	seek(stream, to) {
		return this.#follower.seek(stream, to);
	}
	/** Ends it: no event comes any more. */
	close() {
		this.#follower.close();
	}
	/** The events, from the first one that nobody has got. */
	[Symbol.asyncIterator]() {
		if (!this.#follower.iterable) throw new Error("This subscription has callbacks: its events go there.");
		if (this.#iterated) throw new Error("This subscription is iterated over already: each event comes once.");
		this.#iterated = true;
		return {
			next: () => this.#follower.queue.next(),
			return: () => {
				this.close();
				return Promise.resolve({
					done: true,
					value: void 0
				});
			}
		};
	}
	/** The same as {@link Subscription.close | close()}. */
	[asyncDispose]() {
		this.close();
		return Promise.resolve();
	}
};
// ../client/src/switchboard.ts
/** When the server does not say. */
var MESSAGE_BYTES = 16384;
var Switchboard = class {
	epoch;
	subscriber;
	/** Room in one request. */
	messageBytes;
	#send;
	#seats = /* @__PURE__ */ new Map();
	#streams = /* @__PURE__ */ new Map();
	#ids = 0;
	constructor(welcome, send) {
		this.epoch = welcome.epoch;
		this.subscriber = welcome.subscriber;
		this.messageBytes = welcome.limits?.message_bytes ?? MESSAGE_BYTES;
		this.#send = send;
	}
	/** Asks for a subscription, under the id that is answered. */
	subscribe(seat, request) {
		this.#ids += 1;
		const id = String(this.#ids);
		const { patterns: _, type, ...members } = request;
		this.#seats.set(id, seat);
		this.#send({
			type,
			id,
			...members
		});
		return id;
	}
	send(message) {
		this.#send(message);
	}
	/** The subscription that has a stream. */
	holder(stream) {
		return this.#streams.get(stream)?.id;
	}
	/** Whether somebody asked for a stream by its name, and has it. */
	isNamed(stream) {
		const seat = this.#streams.get(stream)?.seat;
		return seat !== void 0 && this.#names(seat, stream);
	}
	#names({ targets }, stream) {
		return targets.includes(stream) || targets.includes("@me") && stream === personal(this.subscriber);
	}
	/** A subscription has a stream now: the patterns of others have passed over it. */
	#holds(seat, id, stream) {
		this.#streams.set(stream, {
			id,
			seat
		});
		for (const other of new Set(this.#seats.values())) if (other !== seat && !this.#names(other, stream)) other.passOver(stream);
	}
	/** Tells the subscription that it concerns. Answers whether there is one. */
	deliver(message, size) {
		switch (message.type) {
			case "lines":
			case "gap":
			case "live": {
				const place = this.#streams.get(message.stream);
				place?.seat.heard(message, place.id, size);
				return true;
			}
			case "subscribed": {
				const seat = this.#seats.get(message.id);
				if (!seat) return true;
				for (const stream of Object.keys(message.streams)) this.#holds(seat, message.id, stream);
				seat.subscribed(message);
				return true;
			}
			case "behind":
				this.#seats.get(message.id)?.behind(message);
				return true;
			case "dropped":
				for (const stream of message.streams) this.#streams.delete(stream);
				this.#seats.get(message.id)?.dropped(message);
				return true;
			case "done": return this.#done(message.id ?? "", message.request);
			case "error": {
				const seat = this.#seats.get(message.id ?? "");
				seat?.refused(message);
				return seat !== void 0;
			}
			default: return true;
		}
	}
	/** A subscription that was refused, or is over. */
	forget(id) {
		this.#seats.delete(id);
		for (const [stream, place] of this.#streams) if (place.id === id) this.#streams.delete(stream);
	}
	#done(id, request) {
		const seat = this.#seats.get(id);
		if (request === "unsubscribe") this.forget(id);
		seat?.done(id, request);
		return true;
	}
};
// ../client/src/client.ts
/**
* Follows streams of one server, over one connection that is opened with the first subscription and comes back by itself
* until {@link Client.close | close()}.
*/
var Client = class {
	#options;
	#reads;
	#lifeline;
	#followers = /* @__PURE__ */ new Set();
	#board;
	/** Connects to nothing yet. Throws a `TypeError` when `url` is no address. */
	constructor(options) {
		this.#options = options;
		const base = baseOf(options.url);
		const tokens = new Tokens(options.token);
		const parse$1 = options.exact ? parseWithSources : parse;
		this.#reads = new Reads(base, tokens, parse$1);
		this.#lifeline = new Lifeline({
			open: (token) => openSocket(base, token, options.WebSocket ?? globalThis.WebSocket),
			tokens,
			reads: this.#reads,
			parse: parse$1,
			seen: isSeen,
			events: {
				state: (state) => this.#became(state),
				welcome: (welcome, connection) => this.#connected(welcome, connection),
				message: (message, size) => this.#heard(message, size),
				silent: (since) => this.#silent(since),
				problem: (problem) => tell(options.onProblem, problem)
			}
		});
		listenToDoubts("add", this.#doubt);
	}
	/** How it stands with the server. A subscription's own state says more. */
	get state() {
		return this.#lifeline.state;
	}
	/** When the server last gave a sign of life: any word at all. `undefined` before its first one. */
	get heardAt() {
		const at = this.#lifeline.heardAt;
		return at === void 0 ? void 0 : new Date(at);
	}
	/**
	* Follows streams: names, patterns, `@me`. A stream is in one subscription of a client at a time: naming one that
	* another names ends the new one with `duplicate_stream`; a pattern passes over it, or lets go of it.
	*/
	subscribe(streams, options = {}) {
		const targets = typeof streams === "string" ? [streams] : streams;
		if (targets.length === 0) throw new TypeError("There is no stream to subscribe to.");
		const follower = new Follower(targets, options, () => this.#followers.delete(follower), () => this.#lifeline.again());
		this.#followers.add(follower);
		this.#lifeline.start();
		follower.link(this.state);
		if (this.#board) follower.connected(this.#board);
		return new Subscription(follower);
	}
	/**
	* The cursors of all subscriptions that are not over, as one: see {@link Subscription.cursors}. `undefined` when there
	* are none yet.
	*/
	cursors() {
		const all = [...this.#followers].map((follower) => follower.cursors()).filter((cursors) => cursors !== void 0);
		const epoch = this.#board?.epoch ?? all[0]?.epoch;
		const ours = all.filter((cursors) => cursors.epoch === epoch);
		if (epoch === void 0 || ours.length === 0) return void 0;
		return {
			epoch,
			cursors: Object.assign({}, ...ours.map(({ cursors }) => cursors))
		};
	}
	/** The readable streams; only those that `match`, a pattern. Fails with a {@link TailcastError}. */
	streams(match, options = {}) {
		return this.#reads.streams(match, options);
	}
	/** Kept lines of a stream. Fails with a {@link TailcastError}. */
	lines(stream, range = {}, options = {}) {
		return this.#reads.lines(stream, range, options);
	}
	/** How many kept lines of a stream there are, over time and by level. Fails with a {@link TailcastError}. */
	counts(query) {
		return this.#reads.counts(query);
	}
	/** Connects now, when it waits for the next attempt. */
	retry() {
		this.#lifeline.retry();
	}
	/** Ends every subscription, and the connection. */
	close() {
		for (const follower of [...this.#followers]) follower.close();
		this.#lifeline.end();
	}
	/** The same as {@link Client.close | close()}. */
	[asyncDispose]() {
		this.close();
		return Promise.resolve();
	}
	/** What was true before may not be any more: asked at once, rather than when it is due. */
	#doubt = ({ type }) => {
		if (type !== "visibilitychange" || isSeen()) this.#lifeline.suspect();
	};
	#silent(since) {
		for (const follower of [...this.#followers]) follower.silent(since === void 0 ? void 0 : new Date(since));
	}
	#became(state) {
		if (state.name !== "open") this.#board = void 0;
		if (state.name === "ended") listenToDoubts("remove", this.#doubt);
		for (const follower of [...this.#followers]) follower.link(state);
		tell(this.#options.onState, state);
	}
	#connected(welcome, connection) {
		const board = new Switchboard(welcome, (message) => connection.send(message));
		this.#board = board;
		const named = (follower) => Number(follower.targets.some(isPattern));
		for (const follower of [...this.#followers].sort((a, b) => named(a) - named(b))) follower.connected(board);
	}
	#heard(message, size) {
		if (!this.#board?.deliver(message, size) && message.type === "error") tell(this.#options.onProblem, new TailcastError(message.code, message.message));
	}
};
function baseOf(url) {
	const base = new URL(url);
	base.hash = "";
	base.search = "";
	if (!base.pathname.endsWith("/")) base.pathname += "/";
	return base;
}
function openSocket(base, token, Socket) {
	if (!Socket) throw new TailcastError("no_websocket", "There is no WebSocket here (Node has one from 22 on): hand one in, as new Client({ …, WebSocket }).");
	const url = new URL("v1/ws", base);
	url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
	return new Socket(url, ["tailcast.v1", `bearer.${token}`]);
}
/** Whether somebody looks at the page; who has none is never sure of that. */
function isSeen() {
	return typeof document !== "undefined" && !document.hidden;
}
/** In a browser: what tells that a page was out of sight or asleep, or that its network is another one. */
var DOUBTS = [
	[() => window, ["online", "pageshow"]],
	[() => document, ["visibilitychange", "resume"]],
	[() => navigator.connection, ["change"]]
];
function listenToDoubts(what, listener) {
	if (typeof window === "undefined" || typeof document === "undefined") return;
	for (const [where, events] of DOUBTS) for (const event of events) if (what === "add") where()?.addEventListener(event, listener);
	else where()?.removeEventListener(event, listener);
}
export { Client, Numeral, Subscription, TailcastError, WholeNumber, covers, isComplete };

//# sourceMappingURL=tailcast.js.map