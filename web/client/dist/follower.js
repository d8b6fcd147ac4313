// One subscription, through all connections: what it wants, how far it is, and how much of it the consumer has taken.
//
// Two cursors per stream. `#continuity` has what arrived: a new connection goes on there, for what waits in the queue is
// not lost with the old one. `#taken` has what the consumer got: a page that is closed goes on there.
import { Continuity } from "./continuity.js";
import { TailcastError, tell } from "./errors.js";
import { Flow } from "./flow.js";
import { errorOf } from "./messages.js";
import { isPattern } from "./names.js";
import { Outstanding } from "./outstanding.js";
import { Queue } from "./queue.js";
import { isCursors, requests, wireFrom } from "./requests.js";
import { delay } from "./retry.js";
import { Seeks } from "./seeks.js";
/** Refusals after which asking again makes sense. */
const PASSING = ["unavailable", "rate_limited"];
export class Follower {
    #targets;
    #options;
    #from;
    #left;
    #again;
    #continuity;
    #taken = new Map();
    #queue;
    #flow;
    #epoch;
    /** Whether the patterns stood once, so that what they meet later is new. */
    #begun = false;
    /** Streams that the consumer was told of. */
    #announced = new Set();
    /** Names that the token does not allow any more. */
    #lost = new Set();
    #outstanding = new Outstanding();
    #board;
    /** Requests that were not answered yet, and that stand, by id. */
    #asked = new Map();
    #standing = new Set();
    /** Subscriptions that are being left, until the server says so. */
    #leaving = new Set();
    #seeks = new Seeks();
    /** Streams that go on at the head, wherever that is: the next frame tells. */
    #jumps = new Set();
    #timers = new Set();
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
        const saved = isCursors(from) ? from : undefined;
        this.#targets = [...new Set(targets)];
        this.#options = options;
        this.#from = wireFrom(from);
        this.#left = left;
        this.#again = again;
        this.#epoch = saved?.epoch;
        this.#begun = saved !== undefined;
        this.#continuity = new Continuity(Boolean(options.filter), saved ? Object.entries(saved.cursors) : []);
        for (const [stream, cursor] of this.#continuity.cursors)
            this.#taken.set(stream, cursor);
        this.#queue = new Queue(options.on, ({ place }) => {
            if (place)
                this.#taken.set(place.stream, place.cursor);
            this.#steer();
        });
        this.#flow = new Flow(options.bufferSize);
    }
    // --- for the consumer
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
        return this.#options.on === undefined;
    }
    /** Where the consumer is; `undefined` before anything stood. */
    cursors() {
        if (!this.#begun || this.#epoch === undefined)
            return undefined;
        return { epoch: this.#epoch, cursors: Object.fromEntries(this.#taken) };
    }
    pause(paused) {
        if (this.#end)
            return;
        this.#flow.want(paused);
        this.#queue.hold(paused);
        this.#steer();
        this.#tell();
    }
    seek(stream, to) {
        const board = this.#board;
        const id = board?.holder(stream);
        if (!board || id === undefined || !this.#standing.has(id)) {
            return Promise.reject(new TailcastError("offline", `${stream} is not being followed at the moment.`, { stream }));
        }
        return new Promise((resolve, reject) => {
            this.#seeks.add(id, { stream, to, resolve, reject });
            board.send({ type: "seek", id, stream, to });
        });
    }
    close() {
        if (!this.#end)
            this.#leave();
        this.#finish();
        this.#queue.discard();
    }
    // --- for the client
    /** How the connection does, as long as there is none that this could use. */
    link(state) {
        this.#link = state;
        this.#silent = undefined;
        if (state.name !== "open")
            this.#detach();
        if (state.name === "ended")
            this.#finish(state.error);
        this.#tell();
    }
    /** The server's last sign of life was then, and another one is overdue; or it is not any more. */
    silent(since) {
        this.#silent = since;
        this.#tell();
    }
    /** A connection stands. */
    connected(board) {
        if (this.#end)
            return;
        if (this.#epoch !== undefined && this.#epoch !== board.epoch) {
            return this.#finish(new TailcastError("wrong_epoch", "The cursors belong to another store.", { epoch: board.epoch }));
        }
        this.#board = board;
        this.#epoch = board.epoch;
        this.#flow.reset();
        this.#steer();
        this.#tell();
    }
    /** It stands, or a pattern met more streams: new ones, such as may be read again, and those that another let go of. */
    subscribed(message) {
        const request = this.#asked.get(message.id);
        if (request)
            this.#stands(message.id, request);
        this.reading = message.filter ?? this.reading;
        if (this.#leaving.has(message.id))
            return;
        for (const [stream, place] of Object.entries(message.streams)) {
            this.#lost.delete(stream);
            this.#continuity.begin(stream, place.cursor);
            if (!this.#taken.has(stream))
                this.#taken.set(stream, place.cursor);
            this.#outstanding.expect(stream, place.next);
            this.#announce({
                type: "begin",
                stream,
                firstAvailable: place.first_available,
                next: place.next,
                cursor: this.#continuity.cursors.get(stream) ?? place.cursor,
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
        // Not taken, not counted: it comes again.
        if (this.#leaving.has(id) || this.#end)
            return;
        if (this.#jumps.delete(message.stream))
            this.#continuity.move(message.stream, beginOf(message));
        if (message.type === "lines")
            this.#lines(message, size);
        else if (message.type === "gap")
            this.#gap(message);
        else
            this.#live(message);
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
        this.#push({ type: "dropped", streams, reason });
        this.#tell();
    }
    done(id, request) {
        if (request === "seek")
            this.#sought(id);
        if (request === "unsubscribe")
            this.#leaving.delete(id);
        this.#steer();
    }
    refused(refusal) {
        const { id = "", code, message } = refusal;
        if (this.#leaving.has(id))
            return this.#notLeft(id, code);
        const request = this.#asked.get(id);
        if (request)
            return this.#notStanding(id, request, refusal);
        const seek = this.#seeks.next(id);
        if (seek)
            return seek.reject(errorOf(refusal));
        if (this.#standing.has(id))
            this.#push({ type: "warning", code, message });
    }
    // --- asking
    /** Does what the flow of lines calls for. */
    #steer() {
        const board = this.#board;
        if (!board || this.#end)
            return;
        switch (this.#flow.next(this.#queue.size, this.#leaving.size > 0)) {
            case "subscribe":
                this.#ask(board);
                break;
            case "leave":
                this.#leave();
                break;
            case "pause":
                for (const id of this.#standing)
                    board.send({ type: "pause", id });
                this.#tell();
                break;
            case "resume":
                this.#outstanding.flows();
                for (const id of this.#standing)
                    board.send({ type: "resume", id });
                this.#tell();
                break;
            case "nothing":
                break;
        }
    }
    #ask(board) {
        const { filter, mode } = this.#options;
        const targets = this.#targets.filter((target) => !this.#lost.has(target));
        const wanted = {
            targets,
            from: this.#from,
            cursors: this.#continuity.cursors,
            takenAway: this.#continuity.takenAway,
            epoch: board.epoch,
            begun: this.#begun,
            ...(filter ? { filter } : {}),
            ...(mode === "recent" ? { mode } : {}),
        };
        const asked = requests(wanted, board.subscriber, board.messageBytes);
        if (asked.length === 0) {
            return this.#finish(new TailcastError("stream_not_found", "No stream is left that this token may read."));
        }
        for (const request of asked)
            this.#asked.set(board.subscribe(this, request), request);
    }
    #stands(id, request) {
        this.#asked.delete(id);
        this.#standing.add(id);
        this.#attempt = 0;
        if (request.patterns || !this.#targets.some(isPattern))
            this.#begun = true;
        if (this.#flow.paused)
            this.#board?.send({ type: "pause", id });
    }
    #notStanding(id, request, refusal) {
        const { code, stream, retry_after_ms: hint } = refusal;
        const board = this.#board;
        this.#asked.delete(id);
        board?.forget(id);
        if (PASSING.includes(code))
            return this.#askAgain(request, hint);
        if (code === "stream_not_found" && stream !== undefined && this.#continuity.cursors.has(stream)) {
            // It could be read before: the others go on.
            this.dropped({ streams: [stream], reason: "grant" });
            const { [stream]: _, ...cursors } = typeof request.from === "object" && "cursors" in request.from ? request.from.cursors : {};
            const streams = request.streams.filter((name) => name !== stream);
            if (streams.length > 0 && this.#epoch !== undefined) {
                return this.#put({ ...request, streams, from: { cursors, epoch: this.#epoch } });
            }
            if (this.#standing.size + this.#asked.size > 0)
                return;
        }
        // Only a pattern has it, of which who names a stream takes it: on a new connection names are the first to ask.
        if (code === "duplicate_stream" && stream !== undefined && board?.isNamed(stream) === false)
            return this.#again();
        this.#leave();
        this.#finish(errorOf(refusal));
    }
    #notLeft(id, code) {
        if (code === "rate_limited")
            this.#board?.send({ type: "unsubscribe", id });
        if (code !== "unknown_id")
            return;
        // It never stood.
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
        if (this.#board)
            this.#asked.set(this.#board.subscribe(this, request), request);
    }
    /** Unsubscribes. What still comes is neither taken nor counted. */
    #leave() {
        for (const id of [...this.#standing, ...this.#asked.keys()]) {
            this.#leaving.add(id);
            this.#board?.send({ type: "unsubscribe", id });
        }
        this.#stopWaiting();
    }
    /** The connection is gone, and all that was asked on it. */
    #detach() {
        if (!this.#board)
            return;
        this.#board = undefined;
        this.#leaving.clear();
        this.#stopWaiting();
    }
    #stopWaiting() {
        this.#standing.clear();
        this.#asked.clear();
        this.#outstanding.clear();
        for (const timer of this.#timers)
            clearTimeout(timer);
        this.#timers.clear();
        this.#jumps.clear();
        this.#seeks.abandon();
    }
    #finish(error) {
        if (this.#end)
            return;
        this.#end = error ? { error } : {};
        this.#stopWaiting();
        this.#queue.end(error);
        this.#tell();
        this.#left();
    }
    // --- what comes
    #announce(event) {
        if (this.#announced.has(event.stream))
            return;
        this.#announced.add(event.stream);
        this.#push(event);
    }
    #lines(frame, size) {
        const { first, next, lines, faults } = this.#continuity.accept(frame);
        for (const fault of faults)
            this.#push(fault);
        const { stream } = frame;
        const place = { stream, cursor: next };
        if (next > first)
            this.#queue.push({ event: { type: "lines", stream, first, next, lines }, size, place });
        else
            this.#queue.push({ size: 0, place });
    }
    #gap(message) {
        for (const fault of this.#continuity.gap(message))
            this.#push(fault);
        const { stream, from, to, reason } = message;
        this.#queue.push({ event: { type: "gap", stream, from, to, reason }, size: 0, place: { stream, cursor: to } });
    }
    #live(message) {
        for (const fault of this.#continuity.live(message))
            this.#push(fault);
        const { stream, next } = message;
        this.#outstanding.reached(stream);
        this.#queue.push({ event: { type: "live", stream, next }, size: 0, place: { stream, cursor: next } });
    }
    #push(event) {
        this.#queue.push({ event, size: 0 });
    }
    #sought(id) {
        const seek = this.#seeks.next(id);
        if (!seek)
            return;
        const { stream, to } = seek;
        const was = this.#continuity.cursors.get(stream) ?? 0;
        this.#queue.forget(stream);
        if (to === "live") {
            this.#jumps.add(stream);
        }
        else {
            this.#continuity.move(stream, to);
            this.#taken.set(stream, to);
            this.#outstanding.expectAgain(stream, was);
        }
        seek.resolve();
        this.#tell();
    }
    // --- the state, for a person
    #tell() {
        const state = this.#judge();
        const same = JSON.stringify(state) === JSON.stringify(this.#state);
        this.#state = state;
        if (!same)
            tell(this.#options.onState, state);
    }
    #judge() {
        if (this.#end)
            return this.#end.error ? { name: "ended", error: this.#end.error } : { name: "ended" };
        if (this.#link.name === "offline")
            return this.#link;
        if (this.#silent)
            return { name: "silent", since: this.#silent };
        if (this.#flow.paused || (this.#board && this.#flow.out)) {
            // Lines that were on their way when a pause was asked for wait here, and not at the server.
            const held = this.#flow.wanted ? this.#queue.lines : 0;
            return { name: "paused", behind: this.#outstanding.behind + held, slow: !this.#flow.wanted };
        }
        if (!this.#board || this.#asked.size + this.#timers.size > 0 || this.#standing.size === 0)
            return { name: "connecting" };
        if (this.#outstanding.none)
            return { name: "live" };
        return { name: "replaying", remaining: this.#outstanding.remaining(this.#continuity.cursors) };
    }
}
function beginOf(message) {
    if (message.type === "lines")
        return message.first;
    return message.type === "gap" ? message.from : message.next;
}
