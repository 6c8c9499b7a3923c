import { Dashboard } from "../../src/monitor/dashboard/mod.ts";
import { type Browser, chromium, type Page } from "./_playwright.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Path of a Chromium; undefined where there is none. */
export const CHROMIUM: string | undefined = findChromium();

if (CHROMIUM === undefined) {
  console.warn(
    "No Chromium here, so the dashboard is not tested in a browser: apt-get install chromium",
  );
}

/** How a page is opened. */
export interface OpenOptions {
  /** @default {1280} */
  readonly width?: number;
  /** @default {"light"} */
  readonly theme?: "light" | "dark";
}

/** A dashboard of some runs, open in a real browser. */
export class OpenPage implements AsyncDisposable {
  /** What the browser complained about: errors of scripts, and what its policy forbade. */
  readonly complaints: string[] = [];

  private constructor(
    readonly dashboard: Dashboard,
    readonly page: Page,
    readonly browser: Browser,
  ) {
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Opens the runs in `directories`. */
  static async open(
    directories: readonly string[],
    { width = 1280, theme = "light" }: OpenOptions = {},
  ): Promise<OpenPage> {
    const dashboard = await Dashboard.start(directories);
    const browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: ["--no-sandbox", "--disable-gpu"],
    });
    const page = await browser.newPage({
      viewport: { width, height: 800 },
      colorScheme: theme,
    });
    page.setDefaultTimeout(20_000);
    const open = new OpenPage(dashboard, page, browser);
    await open.goto("/overview");
    return open;
  }

  /** Goes to a page of the dashboard, and waits until it is there. */
  async goto(address: string): Promise<void> {
    await this.page.goto(`${this.dashboard.url}#${address}`);
    await this.page.locator(`main[data-shown="#${address}"]`).waitFor();
  }

  /** Value of a JavaScript expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    return await this.page.evaluate(expression) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.dashboard[Symbol.asyncDispose]();
  }
}

function findChromium(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const paths = NAMES.flatMap((name) =>
    folders.map((folder) => `${folder}/${name}`)
  );
  return [Deno.env.get("ASTUNER_CHROMIUM") ?? "", ...paths].find((path) => {
    try {
      return path !== "" && Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
