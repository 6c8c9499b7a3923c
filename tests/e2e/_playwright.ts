export { chromium } from "npm:playwright-core@1.56.1";
export type { Browser, Page } from "npm:playwright-core@1.56.1";
