/**
 * The transformer on the GPU: forward, backward, optimizer, decoding.
 *
 * @module
 */
export type * from "./policy.ts";
