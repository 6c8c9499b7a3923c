"""Makes the golden tokenizers, ids and chat texts that tests/model compares with.

Needs tokenizers and transformers (pip install transformers jinja2). Run from anywhere:
    python tests/golden/model/make.py
"""

import json
import random
import sys
from pathlib import Path

import jinja2
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent

WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# Qwen2 and Qwen3 take digits one by one, Llama 3 up to three together.
PRETOKENIZERS = {
    "qwen2": WORDS + r"|\p{N}|" + REST,
    "llama3": WORDS + r"|\p{N}{1,3}|" + REST,
}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ADDED = ["<tool_call>", "</tool_call>"]


def corpus():
    """Seeded texts: word problems, code, JSON and several scripts."""
    draw = random.Random(7)
    names = ["Tom", "Ann", "Zoë", "Łukasz", "Мария", "美咲"]
    things = ["apples", "coins", "book's pages", "cafés", "😀 stickers"]
    texts = []
    for _ in range(120):
        a, b = draw.randrange(2, 2000), draw.randrange(2, 50)
        name, thing = draw.choice(names), draw.choice(things)
        texts.append(f"{name} has {a} {thing} and they're losing {b}. How many?")
        call = {"name": "calculator", "arguments": {"expression": f"{a}-{b}"}}
        texts.append(f"<tool_call>\n{json.dumps(call)}\n</tool_call><|im_end|>\n")
        texts.append(f"def f{a}(x):\n    return x - {b}  # it's {name}\r\n\t\n\n")
    texts += ["一共有多少个苹果？", "Сколько яблок осталось?", "कितने सेब बचे हैं?", "e\u0301te\u0301"]
    return texts


TEXTS = [
    "",
    " ",
    "Hello world",
    "  leading and trailing  ",
    "It's we're I'VE they'LL don’t 'tis",
    "0 1 12 123 1234567890 3.14 -2 ½ ٣٤ Ⅷ",
    "line\nline\r\nline\n\n\n  indented\n\t\ttabs \n \n",
    "\u00a0no-break\u2003em\u3000ideographic\u0085next\u2028sep\ufeffbom",
    "é e\u0301 ñ n\u0303 Å \u212b ﬁ ﬀ ﷺ",
    "Z̸̭͝a̵l̷g̶o̴ ก็็็ हिन्दी العربية עִבְרִית",
    "日本語のテキスト、中文。한국어 문장 조선글",
    "😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ☺️ 🫠",
    "\U0001f600\U0010ffff\U000e0001 \u200d\u200b\u2060",
    "nul \x00 bell \x07 del \x7f esc \x1b[0m",
    "<|im_start|>user\nHi<|im_end|>\n",
    "<|im_start|><|im_start|> <|im_end|>x<|endoftext|>",
    "<|im_star t|> <|im_start| <|im_end|",
    "a<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>b",
    "< tool_call></tool_call ><tool_call",
    "don't<|im_end|>'s 's",
    "x" * 50 + " " * 40 + "!" * 30 + "\n" * 20,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "{\"a\": [1, 2.5e-3, null], \"b\": \"\\u00e9\\n\"}",
    "for (let i = 0; i < n; i++) { s += a[i] ?? 0; } // 💡\n",
    "https://example.org/a_b-c?d=e&f=%20#g@h.i",
    "ǅ ǆ Ω ω ß ẞ İ ı ſ K",
    "\u0915\u094d\u0937 \u1100\u1161\u11a8 \uac01 \u0344 \u0f73",
    "tom's TOM'S tom''s tom's9 '9s",
    "a\u0300\u0316 \u0316\u0300 \u1e9b\u0323",
    "᠎᠎ ⁠ … — – “quotes” ‘single’ «guillemets»",
]

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "calculator",
            "description": "Évalue <b>\"sums\"</b> & more\n",
            "parameters": {
                "type": "object",
                "properties": {
                    "expression": {"type": "string", "enum": ["1+1", "é/ü"]},
                    "digits": {"type": "integer", "default": 2, "minimum": 0},
                },
                "required": ["expression"],
                "additionalProperties": False,
            },
        },
    },
    {"type": "function", "function": {"name": "now", "parameters": {}}},
]


def call(name, **arguments):
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


