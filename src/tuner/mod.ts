/**
 * The gateway: an OpenAI-compatible HTTP server in front of an engine, or of another such server.
 *
 * It speaks OpenAI's chat completions and Responses, and Anthropic's Messages, all of them streamed
 * or not, and translates them into the same calls. It gives each episode an address and a key, renders requests with the model's own chat template,
 * has the engine sample token ids and records every call in the episode's token tree exactly as the
 * engine saw it. Earlier sampled messages go into later prompts as the ids that were sampled, so that
 * the calls of a conversation extend one another to the token.
 *
 * An endpoint in an engine's place gets messages and gives messages: its calls are recorded too, and
 * are untrainable where it gives no token ids.
 *
 * It owns its sessions, which end with it; the engine and the model are the caller's. It knows
 * nothing of tasks, rewards or groups, and never changes what the policy says.
 *
 * @module
 */
export type { AdapterHost } from "./adapter_host.ts";
export { ApiError } from "./api_error.ts";
export type { ApiErrorOptions, ApiErrorStatus } from "./api_error.ts";
export type {
  ChatChoice,
  ChatCompletion,
  ChatPiece,
  IdentifiedToolCall,
} from "./chat_completion.ts";
export { ChatEndpoint } from "./chat_endpoint.ts";
export type {
  ChatEndpointOptions,
  EndpointChatOptions,
} from "./chat_endpoint.ts";
export type { EndpointReply } from "./endpoint_reply.ts";
export type { ChatModel } from "./chat_model.ts";
export { parseChatRequest } from "./chat_request.ts";
export type { ChatRequest, ToolChoice } from "./chat_request.ts";
export type {
  ChatOptions,
  EpisodeSession,
  OpenEpisodeOptions,
} from "./episode_session.ts";
export { Gateway } from "./gateway.ts";
export type {
  EndpointGatewayOptions,
  GatewayOptions,
  GatewayServing,
} from "./gateway.ts";
export {
  type CallMessages,
  type MessageNode,
  MessageTree,
} from "./message_tree.ts";
export type { SessionRequest } from "./session_request.ts";
