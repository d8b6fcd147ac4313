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
    #courses = new Map();
    #streams = new Map();
    #ids = 0;
    constructor(welcome, send) {
        this.epoch = welcome.epoch;
        this.subscriber = welcome.subscriber;
        this.messageBytes = welcome.limits?.message_bytes ?? MESSAGE_BYTES;
        this.#send = send;
    }
    /** Asks for a subscription, under the id that is answered. */
    subscribe(course, request) {
        this.#ids += 1;
        const id = String(this.#ids);
        const { patterns: _, type, ...members } = request;
        this.#courses.set(id, course);
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
        const course = this.#streams.get(stream)?.course;
        return course !== undefined && this.#names(course, stream);
    }
    #names({ targets }, stream) {
        return targets.includes(stream) || (targets.includes(ME) && stream === personal(this.subscriber));
    }
    /** A subscription has a stream now: the patterns of others have passed over it. */
    #holds(course, id, stream) {
        this.#streams.set(stream, { id, course });
        for (const other of new Set(this.#courses.values())) {
            if (other !== course && !this.#names(other, stream))
                other.passOver(stream);
        }
    }
    /** Tells the course that it concerns. Answers whether there is one. */
    deliver(message, size) {
        switch (message.type) {
            case "lines":
            case "gap":
            case "live": {
                const place = this.#streams.get(message.stream);
                place?.course.heard(message, place.id, size);
                return true;
            }
            case "subscribed": {
                const course = this.#courses.get(message.id);
                if (!course)
                    return true;
                for (const stream of Object.keys(message.streams))
                    this.#holds(course, message.id, stream);
                course.subscribed(message);
                return true;
            }
            case "behind":
                this.#courses.get(message.id)?.behind(message);
                return true;
            case "dropped":
                for (const stream of message.streams)
                    this.#streams.delete(stream);
                this.#courses.get(message.id)?.dropped(message);
                return true;
            case "done":
                return this.#done(message.id ?? "", message.request);
            case "error": {
                const course = this.#courses.get(message.id ?? "");
                course?.refused(message);
                return course !== undefined;
            }
            default:
                return true;
        }
    }
    /** A subscription that was refused, or is over. */
    forget(id) {
        this.#courses.delete(id);
        for (const [stream, place] of this.#streams) {
            if (place.id === id)
                this.#streams.delete(stream);
        }
    }
    #done(id, request) {
        const course = this.#courses.get(id);
        if (request === "unsubscribe")
            this.forget(id);
        course?.done(id, request);
        return true;
    }
}
