// How a first line is sent to this server, as a command to be pasted. Pure.

/** Where the command sends to when nothing else is said. */
const DEFAULT = "http://127.0.0.1:7440/";

/** @param page the address of this page. */
export function sendCommand(stream: string, page: string): string {
  const server = new URL(".", page.split("#")[0]).href;
  const url = server === DEFAULT ? "" : ` --url ${server.replace(/\/$/, "")}`;
  return `echo hello | tailcast send ${stream}${url}`;
}
