import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCompact,
  formatClock,
  formatCount,
  formatDuration,
  formatListed,
  formatMoment,
  formatMs,
  formatRate,
  formatUtc,
  plural,
  shorten,
} from "../src/format.js";

describe("numbers", () => {
  it.each([
    [0, "0"],
    [0.254, "0.254"],
    [12.34, "12.3"],
    [99.96, "100.0"],
    [1234.6, "1,235"],
  ])("a rate of %d is %s", (value, text) => expect(formatRate(value)).toBe(text));

  it.each([
    [0, "0 B"],
    [1023, "1,023 B"],
    [1024, "1 KiB"],
    [1_572_864, "1.5 MiB"],
    [210 * 1024 ** 2, "210 MiB"],
  ])("%d bytes are %s", (value, text) => expect(formatBytes(value)).toBe(text));

  it("counts have their thousands set apart, and compact ones a letter", () => {
    expect(formatCount(1_234_567)).toBe("1,234,567");
    expect(formatCompact(16_635)).toBe("16.6K");
    expect([plural(1, "node"), plural(0, "node"), plural(2, "query", "queries")]).toEqual(["1 node", "0 nodes", "2 queries"]);
  });

  it("says how many of all are listed where some are not", () => {
    expect(formatListed(1_204, 1_204)).toBe("1,204");
    expect(formatListed(500, 12_345)).toBe("500 of 12,345");
  });
});

describe("times", () => {
  it.each([
    [0, "0 ms"],
    [0.0003, "300 ns"],
    [0.042, "42 µs"],
    [1.25, "1.25 ms"],
    [3_400, "3.4 s"],
    [125_000, "2 min 5 s"],
  ])("%d ms are %s", (value, text) => expect(formatMs(value)).toBe(text));

  it.each([
    [-3, "0 s"],
    [8.9, "8 s"],
    [60, "1 min"],
    [725, "12 min 5 s"],
    [93_784, "1 d 2 h"],
  ])("%d s are %s", (value, text) => expect(formatDuration(value)).toBe(text));

  it("a duration names its largest unit, and never more than two", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 8 }), (seconds) => {
        const sizes = { d: 86_400, h: 3_600, min: 60, s: 1 };
        const parts = formatDuration(seconds).split(" ");
        const told = parts.reduce((sum, part, index) => (index % 2 ? sum : sum + Number(part) * sizes[parts[index + 1] as keyof typeof sizes]), 0);
        expect(parts.length === 2 || parts.length === 4).toBe(true);
        expect(told).toBeLessThanOrEqual(seconds);
        expect(seconds - told).toBeLessThan(seconds >= 86_400 ? 3_600 : seconds >= 3_600 ? 60 : 1);
      }),
    );
  });

  it("a moment is in the zone of whoever reads, and its title in UTC", () => {
    const at = new Date(2026, 2, 7, 14, 3, 7, 25);
    expect(formatClock(at.getTime())).toBe("14:03:07.025");
    expect(formatMoment(at.getTime())).toBe("2026-03-07 14:03:07");
    expect(formatUtc(0)).toBe("1970-01-01 00:00:00.000 UTC");
    expect(formatUtc(Number.NaN)).toBe("");
  });
});

it("what is cut keeps both ends and is never longer than asked", () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 3, max: 40 }), (text, length) => {
      const cut = shorten(text, length);
      const head = Math.ceil((length - 1) / 2);
      const isCut = text.length > length;
      expect(cut.length).toBe(Math.min(text.length, length));
      expect(cut.slice(0, isCut ? head : undefined)).toBe(text.slice(0, isCut ? head : undefined));
      expect(cut.slice(head + 1)).toBe(isCut ? text.slice(text.length - (length - 1 - head)) : text.slice(head + 1));
    }),
  );
});
