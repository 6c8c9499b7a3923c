/** How a debugger gets at the workflow's process. */
export interface Inspector {
  /**
   * `inspect` runs at once, `inspect-wait` waits until a debugger is there, and `inspect-brk` then
   * breaks before the first line of the user's code.
   */
  readonly mode: "inspect" | "inspect-wait" | "inspect-brk";
  /** `host:port` to listen at. */
  readonly address: string;
}
