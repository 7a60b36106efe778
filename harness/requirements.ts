// Everything that a GO rests on, by id, whether or not this version has a check for it: the denominator stands before
// any check is written. Source: E12 §6 and §10 and the decisions on them.

const range = (prefix: string, to: number): string[] =>
  Array.from({ length: to }, (_, index) => `${prefix}${index + 1}`)

export const REQUIRED_FOR_GO: readonly string[] = [
  ...range('L', 7),
  ...range('F', 7),
  ...range('GR', 7),
  ...range('GT', 5),
  ...range('S', 25),
  ...range('RL', 3),
  ...range('IX', 28),
  ...range('DC', 5),
  ...range('BK', 4),
  ...range('AL', 8),
  ...range('RB', 8),
  ...range('SLO', 6),
  ...range('GL-P', 5),
  ...range('GL-R', 5),
  ...range('GL-O', 4),
  ...range('GL-OP', 5),
  ...range('GL-S', 12),
  'GL-X1',
]
