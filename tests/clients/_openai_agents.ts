export { Agent, OpenAIProvider, Runner, tool } from "npm:@openai/agents@0.20.0";
