export { APIError, OpenAI } from "npm:openai@7.59.0";
