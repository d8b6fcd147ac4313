import assert from "node:assert/strict";
import { test } from "node:test";
import { Chunk } from "../src/buffer/chunk.ts";
import { Commands, type CommandParts, heeded } from "../src/page/commands.ts";
import { BINDINGS, type Press } from "../src/page/keys.ts";
import { Sheets } from "../src/page/sheets.svelte.ts";
import { A, line } from "./samples.ts";

const press = (key: string, modifiers: Partial<Press> = {}): Press => {
  return { key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...modifiers };
};

/** What is called of an object, in words. Members that are in `given` are these. */
function recorded<T extends object>(name: string, told: string[], given: object = {}): T {
  return new Proxy(given, {
    get: (target, member) => {
      if (member in target) return Reflect.get(target, member);
      return (...all: unknown[]) => void told.push([`${name}.${String(member)}`, ...all.map((one) => JSON.stringify(one))].join(" "));
    },
  }) as T;
}

function scene({ cursor = false, chosen = false, find = false } = {}) {
  const told: string[] = [];
  const body = {} as HTMLElement;
  const sheets = new Sheets({ activeElement: body, body });
  const place = { chunk: new Chunk(), entry: line(A, 7) };
  const choice = recorded<object>("choice", told, { cursor: cursor ? place : undefined, empty: !chosen });
  const finding = recorded<object>("finding", told, { open: find });
  const part = (name: string, given: object = {}) => recorded<never>(name, told, given);
  const reading = {
    choice,
    finding,
    journey: part("journey", { to: async () => "nowhere" }),
    log: part("log"),
    disclosure: part("disclosure"),
    screen: { list: undefined },
    display: part("display", { columns: [] }),
  };
  const preferences = { wrap: false, chart: true };
  const parts = {
    desk: part("desk", { reading }),
    hands: part("hands"),
    clipboard: part("clipboard", { lines: () => told.push("copies lines"), link: () => told.push("copies a link") }),
    sheets,
    preferences: () => preferences,
    prefer: (changed: object) => told.push(`prefers ${JSON.stringify(changed)}`),
  } as unknown as CommandParts;
  return { commands: new Commands(parts), told, sheets, choice: choice as { cursor?: unknown }, finding: finding as { open: boolean } };
}

test("every key of the table does something", () => {
  for (const { command } of BINDINGS) {
    const { commands, told, sheets, choice } = scene({ cursor: true });
    commands.do(command);
    assert.ok(told.length > 0 || sheets.open !== undefined || choice.cursor === undefined, command);
  }
});

test("commands do what their words say", () => {
  const table = [
    ["down", "choice.move 1 \"moving\""],
    ["chooseUp", "choice.move -1 \"choosing\""],
    ["pageUp", "hands.page -1"],
    ["start", "journey.toStart"],
    ["live", "journey.toLive"],
    ["next", "finding.go 1"],
    ["previous", "finding.go -1"],
    ["pause", "log.togglePause"],
    ["streams", "hands.toStreams"],
    ["filter", "hands.toFilter"],
    ["find", "hands.toFind"],
    ["copy", "copies lines"],
    ["link", "copies a link"],
    ["wrap", "prefers {\"wrap\":true}"],
    ["chart", "prefers {\"chart\":false}"],
  ] as const;
  for (const [command, words] of table) {
    const { commands, told } = scene();
    commands.do(command);
    assert.deepEqual(told, [words]);
  }
});

test("what acts on a line does nothing without one", () => {
  for (const [cursor, expected] of [[false, []], [true, ["disclosure.toggle", "disclosure.isOpen"]]] as const) {
    const { commands, told } = scene({ cursor });
    commands.do("toggle");
    assert.deepEqual(told.map((words) => words.split(" ")[0]), expected);
  }
});

test("leaving closes the nearest thing, one each time", () => {
  const { commands, told, sheets, choice, finding } = scene({ cursor: true, chosen: true, find: true });
  sheets.show("help");
  commands.do("leave");
  assert.deepEqual([sheets.open, told], [undefined, []]);
  commands.do("leave");
  assert.deepEqual(told.splice(0), ["finding.close", "hands.toLog"]);
  finding.open = false;
  commands.do("leave");
  assert.deepEqual([told.splice(0), choice.cursor !== undefined], [["choice.clear"], true]);
  Object.assign(choice, { empty: true });
  commands.do("leave");
  assert.equal(choice.cursor, undefined);
});

test("a time after the last line is said, and the live end is gone to", async () => {
  const { commands, told } = scene();
  await commands.jump(5);
  assert.deepEqual(told, ['desk.say "There is no line of that time or later. This is the live end."', "journey.toLive"]);
});

/** Somewhere on the page, within these elements. */
const at = (...within: string[]) => {
  const closest = (selector: string) => (selector.split(", ").some((one) => within.includes(one)) ? {} : null);
  return { closest } as unknown as Element;
};

test("a key is heeded where nothing else has a use for it", () => {
  const table: [Press, Element, boolean, string | undefined][] = [
    [press("j"), at(), false, "down"],
    [press("j"), at("input"), false, undefined],
    [press("F3"), at("input"), false, "next"],
    [press("j"), at("dialog"), false, undefined],
    [press("F3"), at(".popover", "input"), false, undefined],
    [press("Enter"), at(), false, "toggle"],
    [press("Enter"), at("button"), false, undefined],
    [press(" "), at("a"), false, undefined],
    [press("j"), at("button"), false, "down"],
    [press("ArrowDown"), at("[role=slider]"), false, undefined],
    [press("PageDown"), at("[role=slider]"), false, "pageDown"],
    [press("c", { ctrlKey: true }), at(), false, "copy"],
    [press("c", { ctrlKey: true }), at(), true, undefined],
    [press("q"), at(), false, undefined],
  ];
  for (const [pressed, target, selects, command] of table) {
    assert.equal(heeded(pressed, target, selects), command, JSON.stringify(pressed));
  }
});

test("the browser does nothing with a key that is a command, but for Escape", () => {
  const { commands } = scene();
  assert.deepEqual(["j", "Escape", "q"].map((key) => commands.pressed(press(key), at(), false)), [true, false, false]);
});
