export {
  AIMessageChunk,
  HumanMessage,
  ToolMessage,
} from "npm:@langchain/core@1.4.0/messages";
export type { BaseMessage } from "npm:@langchain/core@1.4.0/messages";
export { ChatOpenAI } from "npm:@langchain/openai@1.6.0";
