// One WebSocket, from its opening to its end. Knows which messages there are, not what they mean for a subscription.
import { TailcastError } from "./errors.js";
import { readMessage } from "./messages.js";
import { OutboundRate } from "./outbound.js";
import { Watch } from "./watch.js";
/** Between two looks at the clock. */
const LOOK_MS = 1_000;
/** A look that comes so much later shows that nothing ran here meanwhile: what was said since may still wait to be heard. */
const ASLEEP_MS = 3_000;
/** When the server does not say. */
const MESSAGES_PER_SECOND = 20;
const HEARTBEAT_MS = 25_000;
const PING = "ping";
export class Connection {
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
        // `close` follows and says more. Node 22 leaves it out when the handshake failed.
        socket.onerror = () => void setTimeout(() => this.#end({ code: 1006 }));
    }
    /** Sends a request, as soon as the server's limits allow. */
    send(message) {
        this.#waiting.push(message);
        if (this.#sending === undefined)
            this.#flush();
    }
    /** When something was last heard, ms since 1970. */
    get heardAt() {
        return this.#watch.heardAt;
    }
    /** Asks for a sign of life, when the server can give one, and says if one is overdue. */
    probe() {
        if (this.#watch.mayAsk)
            this.send({ type: "ping", id: PING });
        this.#judge();
    }
    /** Leaves, without a word to anybody here. */
    close() {
        this.#release();
        this.#socket.close(1000);
    }
    #flush() {
        this.#sending = undefined;
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
        const slept = now - this.#lookedAt > LOOK_MS + ASLEEP_MS;
        this.#lookedAt = now;
        const verdict = this.#watch.verdict(now, this.#parts.seen());
        if (verdict === "ask")
            this.send({ type: "ping", id: PING });
        if (verdict === "dead" && (!slept || this.#excused))
            return this.#die("The server does not answer.");
        this.#excused = slept;
        this.#judge();
    }
    #judge() {
        const silent = this.#watch.isOverdue(Date.now(), this.#parts.seen());
        if (silent === this.#silent || this.#over)
            return;
        this.#silent = silent;
        this.#events.silent(silent ? this.#watch.heardAt : undefined);
    }
    /** Gives the connection up: nobody waits for a close frame from somebody who is silent, or makes no sense. */
    #die(why) {
        this.#socket.close(1000);
        this.#end({ code: 1006, why });
    }
    #heard(data) {
        this.#watch.heard(Date.now());
        if (this.#silent)
            this.#judge();
        let message;
        try {
            message = readMessage(data, this.#parts.parse);
        }
        catch (error) {
            // Whatever it was, it is told again from the cursors.
            return this.#die(error instanceof TailcastError ? error.message : String(error));
        }
        if (message)
            this.#understood(message, data.length);
    }
    #understood(message, size) {
        switch (message.type) {
            case "welcome":
                return this.#welcome(message);
            case "closing":
                this.#closing = message;
                return;
            case "subscribed":
                this.#watch.answered(`subscribe:${message.id}`);
                break;
            case "done":
                this.#watch.answered(`${message.request}:${message.id ?? ""}`);
                if (message.id === PING)
                    return;
                break;
            case "error":
                if (message.id !== undefined)
                    this.#watch.refused(message.id);
                if (message.id === PING)
                    return this.#watch.cannotAsk();
                break;
        }
        this.#events.message(message, size);
    }
    #welcome(welcome) {
        this.#watch.answered("welcome");
        if (welcome.requests?.includes(PING))
            this.#watch.canAsk(welcome.heartbeat_ms ?? HEARTBEAT_MS);
        this.#rate = new OutboundRate(welcome.limits?.messages_per_second ?? MESSAGES_PER_SECOND, Date.now());
        this.#welcomed = true;
        this.#events.welcome(welcome);
    }
    #end(how) {
        if (this.#over)
            return;
        this.#release();
        const closing = this.#closing;
        this.#events.ended({ ...how, welcomed: this.#welcomed, ...(closing ? { closing } : {}) });
    }
    #release() {
        this.#over = true;
        clearInterval(this.#looking);
        clearTimeout(this.#sending);
        this.#socket.onmessage = null;
        this.#socket.onclose = null;
    }
}
