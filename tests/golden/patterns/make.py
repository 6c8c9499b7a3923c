"""Reference answers for regular expressions: writes patterns.json beside this file.

What Python's re.fullmatch says of module paths and short texts: for patterns as adapters bring them, and for random ones.

Run: python tests/golden/patterns/make.py   (Python alone)
"""

import json
import pathlib
import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent
PATHS = [
    f"{root}.layers.{layer}.{module}"
    for root in ("model", "model.language_model", "visual")
    for layer in (0, 1, 12)
    for module in ("self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj")
] + ["lm_head", "model.norm", "model.embed_tokens"]
PROJECTIONS = "(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
GIVEN = [
    r".*\.(q|down)_proj",
    r"model\.layers\.\d+\.self_attn\.[qo]_proj",
    # As Unsloth writes them.
    r"(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?" + PROJECTIONS
    + r".*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)\.(?:"
    + PROJECTIONS + r"))",
    # As LLaMA-Factory and ms-swift write them.
    r"^(?!.*(?:visual|lm_head)).*" + PROJECTIONS + r"$",
    r"^(model\.language_model|model)(?=\.).*\.(q_proj|down_proj)$",
    r"^(?!(visual).*$).*proj",
    r"(?P<root>model)\.layers\.(?P<layer>[0-9]|1[0-2])\.mlp\.\w+",
    r"model\.layers\.(?:0|1[^0-9]?)\..*",
    r".*(?=proj)proj", r".*(?!proj)proj", r"(?=(?!visual)).*", r"(?!(?=model)).*",
    r"\Amodel\b.*\Z", r".*\Blayers.*", r".*\B_proj",
    r"[\w.]+", r"[^\W\d]+\.norm", r"[a-z_.]+", r"[]a-z._]+", r"[^]0-9]+", r"[\w-]+", r"[_a-z-]+",
    r".{10}", r".{,10}", r".{9,11}", r".{8,}", r"(?:.{3}){2,}", r".{3}{", r"lm{head}", r"lm_{1}head",
    r"lm{,}_head", r"x{0}lm_head", r"(?:){3}lm_head", r"(|lm)_head", r"(lm|)_?head", r"()", r"",
    r"(a*)*", r"(a|a)*", r"(a*)+$", r"((a*)*)*b?", r"(?:a?){5}a{5}", r"(?:a|b|ab)*", r"a.?b", r"a\.b", r"^a^b", r"a$\n?",
    r"\n", r"a\sb", r"\S+", r"\D+", r"a\-b", r"a\_b", r"a-b", r"[+--]+", r"a||b", r"|",
]
WRONG = [
    "(", ")", "a)", "(a", "[", "[a", "*", "+a", "a**", "a{2}{3}", "a{3,2}", "\\", "(?P<1>a)", "[b-a]", r"[\w-a]", r"\q",
    "(?<n>a)", "a|*", "(*)", r"[\q]",
]
UNSUPPORTED = [
    r"(a)\1", r"(?P<n>a)(?P=n)", r"(?<=a)b", r"(?<!a)b", "(?i)a", "(?i:a)", "(?#a)", r"\x41", r"(a)?(?(1)b|c)", r"\u0041",
]
TEXTS = PATHS + [
    "", "a", "b", "aa", "ab", "ba", "aab", "aba", "abab", "aaaaa", "aaaaaaaaaa", "a.b", "a-b", "a_b", "a b", "a\nb", "\n", "a\n",
    "]", "+-,", "lm", "_head", "head", "lm{head}", "mod{", "abc{", "ab]", "0",
]


def random_pattern(chance, depth=0):
    kind = chance.random()
    if depth > 3 or kind < 0.35:
        return chance.choice(["a", "b", "ab", ".", r"\w", "[ab]", "[^a]", r"\.", "_", "$", "^", r"\b"])
    inside = random_pattern(chance, depth + 1)
    if kind < 0.6:
        return inside + random_pattern(chance, depth + 1)
    if kind < 0.72:
        return f"({inside}|{random_pattern(chance, depth + 1)})"
    if kind < 0.8:
        return f"({chance.choice(['?=', '?!'])}{inside})"
    counted = chance.choice(["*", "+", "?", "*?", "{2}", "{1,2}", "{,2}", "{2,}"])
    return f"(?:{inside}){counted}"


def main():
    chance = random.Random(1)
    patterns = GIVEN + sorted({random_pattern(chance) for _ in range(400)})
    cases = []
    for pattern in patterns:
        known = re.compile(pattern)
        matched = [text for text in TEXTS if known.fullmatch(text)]
        cases.append({"pattern": pattern, "matched": matched})
    for pattern in WRONG:
        try:
            re.compile(pattern)
        except re.error:
            continue
        raise AssertionError(f"{pattern} is a pattern")
    for pattern in UNSUPPORTED:
        re.compile(pattern)
    golden = {
        "python": sys.version.split()[0],
        "texts": TEXTS,
        "cases": cases,
        "wrong": WRONG,
        "unsupported": UNSUPPORTED,
    }
    (HERE / "patterns.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
