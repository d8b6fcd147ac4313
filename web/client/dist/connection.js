// One WebSocket, from its opening to its end. Knows which messages there are, not what they mean for a subscription.
import { TailcastError } from "./errors.js";
import { readMessage } from "./messages.js";
import { OutboundRate } from "./outbound.js";
import { Watch } from "./watch.js";
/** Between two looks at the clock. */
const LOOK_MS = 2_500;
/** When the server does not say. */
const MESSAGES_PER_SECOND = 20;
const HEARTBEAT_MS = 25_000;
const PING = "ping";
export class Connection {
    #socket;
    #events;
    #watch = new Watch(Date.now());
    #looking;
    #rate = new OutboundRate(MESSAGES_PER_SECOND, Date.now());
    #waiting = [];
    #sending;
    #welcomed = false;
    #closing;
    #over = false;
    constructor(socket, events) {
        this.#socket = socket;
        this.#events = events;
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
    /** Asks for a sign of life, when the server can give one. */
    probe() {
        if (this.#watch.mayAsk)
            this.send({ type: "ping", id: PING });
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
        const verdict = this.#watch.verdict(Date.now());
        if (verdict === "ask")
            this.send({ type: "ping", id: PING });
        if (verdict === "dead")
            this.#die("The server does not answer.");
    }
    /** Gives the connection up: nobody waits for a close frame from somebody who is silent, or makes no sense. */
    #die(why) {
        this.#socket.close(1000);
        this.#end({ code: 1006, why });
    }
    #heard(data) {
        this.#watch.heard(Date.now());
        let message;
        try {
            message = readMessage(data);
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
