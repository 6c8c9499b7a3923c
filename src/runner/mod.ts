/**
 * Runner: one episode, the user's workflow and judge, fenced.
 *
 * @module
 */
export type * from "./types.ts";
