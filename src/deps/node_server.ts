export { getRequestListener } from "npm:@hono/node-server@2.1.9";
export { RESPONSE_ALREADY_SENT } from "npm:@hono/node-server@2.1.9/utils/response";
