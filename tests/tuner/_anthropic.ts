export { default as Anthropic } from "npm:@anthropic-ai/sdk@1.14.0";
