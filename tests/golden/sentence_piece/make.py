"""Makes tokenizers of the SentencePiece kind, with ids, texts and conversations that tests compare with.

Needs sentencepiece, tokenizers and transformers (pip install sentencepiece transformers jinja2). Run from anywhere:
    python tests/golden/sentence_piece/make.py
"""

import io
import json
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import sentencepiece
import tokenizers
import transformers
from tokenizers import Tokenizer, decoders, models
from tokenizers.decoders import DecodeStream
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import LlamaTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import LlamaConverter, SentencePieceExtractor

HERE = Path(__file__).parent

CONTROL = ["[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
           "[TOOL_RESULTS]", "[/TOOL_RESULTS]"]
SPECIAL = ["<unk>", "<s>", "</s>"]


def corpus():
    """Seeded texts: word problems, code, calls and several scripts."""
    draw = random.Random(7)
    names = ["Tom", "Ann", "Zoë", "Łukasz", "Мария", "美咲"]
    things = ["apples", "coins", "book's pages", "cafés", "stickers"]
    texts = []
    for _ in range(150):
        a, b = draw.randrange(2, 2000), draw.randrange(2, 50)
        name, thing = draw.choice(names), draw.choice(things)
        texts.append(f"{name} has {a} {thing} and they're losing {b}. How many?")
        texts.append(json.dumps([{"name": "calculator", "arguments": {"expression": f"{a}-{b}"}}]))
        texts.append(f"def f{a}(x):    return x - {b}  # it's    {name}")
        texts.append("The answer is " + str(a - b) + ". [INST] user assistant [/INST]")
    return texts + ["一共有多少个苹果？", "Сколько яблок осталось?", "    ", "e\u0301te\u0301"] * 3


TEXTS = [
    "",
    " ",
    "  ",
    "▁",
    " ▁ ▁▁x",
    "Hello world",
    "the answer",
    " the answer",
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
    "<s>",
    "<s>x",
    "<s> x </s> y",
    "x<s>y</s>z <s></s>",
    " <s>  </s>\t<unk>\u0085</s> \n",
    "<s>[INST] How many apples? [/INST] The answer is 4.</s>[INST] And\n3+3? [/INST]",
    "<s ></ s> <S> [INST [ INST] [/INST]\n[TOOL_CALLS] [{\"name\": \"f\"}]",
    "<0x0A> <0x41> <0xE2><0x82>",
    "x" * 50 + " " * 40 + "!" * 30 + "\n" * 20,
    "a" * 300,
    "    return x - 1  # it's    Tom\n" * 8,
    "{\"a\": [1, 2.5e-3, null], \"b\": \"\\u00e9\\n\"}",
    "https://example.org/a_b-c?d=e&f=%20#g@h.i",
    "ǅ ǆ Ω ω ß ẞ İ ı ſ K \u1e9b\u0323 \u0344",
]

CALL = {"id": "abcdef012", "type": "function", "function": {"name": "calculator", "arguments": {"expression": "2 + 2"}}}
OTHER = {"id": "345678abc", "type": "function", "function": {"name": "calculator", "arguments": {"expression": "é\n3"}}}
TOOLS = [{"type": "function", "function": {"name": "calculator", "parameters": {
    "type": "object", "properties": {"expression": {"type": "string"}}}}}]


def user(content):
    return {"role": "user", "content": content}


def assistant(content, *calls):
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {})}


def tool(call, content):
    return {"role": "tool", "tool_call_id": call["id"], "content": content}


TALK = [user("How many apples?"), assistant("The answer is 4."), user("And\n3+3? 😀"), assistant("It's 6, café 日本."),
        user("x"), assistant("42")]
CALLS = [user("2 + 2?"), assistant("", CALL), tool(CALL, "4"), assistant("", CALL, OTHER), tool(CALL, "4"),
         tool(OTHER, "5"), assistant("The answer is 4.")]
CONVERSATIONS = {
    "instruct.jinja": (TALK, None),
    "spaced.jinja": (TALK, None),
    "turns.jinja": (TALK, None),
    "tools.jinja": (CALLS, TOOLS),
}


def trained():
    """A model that SentencePiece trains as Llama's and Mistral's were."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, model_type="bpe", vocab_size=600,
        byte_fallback=True, character_coverage=0.995, split_digits=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, max_sentence_length=100000,
        control_symbols=CONTROL, num_threads=1, minloglevel=2)
    return model.getvalue()


def converted(model, legacy, prefix=True):
    """The tokenizer that transformers makes of it for Llama: as before its version 4.38 with `legacy`, else as since."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.model"
        path.write_bytes(model)
        parts = SentencePieceExtractor(str(path)).extract(models.BPE)
    llama = LlamaTokenizer(vocab=parts["vocab"], merges=parts["merges"], add_prefix_space=prefix)
    tokenizer = Tokenizer.from_str(llama._tokenizer.to_str())
    tokenizer.model.unk_token = "<unk>"
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", parts["vocab"]["<s>"])])
    if legacy:
        this = SimpleNamespace(original_tokenizer=SimpleNamespace(legacy=True, add_prefix_space=prefix))
        tokenizer.normalizer = LlamaConverter.normalizer(this, None)
        tokenizer.pre_tokenizer = None
    return json.loads(tokenizer.to_str())


