export { APIError, OpenAI } from "npm:openai@6.49.0";
