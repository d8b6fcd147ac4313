// The page: who reads, what is followed, and in which state it is.

import { fragmentOf, isMany, readFragment, tokenEnd, tokenFrom } from "./address.js";
import { Api, Tail } from "./client.js";
import { Log } from "./log.js";
import { Past } from "./past.js";
import { StreamList } from "./streams.js";
import { clock, count } from "./text.js";

const TOKEN = "tailcast.token";
const LIST_EVERY_MS = 5_000;
/** Lines shown of the past when a stream is opened, and of each one when there are many. */
const LAST = 200;
const LAST_OF_MANY = 20;
const TITLE = "Tailcast";

const part = (id) => document.getElementById(id);
const page = part("page");
const api = new Api(new URL(".", location.href.split("#")[0]), undefined);

let followed = [];
let tail;
let faults = 0;
let state;
/** While the past of many streams is replayed: its lines, which come stream after stream. */
let past;

const log = new Log({
  scroller: part("log"),
  loadLines: (stream, from, to) => api.lines(stream, from, to),
  changed: ({ following, unseen }) => {
    part("to-live").hidden = following;
    put("to-live-words", unseen > 0 ? `${count(unseen, "new line")} · jump to live` : "Jump to live");
  },
});

const list = new StreamList({
  list: part("streams"),
  search: part("search"),
  summary: part("summary"),
  open: (names) => {
    location.hash = fragmentOf(names);
  },
});

// --- who reads

function storage(work) {
  try {
    return work(sessionStorage);
  } catch {
    // A browser may forbid it. The token then lives as long as the page.
    return undefined;
  }
}

function setToken(token) {
  api.token = token;
  storage((kept) => (token ? kept.setItem(TOKEN, token) : kept.removeItem(TOKEN)));
}

function askForToken(why) {
  page.dataset.view = "token";
  part("token-why").textContent = why ?? "";
  part("token").value = "";
  part("token").focus();
}

/** The token is of no use any more. What is on the page stays in it, behind the question for another one. */
function tokenEnded(message) {
  const end = tokenEnd(api.token);
  setToken(undefined);
  const ended = end !== undefined && end <= Date.now();
  askForToken(ended ? `The token ended at ${readable(end)}.` : `The server refuses this token: ${message}`);
}

function readable(end) {
  const { date, time } = clock(new Date(end).toISOString());
  return `${time.slice(0, 8)} (${date})`;
}

function takeToken(token) {
  setToken(token);
  tail?.retry();
  open(followed);
  readList();
}

part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = tokenFrom(part("token").value);
  if (token) takeToken(token);
  else askForToken("That is not a token. A token is three parts of letters and digits with dots between them.");
});

part("sign-out").addEventListener("click", () => {
  setToken(undefined);
  leave();
  list.show(undefined);
  location.hash = "#/";
  askForToken();
});

// --- which streams there are

async function readList() {
  if (!api.token || document.hidden) return;
  const token = api.token;
  try {
    const streams = await api.streams();
    if (token !== api.token) return;
    list.show(streams);
    part("no-streams").hidden = streams.length > 0;
    part("list-problem").textContent = "";
  } catch (error) {
    if (token !== api.token) return;
    if (error.status === 401) {
      tail?.stop();
      show({ name: "ended", code: "bad_token", why: error.message });
    } else {
      part("list-problem").textContent = `The list may be old: ${error.message}.`;
    }
  }
}

setInterval(readList, LIST_EVERY_MS);
document.addEventListener("visibilitychange", readList);

// --- what is followed

function open(streams) {
  page.dataset.view = streams.length > 0 ? "log" : "streams";
  list.follow(streams);
  document.title = streams.length > 0 ? `${titleOf(streams)} · ${TITLE}` : TITLE;
  if (tail && streams.join() === followed.join()) return;
  leave();
  followed = streams;
  if (streams.length === 0) return;
  const many = isMany(streams);
  log.clear({ showStream: many });
  past = many ? new Past() : undefined;
  part("title").textContent = titleOf(streams);
  tail = new Tail({
    api,
    streams,
    from: { last: many ? LAST_OF_MANY : LAST },
    on: {
      state: show,
      welcome: ({ subscriber }) => {
        part("subscriber").textContent = subscriber ?? "";
      },
      begun: (stream, { first_available: kept, cursor }) => many || log.begin(stream, kept, cursor),
      lines: (stream, first, lines) => (past ?? log).lines(stream, first, lines),
      gap: (gap) => log.note("warning", gapText(gap)),
      fault: (fault) => {
        faults += 1;
        log.note("error", faultText(fault));
        part("faults").hidden = false;
        part("faults").textContent = count(faults, "fault");
      },
      expiring: ({ expires_at: end }) => log.note("info", `This token ends at ${readable(Date.parse(end))}.`),
      note: (text) => log.note("warning", text),
    },
  });
  tail.start();
  part("log").focus({ preventScroll: true });
}

