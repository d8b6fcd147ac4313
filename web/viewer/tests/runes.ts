// Svelte's runes, for the modules of `page/` that keep state: without a compiler, a state is a plain member.

const state = Object.assign(<T>(value: T): T => value, { raw: <T>(value: T): T => value });
Object.assign(globalThis, { $state: state });
