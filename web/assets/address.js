// What the part of the address behind `#` says. Pure.

/** { token } when a token is handed over, { streams } otherwise; none for the list of streams. */
export function readFragment(fragment) {
  const text = decode(fragment.replace(/^#/, ""));
  const token = /^token=([^&]*)/.exec(text);
  if (token) return { token: token[1] };
  const streams = /^\/stream\/(.+)$/.exec(text);
  return { streams: streams ? splitNames(streams[1]) : [] };
}

/** The fragment that shows these streams. */
export function fragmentOf(streams) {
  return streams.length > 0 ? `#/stream/${streams.map(encodeURI).join(",")}` : "#/";
}

/** Names and patterns as a person types them, between commas or spaces. */
export function splitNames(text) {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))];
}

/** Whether what is followed may be more than one stream. */
export function isMany(streams) {
  return streams.length > 1 || streams.some((name) => name.includes("*"));
}

/** A token out of what was pasted: itself, a header, or the address that `tailcast serve` prints. */
export function tokenFrom(pasted) {
  const text = pasted.trim();
  const token = /#token=([^&]*)/.exec(text)?.[1] ?? text.replace(/^(authorization:\s*)?bearer\s+/i, "");
  return /^[A-Za-z0-9._~+/=-]+$/.test(token) ? token : undefined;
}

/** When a token ends (ms since 1970) by what it says of itself, or undefined. */
export function tokenEnd(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(claims));
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
