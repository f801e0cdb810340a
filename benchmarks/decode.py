"""How fast a thinker answers: the project's decoding loop beside transformers' `generate`, in turns in one process.

    python benchmarks/decode.py [--model nano] [--tokens 64] [--threads 2] [--batch 1 8]

Busy machines distort seconds, so it prints CPU time beside wall time (best of the rounds) and the ratio of the two
loops; and how far the int8 steps move the model's choices: on its own greedy answers, the share of tokens that stay
the most likely one, and the divergence KL(model || int8) in nats a token.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from emotionthinker.models import prompt
from emotionthinker.models.decoding import Decoder, _Step, prefill
from emotionthinker.models.thinker import Thinker


def sound(seconds: float, seed: int) -> np.ndarray:
    """A gliding, pulsed harmonic tone over noise: the cost does not depend on what is heard."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * 16000)) / 16000
    phase = 2 * np.pi * np.cumsum(150 + 40 * np.sin(2 * np.pi * 0.7 * time_s)) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.abs(np.sin(2 * np.pi * 2 * time_s))
    return (0.1 * voice + 0.002 * rng.standard_normal(time_s.size)).astype(np.float32)


def clock(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def decoding_speed(thinker: Thinker, batch: int, tokens: int, rounds: int) -> None:
    """Tokens a second of the steps alone (the prefix is timed apart and taken off), both loops in turns."""
    model = thinker.model
    decoder = Decoder(model, stop=[], suppressed=[model.config.audio_token_id])
    inputs = thinker._encode([sound(3.0, i) for i in range(batch)], [prompt.QUESTION] * batch)

    def stock(count: int) -> None:
        model.generate(**inputs, max_new_tokens=count, min_new_tokens=count, do_sample=False)

    def lean(count: int) -> None:
        list(decoder.tokens(inputs, max_new_tokens=count))

    best: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, loop in (("transformers generate", stock), (f"lean loop, {decoder.precision}", lean)):
            short, whole = clock(lambda loop=loop: loop(1)), clock(lambda loop=loop: loop(tokens + 1))
            seconds = [whole[0] - short[0], whole[1] - short[1], short[0], short[1]]
            best[name] = [min(pair) for pair in zip(best.get(name, seconds), seconds, strict=True)]
    print(f"\nbatch {batch}, {tokens} tokens a clip, prompt of {inputs['input_ids'].shape[1]} tokens")
    print(f"{'':26s} {'tok/s wall':>10s} {'tok/s CPU':>10s} {'first token s (CPU s)':>24s}")
    for name, (wall, cpu, first, first_cpu) in best.items():
        rate = batch * tokens
        print(f"{name:26s} {rate / wall:10.1f} {rate / cpu:10.1f} {first:15.2f} ({first_cpu:.2f})")
    (stock_wall, stock_cpu, *_), (lean_wall, lean_cpu, *_) = best.values()
    print(f"{'ratio':26s} {stock_wall / lean_wall:10.2f} {stock_cpu / lean_cpu:10.2f}")


@torch.inference_mode()
def agreement(thinker: Thinker, clips: int, tokens: int) -> None:
    """Follow the full-precision greedy answer with the int8 steps and compare the next-token distributions."""
    model, decoder = thinker.model, thinker._decoder
    same, divergence, count = 0, 0.0, 0
    for clip in range(clips):
        inputs = thinker._encode([sound(3.0, clip)], [prompt.QUESTION])
        exact, rounded = (prefill(model, inputs) for _ in range(2))
        full = _Step(model.model.language_model, exact)
        int8 = _Step(decoder._language_model, rounded)
        chosen = model.lm_head(exact.hidden).argmax(-1)
        for _ in range(tokens):
            p = model.lm_head(full(chosen)).float().log_softmax(-1)
            q = decoder._head(int8(chosen)).float().log_softmax(-1)
            divergence += float((p.exp() * (p - q)).sum())
            same += int(p.argmax() == q.argmax())
            count += 1
            chosen = p.argmax(-1)
    print(
        f"\n{decoder.precision} against {model.dtype}: {same / count:.1%} of {count} tokens the same choice, ", end=""
    )
    print(f"KL {divergence / count:.1e} nats a token")


def answer_time(thinker: Thinker, tokens: int) -> None:
    """What a user waits: first piece, whole answer, and the nine labels' probabilities."""
    start, cpu = time.perf_counter(), time.process_time()
    first = None
    for _ in thinker.stream(sound(3.0, 0), prompt.QUESTION, max_new_tokens=tokens, temperature=1.0, top_p=0.9):
        first = first or time.perf_counter() - start
    whole = time.perf_counter() - start
    think = "The pitch is high and rises towards the end, the voice is loud, and the words come quickly. " * 3
    thinker.label_probabilities([sound(3.0, 0)], [prompt.QUESTION], [think])
    total, spent = time.perf_counter() - start, time.process_time() - cpu
    print(f"\n3 s clip: first piece {first or 0:.2f} s, at most {tokens} tokens {whole:.2f} s, ", end="")
    print(f"with label scores {total:.2f} s ({spent:.2f} CPU s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="nano, a folder or a hub id")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="*", default=[1])
    parser.add_argument("--clips", type=int, default=2, help="clips on which int8 is compared with full precision")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    thinker = Thinker.load(options.model, dtype=getattr(torch, options.dtype))
    print(f"{thinker.name}, {options.dtype}, {options.threads} threads, loaded in {time.perf_counter() - start:.1f} s")
    for batch in options.batch:
        decoding_speed(thinker, batch, options.tokens, options.rounds)
    agreement(thinker, options.clips, options.tokens)
    answer_time(thinker, 100)


if __name__ == "__main__":
    main()