function titleOf(streams) {
  return streams.join() === "**" ? "All streams" : streams.join(", ");
}

function leave() {
  tail?.stop();
  past = undefined;
  tail = undefined;
  followed = [];
  faults = 0;
  state = undefined;
  part("faults").hidden = true;
}

function gapText({ stream, from, to, reason }) {
  const why = { retention: "not kept any more", skipped: "skipped to keep up" }[reason] ?? reason;
  return `Gap: ${count(to - from, "line")} of ${stream} ${why} (${from} to ${to - 1})`;
}

function faultText({ kind, stream, from, to, count: carried }) {
  const range = `${stream}, ${from} to ${to - 1}`;
  switch (kind) {
    case "missing":
      return `Fault: ${count(to - from, "line")} did not arrive (${range})`;
    case "repeated":
      return `Fault: ${count(to - from, "line")} arrived a second time and stand${to - from === 1 ? "s" : ""} here once (${range})`;
    case "set_back":
      return `Fault: the store was set back; ${count(to - from, "line")} shown above are not in it (${range})`;
    default:
      return `Fault: a message for ${count(to - from, "line")} carried ${carried} (${range})`;
  }
}

// --- the state, in words

function show(next) {
  state = next;
  if (past && next.name !== "connecting" && next.name !== "replaying") {
    past.into(log);
    past = undefined;
  }
  if (next.name === "ended" && isAboutToken(next.code)) tokenEnded(next.why);
  drawState();
}

/** Codes after which another token helps: the refusals of the first request, and the end of an open session. */
function isAboutToken(code) {
  return ["token_expired", "bad_token", "no_token", "revoked"].includes(code);
}

function drawState() {
  if (!state) return;
  put("state", stateWords(state));
  // Said aloud when it changes, not with every second or line.
  put("said", `${followed.join(", ")}: ${state.name}. ${state.why ?? ""}`);
  page.dataset.state = state.name;
  part("retry").hidden = state.name !== "offline" && state.name !== "ended";
}

function put(id, words) {
  if (part(id).textContent !== words) part(id).textContent = words;
}

function stateWords({ name, remaining, until, why, code }) {
  switch (name) {
    case "replaying":
      return remaining > 0 ? `replaying, ${count(remaining, "line")} to go` : "replaying";
    case "offline": {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      return seconds > 0 ? `offline, retrying in ${seconds} s. ${why}` : `offline, retrying. ${why}`;
    }
    case "ended":
      if (isAboutToken(code)) return "token ended";
      if (code === "stream_not_found") return "There is no such stream, or this token may not read it.";
      return `ended: ${why}`;
    default:
      return name;
  }
}

setInterval(drawState, 250);
part("retry").addEventListener("click", () => tail?.retry());
window.addEventListener("online", () => state?.name === "offline" && tail?.retry());
part("to-live").addEventListener("click", () => log.toLive());

// --- keys and the address

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
  if (event.key === "/") {
    event.preventDefault();
    if (page.dataset.view === "log" && part("search").offsetParent === null) location.hash = "#/";
    part("search").focus();
    part("search").select();
  } else if ((event.key === "End" || event.key === "G") && page.dataset.view === "log") {
    event.preventDefault();
    log.toLive();
  }
});

function readAddress() {
  const { token, streams } = readFragment(location.hash);
  if (token !== undefined) {
    // Out of the address before anything else: it must not be copied, bookmarked or kept in the history.
    history.replaceState(null, "", fragmentOf(followed));
    const usable = tokenFrom(token);
    if (usable) takeToken(usable);
    else askForToken("The address carried something that is not a token.");
    return;
  }
  if (api.token) open(streams);
  else {
    followed = streams;
    askForToken();
  }
}

window.addEventListener("hashchange", readAddress);
api.token = storage((kept) => kept.getItem(TOKEN)) ?? undefined;
readAddress();
readList();
