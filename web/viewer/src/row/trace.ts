// Stack traces: which lines go on with the line before, and what of a message of many lines is shown folded. Pure.
//
// It is asked for every line that comes, and it errs on one side: what is folded is out of sight, so a line that could
// be an ordinary one is none of a trace.

const TAB = 0x09;
const SPACE = 0x20;

/** A frame is shorter. Of a longer line only so much is looked at. */
const LOOKED_AT = 1_000;

/** Whether `message` goes on with the stack trace that `previous`, the line before it of its stream, begins or is in. */
export function continues(message: string, previous: string | undefined): boolean {
  const first = message.charCodeAt(0);
  if (first === TAB || first === SPACE) return isWithin(head(message), head(previous ?? ""));
  if (previous === undefined) return false;
  const before = previous.charCodeAt(0);
  if (before === TAB || before === SPACE) return isAfterFrame(head(message), head(previous));
  if (previous.startsWith("goroutine ")) return GO_HEAD.test(head(previous)) && GO_FUNCTION.test(head(message));
  if (previous.startsWith("thread '")) return RUST_PANIC.test(head(previous)) || goesOn(message, previous);
  return goesOn(message, previous);
}

/** A message of many lines: the first one, and how many come after it. */
export function foldLines(message: string): { readonly first: string; readonly more: number } {
  const end = message.indexOf("\n");
  if (end < 0) return { first: message, more: 0 };
  let more = 0;
  for (let at = end; at >= 0 && at < message.length - 1; at = message.indexOf("\n", at + 1)) more += 1;
  const cut = message[end - 1] === "\r" ? end - 1 : end;
  // Nothing is to be folded after a line feed at the end: it is shown as what it is.
  return more === 0 ? { first: message, more } : { first: message.slice(0, cut), more };
}

/** The first line, as far as it is looked at, without what may stand after it. */
function head(message: string): string {
  const begun = message.length > LOOKED_AT ? message.slice(0, LOOKED_AT) : message;
  const end = begun.indexOf("\n");
  return (end < 0 ? begun : begun.slice(0, end)).trimEnd();
}

