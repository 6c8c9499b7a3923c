import type { JudgeFunction } from "./types.ts";
import { contains } from "./contains.ts";
import { exactMatch } from "./exact_match.ts";
import { numberMatch } from "./number_match.ts";

/** The judges that a YAML may name. */
export const BUILT_IN_JUDGES: Readonly<Record<string, JudgeFunction>> = {
  "contains": contains,
  "exact-match": exactMatch,
  "number-match": numberMatch,
};
