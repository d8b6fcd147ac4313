// What three services log: an HTTP front, an API and its worker. Made up, and different each time.

function pick(list) {
  return list[Math.floor(Math.random() ** 2 * list.length)];
}

function id(digits) {
  return String(Math.floor(Math.random() * 10 ** digits)).padStart(digits, "0");
}

/** @param at ms since 1970. */
export function access(at) {
  const status = pick([200, 200, 200, 304, 201, 404, 502]);
  const method = pick(["GET", "GET", "POST"]);
  const path = pick(["/", "/cart", "/checkout", "/api/orders", "/api/prices", "/assets/app.css"]);
  const ms = Math.round(4 + Math.random() ** 4 * 900);
  return {
    ts: new Date(at).toISOString(),
    level: status >= 500 ? "error" : status >= 400 ? "warn" : "info",
    message: `${method} ${path} ${status} in ${ms} ms`,
    fields: { status, method, path, ms, client: `198.51.100.${id(2)}` },
  };
}

const CARD = "card declined: insufficient funds";
const TRACE = [
  "settlement failed",
  "java.util.concurrent.TimeoutException: no answer from ledger within 2000 ms",
  "\tat payments.ledger.LedgerClient.settle(LedgerClient.java:118)",
  "\tat payments.settlement.Settlement.run(Settlement.java:64)",
  "\tat java.base/java.lang.Thread.run(Thread.java:1583)",
].join("\n");

/** @param at ms since 1970. */
export function api(at) {
  const order = { id: `o-${id(5)}`, total: Number(id(4)) / 100, currency: pick(["EUR", "USD", "CHF"]) };
  const told = pick(["order placed", "order placed", "price quoted", "cart updated", "cache refreshed", "retrying ledger", CARD, TRACE]);
  const level = { [CARD]: "warn", [TRACE]: "error", "retrying ledger": "warn", "cache refreshed": "debug" }[told] ?? "info";
  return { ts: new Date(at).toISOString(), level, message: told, fields: { status: level === "info" ? 200 : 402, order, trace_id: `${id(8)}${id(8)}` } };
}

/** @param at ms since 1970. */
export function worker(at) {
  const job = pick(["settle", "mail", "invoice", "reconcile"]);
  const late = Math.random() < 0.06;
  return {
    ts: new Date(at).toISOString(),
    level: late ? "warn" : pick(["info", "debug"]),
    message: late ? `\u001b[33mjob ${job} is late\u001b[0m by ${id(2)} s` : `\u001b[32m✓\u001b[0m job ${job} done`,
    fields: { job, queue: pick(["default", "slow"]), attempt: 1 },
  };
}
