// The page: who reads, what is followed, and in which state it is.

import { Client } from "../client/v1/tailcast.js";
import { fragmentOf, isMany, readFragment, tokenEnd, tokenFrom } from "./address.js";
import { Follow } from "./follow.js";
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
/** The server is where the page is from. */
const SERVER = new URL(".", location.href.split("#")[0]);

let token;
/** Made anew with each token. */
let client;
let followed = [];
let tail;
let faults = 0;
let state;
/** While the past of many streams is replayed: its lines, which come stream after stream. */
let past;

const log = new Log({
  scroller: part("log"),
  loadLines: (stream, from, to) => client.lines(stream, { from, to, limit: to - from }),
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

function setToken(given) {
  token = given;
  storage((kept) => (token ? kept.setItem(TOKEN, token) : kept.removeItem(TOKEN)));
  // What is followed is left where it is, and goes on there with the next client.
  tail?.stop();
  client?.close();
  client = token && new Client({ url: SERVER, token, onState: showWho, onProblem: (problem) => log.note("info", problemText(problem)) });
}

function showWho({ name, subscriber }) {
  if (name === "open") part("subscriber").textContent = subscriber;
}

function problemText({ code, message, details }) {
  if (code === "token_expiring") return `This token ends at ${readable(details.expiresAt)}.`;
  return `The server says: ${message} (${code})`;
}

function askForToken(why) {
  page.dataset.view = "token";
  part("token-why").textContent = why ?? "";
  part("token").value = "";
  part("token").focus();
}

/** The token is of no use any more. What is on the page stays in it, behind the question for another one. */
function tokenEnded(message) {
  const end = token && tokenEnd(token);
  setToken(undefined);
  const ended = end !== undefined && end <= Date.now();
  askForToken(ended ? `The token ended at ${readable(end)}.` : `The server refuses this token: ${message}`);
}

function readable(end) {
  const { date, time } = clock(new Date(end).toISOString());
  return `${time.slice(0, 8)} (${date})`;
}

function takeToken(given) {
  setToken(given);
  tail?.start(client);
  open(followed);
  readList();
}

part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = tokenFrom(part("token").value);
  if (given) takeToken(given);
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
  const asked = client;
  if (!asked || document.hidden) return;
  try {
    const streams = await asked.streams();
    if (asked !== client) return;
    list.show(streams);
    part("no-streams").hidden = streams.length > 0;
    part("list-problem").textContent = "";
  } catch (error) {
    if (asked !== client) return;
    if (error.details.status === 401) {
      tail?.stop();
      show({ name: "ended", error });
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
  tail = new Follow({
    streams,
    from: { last: many ? LAST_OF_MANY : LAST },
    on: {
      state: show,
      begin: ({ stream, firstAvailable, cursor }) => many || log.begin(stream, firstAvailable, cursor),
      lines: (stream, lines) => (past ?? log).lines(stream, lines),
      gap: (gap) => log.note("warning", gapText(gap)),
      fault: (fault) => {
        faults += 1;
        log.note("error", faultText(fault));
        part("faults").hidden = false;
        part("faults").textContent = count(faults, "fault");
      },
      note: (text) => log.note("warning", text),
    },
  });
  tail.start(client);
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
  if (next.name === "ended" && isAboutToken(next.error)) tokenEnded(next.error.message);
  drawState();
}

/** Codes after which another token helps: the refusals of the first request, and the end of an open session. */
function isAboutToken(error) {
  return ["token_expired", "bad_token", "no_token", "revoked"].includes(error?.code);
}

function drawState() {
  if (!state) return;
  put("state", stateWords(state));
  // Said aloud when it changes, not with every second or line.
  put("said", `${followed.join(", ")}: ${state.name}. ${state.why ?? state.error?.message ?? ""}`);
  page.dataset.state = state.name;
  part("retry").hidden = state.name !== "offline" && state.name !== "ended";
}

function put(id, words) {
  if (part(id).textContent !== words) part(id).textContent = words;
}

function stateWords({ name, remaining, until, why, error }) {
  switch (name) {
    case "replaying":
      return remaining > 0 ? `replaying, ${count(remaining, "line")} to go` : "replaying";
    case "offline": {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      return seconds > 0 ? `offline, retrying in ${seconds} s. ${why}` : `offline, retrying. ${why}`;
    }
    case "ended":
      if (isAboutToken(error)) return "token ended";
      if (error?.code === "stream_not_found") return "There is no such stream, or this token may not read it.";
      return `ended: ${error?.message ?? "closed"}`;
    default:
      return name;
  }
}

setInterval(drawState, 250);
part("retry").addEventListener("click", () => {
  if (state?.name === "offline") client.retry();
  else takeToken(token);
});
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
  const { token: carried, streams } = readFragment(location.hash);
  if (carried !== undefined) {
    // Out of the address before anything else: it must not be copied, bookmarked or kept in the history.
    history.replaceState(null, "", fragmentOf(followed));
    const usable = tokenFrom(carried);
    if (usable) takeToken(usable);
    else askForToken("The address carried something that is not a token.");
    return;
  }
  if (token) open(streams);
  else {
    followed = streams;
    askForToken();
  }
}

window.addEventListener("hashchange", readAddress);
setToken(storage((kept) => kept.getItem(TOKEN)) ?? undefined);
readAddress();
readList();
