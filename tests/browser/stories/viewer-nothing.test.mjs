// Three kinds of nothing: an empty stream, one that is still loading, and a filter without a match look different.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

const nothingOf = (desk) => desk.page.getByRole("region", { name: "Why there is no line" });
const heading = (desk) => nothingOf(desk).getByRole("status").innerText();

story("a stream without a line says what is awaited, and which names are near", async () => {
  const stream = fresh();
  await table.server.send(`${stream}/api`, ["hello"]);
  await table.server.send(`${stream}/app`, ["hello"]);
  const desk = await table.open(`${stream}/apq`);
  await desk.until(() => heading(desk), `No line in ${stream}/apq yet.`);
  await nothingOf(desk).getByText("The first one is shown as soon as it comes.").waitFor();
  await desk.until(() => nothingOf(desk).getByRole("link").allInnerTexts(), [`${stream}/api`, `${stream}/app`]);
  assert.equal(await nothingOf(desk).locator("code").count(), 0, "nobody is told how to send to a name that is misspelt");
  await table.server.send(`${stream}/apq`, ["here I am"]);
  await desk.shows("here I am");
  await desk.until(() => nothingOf(desk).count(), 0);
});

story("the command for a first line names the server and the stream", async () => {
  const desk = await table.open("quite/another");
  const url = table.server.url.replace(/\/$/, "");
  await desk.until(() => nothingOf(desk).locator("code").allInnerTexts(), [`echo hello | tailcast send quite/another --url ${url}`]);
});

story("a filter that is refused leaves no verdict that seems its own", async () => {
  const stream = fresh();
  await table.server.send(stream, range(0, 7, (i) => `line ${i}`));
  const desk = await table.open(stream);
  await desk.filter("nowhere");
  await desk.until(() => heading(desk), "No line of 7 matches.");
  await desk.filter("(line");
  await desk.page.getByText("Until then the lines are those of nowhere.").waitFor();
  await nothingOf(desk).getByText("That is so of the filter that applies: nowhere").waitFor();
  await desk.button('Look for the text "(line"').click();
  await nothingOf(desk).getByText('The filter is read as: the text "(line".').waitFor();
});

story("a pattern that meets nothing says so, and which pattern would meet something", async () => {
  const stream = fresh();
  await table.server.send(`${stream}/api`, ["hello"]);
  const desk = await table.open(`${stream}x/*`);
  await desk.until(() => heading(desk), `No stream matches ${stream}x/* yet.`);
  await nothingOf(desk).getByRole("link", { name: `${stream}/*` }).click();
  await desk.shows("hello");
});

story("a filter without a match says of how many lines, how it was read, and offers the text as it stands", async () => {
  const stream = fresh();
  await table.server.send(stream, range(0, 1_204, (i) => `user=ann${i} std::vec`));
  const desk = await table.open(stream);
  await desk.filter("level>=warn user:bob");
  await desk.until(() => heading(desk), "No line of 1,204 matches.");
  await nothingOf(desk).getByText('The filter is read as: level warn or above and the field user is "bob".').waitFor();
  await nothingOf(desk).getByText("That is all that is kept. What comes and matches is shown.").waitFor();
  await desk.filter("ann1203 std/x");
  await desk.until(() => heading(desk), "No line of 1,204 matches.");
  await nothingOf(desk).getByRole("button", { name: 'Look for the text "ann1203 std/x"' }).click();
  await desk.until(() => desk.applied, '"ann1203 std/x"');
  await desk.until(() => heading(desk), "No line of 1,204 matches.");
  await nothingOf(desk).getByRole("button", { name: "Show the lines without it" }).click();
  await desk.row("user=ann1203 std::vec").waitFor();
});

story("a stream that is still loading says that, and is not empty", async () => {
  const stream = fresh();
  await table.server.send(stream, ["slow but there"]);
  const desk = await table.openAt("#");
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await desk.page.route("**/v1/lines?**", async (route) => {
    await held;
    await route.continue();
  });
  await desk.page.goto(`${table.server.url}#token=${table.server.token}&to=/stream/${stream}`);
  await desk.until(() => heading(desk), "Reading the last lines…");
  release();
  await desk.shows("slow but there");
  await desk.until(() => nothingOf(desk).count(), 0);
});

story("lines of streams that are hidden are not called nothing", async () => {
  const stream = fresh();
  await table.server.send(`${stream}/a`, ["one", "two"]);
  await table.server.send(`${stream}/b`, ["three"]);
  const desk = await table.open(`${stream}/*`, { view: `?hide=${stream}/a,${stream}/b` });
  await desk.until(() => heading(desk), "3 lines, all of streams that are hidden.");
  await desk.button("Show all streams").click();
  await desk.row("three").waitFor();
});

story("a stream that may not be read is told like one that is not there, with what is near", async () => {
  const stream = fresh();
  await table.server.send(`${stream}/api`, ["for you"]);
  const token = await table.server.tokenFor("reader", `${stream}/*`);
  const desk = await table.open("secret/plans", { token, until: /^no such stream$/ });
  await desk.until(() => heading(desk), "There is no stream secret/plans, or this token may not read it.");
});