USER = {"role": "user", "content": "What is 2+2?"}
SYSTEM = {"role": "system", "content": "  Be brief. 😀\n"}
ANSWER = {"role": "assistant", "content": "4"}
CALL = {"role": "assistant", "content": "", "tool_calls": [call("calculator", expression="2+2", digits=None)]}
TALKING_CALL = {**CALL, "content": "Let me see."}
TWO_CALLS = {"role": "assistant", "content": "", "tool_calls": [
    call("calculator", expression="\"é\"\t<&>\\", deep={"a": [1, -2.5, True, {"b": []}]}),
    call("now"),
]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4 \u2028{\"x\": 'y'}"}
THOUGHT = {"role": "assistant", "content": "<think>\nHm: 2+2\n\nis 4\n</think>\n\n4"}

CONVERSATIONS = {
    "user only": [USER],
    "system and user": [SYSTEM, USER],
    "several turns": [USER, ANSWER, {"role": "user", "content": "And\n3+3? "}, ANSWER],
    "unicode": [{"role": "user", "content": "é e\u0301 😀 \u2028 <|im_end|> {{ x }} {% y %}"}],
    "empty content": [{"role": "user", "content": ""}],
    "tool call": [USER, CALL, RESULT],
    "tool call, answered": [SYSTEM, USER, TALKING_CALL, RESULT, ANSWER],
    "two calls, two results": [USER, TWO_CALLS, RESULT, {**RESULT, "content": ""}, ANSWER, USER],
    "reasoning in content": [USER, THOUGHT, USER, THOUGHT],
    "reasoning as a field": [USER, {**ANSWER, "reasoning_content": "\nI add.\n"}],
    "reasoning before a call": [USER, {**CALL, "content": "<think>\nUse it.\n</think>\n\n"}, RESULT],
    "late system": [USER, ANSWER, SYSTEM, USER],
    "two users in a row": [USER, USER],
}
VARIANTS = {
    "plain": {},
    "generation": {"add_generation_prompt": True},
    "tools": {"tools": TOOLS, "add_generation_prompt": True},
    "no thinking": {"enable_thinking": False, "add_generation_prompt": True, "date_string": "2 Feb 2026"},
}


def trained(pretokenizer, vocab_size):
    """A tokenizer trained by Hugging Face, laid out as trainBpe lays it out."""
    byte_level = ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pretokenizer), behavior="isolated"),
        byte_level,
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    whole = Regex("|".join(token.replace("|", r"\|") for token in SPECIAL + ADDED))
    splitter = pre_tokenizers.Split(whole, behavior="removed")
    sections = [part for text in corpus() for part, _ in splitter.pre_tokenize_str(text)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL) - len(ADDED),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sections, trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ADDED])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL])
    return tokenizer


def implied(trained_tokenizer):
    """The same vocabulary behind GPT-2's implied patterns, with tokens that no merges lead to."""
    layout = json.loads(trained_tokenizer.to_str())
    layout["normalizer"] = None
    layout["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ]}
    vocab = layout["model"]["vocab"]
    for token in ["ĠHello", "ĠtextĠ", "line", "xxxx", "Ġleading"]:
        vocab[token] = len(vocab)
    layout["model"]["ignore_merges"] = True
    for n, token in enumerate(layout["added_tokens"]):
        token["id"] = len(vocab) + n
    return Tokenizer.from_str(json.dumps(layout))


def encodings(tokenizer):
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)
    cases = []
    for text in TEXTS:
        ids = fast.encode(text, add_special_tokens=False)
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids
        cases.append({
            "text": text,
            "ids": ids,
            "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "withoutSpecial": tokenizer.decode(ids, skip_special_tokens=True),
        })
    return cases


def pieces(tokenizer):
    """What single tokens, and cuts inside of a character, decode to."""
    ids = tokenizer.encode("a😀é日", add_special_tokens=False).ids
    return [
        {"ids": ids[a:b], "decoded": tokenizer.decode(ids[a:b], skip_special_tokens=False)}
        for a in range(len(ids)) for b in range(a + 1, len(ids) + 1)
    ]


def renderings(tokenizer):
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>")
    cases = []
    for template in sorted(HERE.rglob("*.jinja")):
        text = template.read_text()
        for title, messages in CONVERSATIONS.items():
            for variant, options in VARIANTS.items():
                case = {"template": str(template.relative_to(HERE)), "conversation": title, "variant": variant}
                try:
                    case["text"] = fast.apply_chat_template(
                        messages, chat_template=text, tokenize=False, **options)
                except jinja2.exceptions.TemplateError as error:
                    case["error"] = str(error)
                cases.append(case)
    return cases


def main():
    qwen = trained(PRETOKENIZERS["qwen2"], 700)
    llama = trained(PRETOKENIZERS["llama3"], 400)
    tokenizers_made = [("qwen2", qwen, 700), ("llama3", llama, 400), ("gpt2", implied(llama), None)]
    golden = {
        "madeBy": {
            "python": sys.version.split()[0],
            "tokenizers": tokenizers.__version__,
            "transformers": transformers.__version__,
            "jinja2": jinja2.__version__,
        },
        "specialTokens": SPECIAL,
        "addedTokens": ADDED,
        "corpus": corpus(),
        "tokenizers": [
            {
                "name": name,
                "pretokenizer": PRETOKENIZERS.get(name),
                "vocabSize": size,
                "json": json.loads(tokenizer.to_str()),
                "encodings": encodings(tokenizer),
                "pieces": pieces(tokenizer),
            }
            for name, tokenizer, size in tokenizers_made
        ],
        "conversations": CONVERSATIONS,
        "variants": VARIANTS,
        "renderings": renderings(qwen),
    }
    text = json.dumps(golden, ensure_ascii=True, separators=(",", ":"))
    (HERE / "golden.json").write_text(text + "\n")
    print(f"golden.json: {len(text)} bytes, {golden['madeBy']}")


main()
