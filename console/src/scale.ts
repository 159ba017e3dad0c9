const steps = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

/** The top of an axis from 0 that holds `most`: a round number, so that it stays while values move a little. */
export function axisTop(most: number, atLeast: number): number {
  if (!(most > atLeast)) return atLeast;
  const power = 10 ** Math.floor(Math.log10(most));
  const step = steps.find((candidate) => candidate * power >= most) ?? 10;
  return step * power;
}

/** The greatest of all lines; 0 when there is nothing. */
export function greatest(lines: readonly (readonly (number | null)[])[]): number {
  return lines.reduce((most, line) => line.reduce<number>((a, b) => (b !== null && b > a ? b : a), most), 0);
}