/** Indented lines that are of a trace wherever they stand. */
const FRAMES: readonly RegExp[] = [
  // Java and Kotlin: `at a.B.c(D.java:1) ~[x.jar:1]`; .NET: `at X.Y(String s) in F.cs:line 3`.
  /^\s+at [^\s()]+\(.*\)(?: ~?\[.*\]| in .*:line \d+)?$/,
  // JavaScript: `at Object.fn [as run] (file:1:2)`, `at async file:1:2`; Rust: `at src/main.rs:3:5`.
  /^\s+at (?:async |new )?\S+(?: \[as \S+\])? \((?:.*:\d+:\d+|.*:\d+|native|<anonymous>|index \d+)\)$/,
  /^\s+at (?:async )?\S*[A-Za-z/]\S*:\d+:\d+$/,
  /^\s+at (?:<anonymous>|<unknown>)$/,
  /^\s+\.\.\. \d+ (?:more|common frames omitted)$/,
  /^\s+(?:Caused by|Suppressed): \S/,
  /^\s+--- End of .*stack trace.* ---$/,
  /^ ---> \S/,
  // Python, and frames that repeat.
  /^ {2}File ".*", line \d+(?:, in .*)?$/,
  /^ {2}\[Previous line repeated \d+ more times?\]$/,
  // Go: where a frame is, and a panic within a panic.
  /^\t\S.*\.(?:go|s|cgo):\d+(?: \+0x[0-9a-f]+)?$/,
  /^\tpanic: /,
  // Ruby, with or without a number.
  /^\s+(?:\d+: )?from \S.*:\d+:in \S.*$/,
  // Rust: `12: core::panicking::panic`, or with an address.
  /^\s+\d+: +(?:0x[0-9a-f]+ - )?[A-Za-z_<&][\w<>&*$ ,.{}()[\]#-]*::[A-Za-z_<{].*$/,
];

const PYTHON_FRAME = /^ {2}File ".*", line \d+/;
const PYTHON_CARETS = /^ {4}[\s~^]*\^[\s~^]*$/;
const RUST_FRAME = /^\s+\d+: +\S/;
/** Names in a Rust backtrace that have no `::`. */
const RUST_ROOTS = /^\s+\d+: +(?:0x[0-9a-f]+ - )?(?:_\w+|main|clone\d?|start_thread|rust_\w+|<unknown>)$/;
const AT = /^\s+at \S/;

function isWithin(message: string, previous: string): boolean {
  if (FRAMES.some((frame) => frame.test(message))) return true;
  // Python's source line is any code at all: only what is before it tells.
  if (PYTHON_FRAME.test(previous)) return message.startsWith("    ");
  if (PYTHON_CARETS.test(message)) return previous.startsWith("    ");
  if (RUST_ROOTS.test(message)) return RUST_FRAME.test(previous) || AT.test(previous) || previous === "stack backtrace:";
  // The first of Rust's causes; the others look like any numbered list.
  return previous === "Caused by:";
}

/** `ValueError: …`, `requests.exceptions.ReadTimeout: …`: a class, and nothing or a text after it. */
const PYTHON_ERROR = /^(?:(?:[A-Za-z_]\w*\.)+[A-Z]\w*|[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Group))(?:: .*)?$/;
/** Four spaces and code: no frame of another language, no `name: value`, no JSON. */
const PYTHON_SOURCE = /^ {4}(?!at |["'{}[\]-]|[\w.-]+:(?: |$))\S/;
const GO_HEAD = /^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]+\]:$/;
const GO_PLACE = /^\t\S.*\.(?:go|s):\d+/;
const GO_FUNCTION = /^[\w./*()\-·[\]{}]+\(.*\)$/;
const RUST_PANIC = /^thread '.*' (?:\(\d+\) )?panicked at .*:\d+:\d+:$/;

/** A line that is not indented, after one that is. */
function isAfterFrame(message: string, previous: string): boolean {
  if (GO_PLACE.test(previous) && (GO_FUNCTION.test(message) || message.startsWith("created by "))) return true;
  const inPython = PYTHON_SOURCE.test(previous) || PYTHON_CARETS.test(previous) || PYTHON_FRAME.test(previous);
  return (inPython && PYTHON_ERROR.test(message)) || goesOn(message, previous);
}

/** Something that says that a trace may follow. */
const ANNOUNCES = /error|exception|fail|fatal|crit|panic|unhandled|uncaught|traceback|SIG[A-Z]{3}/i;
/** What begins a trace of its own where nothing announced it: folded, the error would be out of sight. */
const announced = (previous: string): boolean => ANNOUNCES.test(head(previous));

/** Lines of a trace that are not indented, by what they begin with. */
const BEGINNINGS: ReadonlyMap<string, (message: string, previous: string) => boolean> = new Map([
  ["C", (message) => /^Caused by:(?: \S|$)/.test(message)],
  ["S", (message) => /^(?:Suppressed: \S|Stack trace:$)/.test(message)],
  ["D", (message) => message.startsWith("During handling of the above exception")],
  [
    "T",
    (message, previous) =>
      message.startsWith("The above exception was the direct cause") ||
      (message.startsWith("Traceback (most recent call last)") && announced(previous)),
  ],
  ["g", (message, previous) => GO_HEAD.test(message) && (announced(previous) || GO_PLACE.test(previous))],
  ["[", (message, previous) => message.startsWith("[signal ") && previous.startsWith("panic:")],
  ["s", (message) => message === "stack backtrace:"],
  ["n", (message) => /^note: .*backtrace/i.test(message)],
  // PHP and native frames.
  ["#", (message) => /^#\d+ (?:\S.*\(\d+\): |\{main\}|0x[0-9a-f]+ )/.test(message)],
  ["-", (message) => /^--- End of .*stack trace.* ---$/.test(message)],
]);

/** A line that is not indented, wherever it stands. */
function goesOn(message: string, previous: string): boolean {
  return BEGINNINGS.get(message.charAt(0))?.(head(message), previous) ?? false;
}
