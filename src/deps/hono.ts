export { Hono } from "npm:hono@4.13.19";
export { streamSSE } from "npm:hono@4.13.19/streaming";
export type { Context } from "npm:hono@4.13.19";
