// Which subscription a message is for, on one connection. Frames of lines name a stream and no subscription: a stream is
// in one of them at a time.
import { ME, personal } from "./names.js";
/** When the server does not say. */
const MESSAGE_BYTES = 16 * 1024;
export class Switchboard {
    epoch;
    subscriber;
    /** Room in one request. */
    messageBytes;
    #send;
    #seats = new Map();
    #streams = new Map();
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
        this.#send({ type, id, ...members });
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
        return seat !== undefined && this.#names(seat, stream);
    }
    #names({ targets }, stream) {
        return targets.includes(stream) || (targets.includes(ME) && stream === personal(this.subscriber));
    }
    /** A subscription has a stream now: the patterns of others have passed over it. */
    #holds(seat, id, stream) {
        this.#streams.set(stream, { id, seat });
        for (const other of new Set(this.#seats.values())) {
            if (other !== seat && !this.#names(other, stream))
                other.passOver(stream);
        }
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
                if (!seat)
                    return true;
                for (const stream of Object.keys(message.streams))
                    this.#holds(seat, message.id, stream);
                seat.subscribed(message);
                return true;
            }
            case "behind":
                this.#seats.get(message.id)?.behind(message);
                return true;
            case "dropped":
                for (const stream of message.streams)
                    this.#streams.delete(stream);
                this.#seats.get(message.id)?.dropped(message);
                return true;
            case "done":
                return this.#done(message.id ?? "", message.request);
            case "error": {
                const seat = this.#seats.get(message.id ?? "");
                seat?.refused(message);
                return seat !== undefined;
            }
            default:
                return true;
        }
    }
    /** A subscription that was refused, or is over. */
    forget(id) {
        this.#seats.delete(id);
        for (const [stream, place] of this.#streams) {
            if (place.id === id)
                this.#streams.delete(stream);
        }
    }
    #done(id, request) {
        const seat = this.#seats.get(id);
        if (request === "unsubscribe")
            this.forget(id);
        seat?.done(id, request);
        return true;
    }
}