def edited(layout, flags=lambda token: {}, model=None, **parts):
    """The same with other flags of its added tokens, or other parts."""
    tokens = [*SPECIAL, *CONTROL]
    layout = {**layout, **parts, "model": {**layout["model"], **(model or {})}}
    ids = layout["model"]["vocab"]
    layout["added_tokens"] = [{
        "id": ids[token], "content": token, "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": True, **flags(token),
    } for token in tokens]
    return Tokenizer.from_str(json.dumps(layout))


def part(value):
    return json.loads(value.__getstate__())


def made():
    model = trained()
    legacy, newer = converted(model, legacy=True), converted(model, legacy=False)
    never = converted(model, legacy=False, prefix=False)
    strips = {"[INST]": {"rstrip": True}, "</s>": {"lstrip": True}}
    return {
        "legacy": edited(legacy),
        "legacy, normalized": edited(legacy, lambda token: {"normalized": token in SPECIAL}),
        "first": edited(newer),
        "always, split": edited(
            newer, lambda token: strips.get(token, {}),
            pre_tokenizer=part(Metaspace(prepend_scheme="always", split=True))),
        "never": edited(never),
        "without bytes": edited(
            newer, model={"byte_fallback": False},
            pre_tokenizer=part(Metaspace(prepend_scheme="always", split=True)),
            decoder=part(decoders.Metaspace(prepend_scheme="always"))),
        "unknown apart": edited(
            newer, model={"byte_fallback": False, "fuse_unk": False, "ignore_merges": True},
            pre_tokenizer=part(Metaspace(prepend_scheme="first", split=True)),
            decoder=part(decoders.Metaspace(prepend_scheme="never"))),
    }


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


def continuations(tokenizer):
    """What a stream decoder that was shown a prompt, as in vLLM, makes of what follows."""
    prompts = ["", "<s>", "<s></s>", "<s>[INST] x [/INST]", "x", "x<s><s><s><s><s><s>"]
    cases = []
    for prompt in prompts:
        before = tokenizer.encode(prompt, add_special_tokens=False).ids
        for text in ["The answer is 4.", "  two spaces", "\ncafé 😀", "x</s>y"]:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            stream = DecodeStream(ids=before, skip_special_tokens=True)
            pieces = [stream.step(tokenizer, token) or "" for token in ids]
            cases.append({"prompt": before, "ids": ids, "text": "".join(pieces)})
    return cases


def conversations(tokenizer):
    """Ids of each prompt of a conversation, and of each reply up to its end, as of the whole text."""
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    cases = []
    for name, (messages, tools) in CONVERSATIONS.items():
        def ids(count, opened):
            text = fast.apply_chat_template(
                messages[:count], chat_template=(HERE / name).read_text(), tools=tools,
                add_generation_prompt=opened, tokenize=False)
            return fast.encode(text, add_special_tokens=False)

        turns = []
        for at, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt, whole = ids(at, True), ids(at + 1, False)
            assert whole[:len(prompt)] == prompt, (name, at)
            reply = whole[len(prompt):]
            reply = reply[:len(reply) - reply[::-1].index(2)]
            turns.append({"prompt": prompt, "reply": reply})
        for before, after in zip(turns, turns[1:]):
            known = before["prompt"] + before["reply"]
            assert after["prompt"][:len(known)] == known, name
        cases.append({"template": name, "turns": turns})
    return cases


def main():
    tokenizers_made = made()
    layouts = {name: json.loads(tokenizer.to_str()) for name, tokenizer in tokenizers_made.items()}
    model = layouts["legacy"]["model"]
    golden = {
        "madeBy": {
            "python": sys.version.split()[0],
            "sentencepiece": sentencepiece.__version__,
            "tokenizers": tokenizers.__version__,
            "transformers": transformers.__version__,
        },
        "vocab": model["vocab"],
        "merges": model["merges"],
        "messages": {name: messages for name, (messages, _) in CONVERSATIONS.items()},
        "tools": TOOLS,
        "tokenizers": [],
    }
    for name, tokenizer in tokenizers_made.items():
        layout = layouts[name]
        assert layout["model"].pop("vocab") == golden["vocab"]
        assert layout["model"].pop("merges") == golden["merges"]
        golden["tokenizers"].append({
            "name": name,
            "json": layout,
            "encodings": encodings(tokenizer),
            "continuations": continuations(tokenizer),
            "conversations": conversations(tokenizer) if name in ("legacy", "first") else [],
        })
    text = json.dumps(golden, ensure_ascii=True, separators=(",", ":"))
    (HERE / "golden.json").write_text(text + "\n")
    print(f"golden.json: {len(text)} bytes, {golden['madeBy']}")


main()
