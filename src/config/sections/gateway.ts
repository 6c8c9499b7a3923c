import { z } from "../../deps/zod.ts";

/** Where agents reach the model. */
export interface GatewayConfig {
  readonly host: string;
  readonly port: number;
  readonly public_url: string | null;
}

/** Schema of `gateway`. */
export const gatewaySchema: z.ZodType<GatewayConfig> = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe(
    "Address that the gateway listens at; 0.0.0.0 for agents on other machines.",
  ),
  port: z.int().min(0).max(65535).default(0).describe(
    "Port that it listens at; 0 takes any that is free.",
  ),
  public_url: z.string().regex(/^https?:/).nullable().default(null).describe(
    "Address that agents are given where they reach it by another one, as http://gpu-host:8000.",
  ),
}).prefault({}).describe("Where agents reach the model.");
