"""The generator's process: orders on standard input, answers on standard output, until end of input."""

from __future__ import annotations

import gc
import sys

import msgspec

from bench.load.generator import Generator
from bench.load.orders import Order


def main() -> None:
    gc.disable()  # nothing here makes cycles, and a collection amid a phase would be taken for the server's latency
    decode = msgspec.json.Decoder[Order](Order).decode
    encode = msgspec.json.Encoder().encode
    generator = Generator()
    for line in sys.stdin.buffer:
        answer = generator.carry_out(decode(line))
        sys.stdout.buffer.write(encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
