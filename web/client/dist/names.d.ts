/** Stands for the token's own personal stream. */
export declare const ME = "@me";
export declare function isPattern(target: string): boolean;
/** The personal stream of a subscriber. */
export declare function personal(subscriber: string): string;
/** Whether a pattern (or a name, its own) covers a name: `*` is one segment, `**` any number of them, `@*` every personal stream. */
export declare function covers(pattern: string, name: string): boolean;
