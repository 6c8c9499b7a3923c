export { createOpenAI } from "npm:@ai-sdk/openai@4.0.118";
export { createOpenAICompatible } from "npm:@ai-sdk/openai-compatible@3.0.92";
export {
  generateText,
  isStepCount,
  jsonSchema,
  streamText,
  tool,
} from "npm:ai@7.0.173";
