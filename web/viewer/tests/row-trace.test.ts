import assert from "node:assert/strict";
import { test } from "node:test";
import { continues, foldLines } from "../src/row/trace.ts";

/** A head, and lines that all go on with it. */
const TRACES: readonly (readonly [string, string])[] = [
  ["Java", `java.lang.IllegalStateException: no cart for user 7
\tat org.example.shop.Cart.total(Cart.java:42)
\tat java.base/java.lang.Thread.run(Thread.java:829)
\tat org.example.shop.Cart$$Lambda$12/0x0000.apply(Unknown Source) ~[shop.jar:1.2]
\tat jdk.internal.reflect.DirectMethodHandleAccessor.invoke(Native Method)
\tSuppressed: java.io.IOException: closing
\t\tat org.example.shop.File.close(File.java:3)
\t\t... 3 more
Caused by: java.io.IOException: connection reset
\tat org.example.shop.Link.read(Link.java:17)
\t... 12 more
\t... 5 common frames omitted`],
  ["Kotlin", `Exception in thread "main" kotlin.KotlinNullPointerException
\tat org.example.MainKt.main(Main.kt:3)
\tat org.example.MainKt$main$1.invokeSuspend(Main.kt)`],
  ["Python", `Traceback (most recent call last):
  File "/srv/shop/cart.py", line 12, in total
    return sum(item.price for item in items)
  File "/srv/shop/cart.py", line 12, in <genexpr>
    return sum(item.price for item in items)
               ^^^^^^^^^^
AttributeError: 'NoneType' object has no attribute 'price'
During handling of the above exception, another exception occurred:
Traceback (most recent call last):
  File "<stdin>", line 1, in <module>
requests.exceptions.ReadTimeout: no answer`],
  ["Python, announced by the line before", `ERROR:root:checkout failed
Traceback (most recent call last):
  File "/srv/a.py", line 1, in f
    f()
  [Previous line repeated 995 more times]`],
  ["Go", `panic: runtime error: index out of range [3] with length 2
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a]
goroutine 1 [running]:
main.total({0xc000012, 0x2, 0x2})
\t/srv/shop/cart.go:12 +0x1d
net/http.(*conn).serve(0xc0000b4000, {0x6d7a28, 0xc00007a2a0})
\t/usr/local/go/src/net/http/server.go:1995 +0x612
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3285 +0x4b4
goroutine 18 [chan receive, 2 minutes]:
runtime.gopark(0x1, 0x2)
\t/usr/local/go/src/runtime/proc.go:402`],
  ["JavaScript", `TypeError: Cannot read properties of undefined (reading 'price')
    at total (/srv/shop/cart.js:12:17)
    at Object.<anonymous> (/srv/shop/with space/main.js:3:1)
    at new Cart (file:///srv/shop/cart.mjs:1:2)
    at async Promise.all (index 0)
    at async run (node:internal/modules/run_main:128:5)
    at Server.handle [as emit] (node:events:517:28)
    at /srv/shop/server.js:9:9
    at async file:///srv/shop/server.mjs:9:9
    at Array.forEach (<anonymous>)
    at <anonymous>`],
  [".NET", `System.InvalidOperationException: No cart
 ---> System.IO.IOException: reset
   at Shop.Link.Read(Byte[] buffer, Int32 count) in C:\\src\\shop\\Link.cs:line 17
   --- End of inner exception stack trace ---
   at Shop.Cart.<>c__DisplayClass3_0.<Total>b__0()
--- End of stack trace from previous location ---
   at System.Threading.Tasks.Task.Execute()`],
  ["Rust", `thread 'main' panicked at src/main.rs:3:5:
index out of bounds: the len is 2 but the index is 3
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:645:5
   1: core::panicking::panic_fmt
             at /rustc/abc/library/core/src/panicking.rs:72:14
   2: <alloc::vec::Vec<T> as core::ops::Index<I>>::index
   3:     0x55d0c0 - shop::cart::total::h0123456789abcdef
  14: main
  15: __libc_start_main
  16: _start
note: run with \`RUST_BACKTRACE=full\` for a verbose backtrace.`],
  ["Rust's causes", `Error: cannot start
Caused by:
    connection refused`],
  ["Ruby", `cart.rb:12:in 'total': undefined method 'price' for nil (NoMethodError)
\tfrom cart.rb:12:in 'each'
\tfrom /srv/shop/main.rb:3:in '<main>'
        2: from /srv/shop/main.rb:3:in 'block in run'`],
  ["PHP", `PHP Fatal error:  Uncaught Exception: no cart in /srv/cart.php:3
Stack trace:
#0 /srv/main.php(7): Cart->total()
#1 {main}`],
];

