/**
 * Reads a message or a page. Lines that JavaScript would write otherwise have their text in `source`. Throws a `SyntaxError`.
 */
export declare function parseWithSources(text: string): unknown;
