// What a subscription tells its consumer, and what it is told.
export {};