test("traces go on with the line before, in every language", () => {
  for (const [language, text] of TRACES) {
    const lines = text.split("\n");
    const folded = lines.map((line, i) => continues(line, lines[i - 1]));
    assert.deepEqual(folded, lines.map((_, i) => i > 0), language);
  }
});

test("a trace goes on whatever ends its lines", () => {
  assert.equal(continues("\tat a.B.c(B.java:1)\r", "Error\r"), true);
  assert.equal(continues("\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)", "Error"), true);
});

/** Lines of which none goes on with the one before. */
const ORDINARY: readonly (readonly [string, string])[] = [
  ["YAML", `spec:
  replicas: 3
  containers:
    - name: shop
      image: shop:1.2
    args: [serve, --port, 80]
    1: one
    2: two
Error: cannot apply`],
  ["JSON", `{
  "at": "noon",
    "list": [
      1, 2
    ],
  "from": "a:1"
}
TypeError: next`],
  ["indented text", `Opening hours
  at noon (or later)
  at 12:30
  at 12:30:05
  at db.example.com:5432
  from 10.0.0.1:8080
  from here
  ... and so on
  ... 3 retries
    File a report
 1: first
 2: second
 3: fe80::1`],
  ["a shell's help", `usage: shop [command]
    serve    run it
    --port   where to listen
Commands: none
Done`],
  ["two errors, one after the other", `TypeError: a
RangeError: b
java.io.IOException: c
Caused: by nobody
Suppression of noise is on
Traces: 3
goroutines: 17
goroutine 1 is late
# 3 retries
#3 is late
-- 
--- a/file
note: nothing to do
stack of papers
[signal] strength 3`],
  ["web server", `10.0.0.1 - - [21/Nov/2026:14:03:07 +0000] "GET / HTTP/1.1" 200 17
[Sat Nov 21 14:03:07 2026] [notice] child 7 started
sshd[24]: Connection closed by 10.0.0.1 port 22
Nov 21 14:03:07 host kernel: CPU0: ready
2026-11-21 14:03:07,123 ERROR [main] org.example.Shop: failed: java.io.IOException: x`],
  ["a traceback that nothing announced is a head", `INFO listening on 80
Traceback (most recent call last):`],
  ["a goroutine that nothing announced is a head", `listening on 80
goroutine 1 [running]:`],
];

test("ordinary lines are none of a trace, indented or not", () => {
  for (const [what, text] of ORDINARY) {
    const lines = text.split("\n");
    for (const [i, line] of lines.entries()) {
      assert.equal(continues(line, lines[i - 1]), false, `${what}: ${JSON.stringify(line)}`);
    }
  }
});

test("a new error after a trace is a head", () => {
  assert.equal(continues("TypeError: b", "    at f (a.js:1:1)"), false);
  assert.equal(continues("java.io.IOException: b", "\tat a.B.c(B.java:1)"), false);
  assert.equal(continues("2026-11-21 INFO main.go: on (it)", "\t/srv/cart.go:12 +0x1d"), false);
});

test("a line of 1 MiB is judged by how it begins", () => {
  const long = `    ${"a(".repeat(500_000)}`;
  assert.equal(continues(long, long), false);
  assert.equal(continues(`\tat ${":1".repeat(500_000)}`, undefined), false);
});

test("a message of many lines is folded to its first", () => {
  const cases: [string, { first: string; more: number }][] = [
    ["one", { first: "one", more: 0 }],
    ["", { first: "", more: 0 }],
    ["one\ntwo\nthree", { first: "one", more: 2 }],
    ["one\r\ntwo\r\n", { first: "one", more: 1 }],
    ["one\n", { first: "one\n", more: 0 }],
    ["\ntwo", { first: "", more: 1 }],
    ["a\n\n\nb", { first: "a", more: 3 }],
  ];
  for (const [message, expected] of cases) assert.deepEqual(foldLines(message), expected);
});
