/** Opens the GPU in a process of its own; exits with 3 where that is refused as it should be. */
import { DeviceError } from "../../src/errors.ts";
import { requestDevice } from "../../src/gpu/mod.ts";

try {
  await requestDevice();
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
  await Deno.stderr.write(new TextEncoder().encode(error.message));
  Deno.exit(3);
}
