// What the properties are tried on: paths that clash, contents that mislead, edits that meet.

import fc from 'fast-check'

/** Names that meet each other often, and some that are hard to carry: white space, quotes, other scripts, no UTF-8 at all. */
const name = fc.oneof(
  // Git sorts a directory `a` between `a-b` or `a.txt` and `a0`.
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'dir', 'a.txt', 'a-b', 'a0').map((text) => Buffer.from(text)) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(
        ...[
          'with space',
          'ünï',
          'e\u0301',
          '日本',
          '-x',
          '.hidden',
          'a.txt',
          'a-b',
          'A',
          'new\nline',
          'tab\t',
          '"q"',
          "it's",
        ],
        ...[
          'back\\slash',
          '*',
          '[x]',
          '%00',
          ':(top)',
          '@{0}',
          'x'.repeat(120),
          '.gitignore',
          '.gitkeep',
          '..b',
          'b..',
          '\u202e',
        ],
      )
      .map((text) => Buffer.from(text)),
  },
  { weight: 1, arbitrary: fc.constantFrom([0xff, 0xfe], [0x61, 0x80], [0x7f]).map((bytes) => Buffer.from(bytes)) },
)

const slash = Buffer.from('/')

export const path = fc
  .oneof(
    { weight: 20, arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(name, { minLength: 12, maxLength: 12 }) },
  )
  .map((names) => Buffer.concat(names.flatMap((part, index) => (index === 0 ? [part] : [slash, part]))))

export const invalidPath = fc
  .constantFrom(
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    './a',
    'a/./b',
    '..',
    '../a',
    'a/../b',
    '.git',
    '.git/config',
    'a/.git/x',
    'a\0b',
  )
  .map((text) => Buffer.from(text))

export const content = fc.oneof(
  { weight: 2, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.constantFrom('a\r\nb\r\n', '*\n', 'tree 0\0').map((text) => Buffer.from(text)) },
  // More than is written in one go, on the wire and on the disk.
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 300_000 }).map((size) => Buffer.alloc(size, `${size} `)) },
)

/** Where an action takes place: at a file that is there, counted round, or at a path of its own. */
export type Place = { existing: number } | { path: Buffer }

/** One impossible action refuses its whole commit, so most are possible. */
const place: fc.Arbitrary<Place> = fc.oneof(
  { weight: 19, arbitrary: fc.record({ existing: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ path }) },
)

const newPlace: fc.Arbitrary<Place> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ existing: fc.nat({ max: 20 }) }) },
  { weight: 24, arbitrary: fc.record({ path }) },
)

const brokenPlace: fc.Arbitrary<Place> = fc.record({ path: invalidPath })

export type PlannedAction =
  | { kind: 'create'; at: Place; content: Buffer; executable: boolean }
  | { kind: 'update'; at: Place; content: Buffer }
  | { kind: 'move'; at: Place; from: Place; content: Buffer | undefined }
  | { kind: 'delete'; at: Place }
  | { kind: 'chmod'; at: Place; executable: boolean }
  | { kind: 'create-dir'; at: Place }

function actionAt(at: fc.Arbitrary<Place>, fresh: fc.Arbitrary<Place>): fc.Arbitrary<PlannedAction> {
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('create' as const), at: fresh, content, executable: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('update' as const), at, content }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('move' as const),
        at: fresh,
        from: at,
        content: fc.option(content, { nil: undefined }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), at }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('chmod' as const), at, executable: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('create-dir' as const), at: fresh }) },
  )
}

const action = fc.oneof(
  { weight: 60, arbitrary: actionAt(place, newPlace) },
  { weight: 1, arbitrary: actionAt(brokenPlace, brokenPlace) },
)

export type Step =
  /** A commit of these actions; how it says what the branch must be at. */
  | { kind: 'commit'; branch: number; actions: PlannedAction[]; lock: 'none' | 'expected' | 'stale' | 'absent' }
  | { kind: 'branch'; branch: number; from: number }

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        kind: fc.constant('commit' as const),
        branch: fc.nat({ max: 2 }),
        actions: fc.array(action, { maxLength: 4 }),
        lock: fc.oneof(
          { weight: 7, arbitrary: fc.constantFrom('none' as const, 'expected' as const) },
          { weight: 1, arbitrary: fc.constantFrom('stale' as const, 'absent' as const) },
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('branch' as const),
        branch: fc.nat({ max: 2 }),
        from: fc.nat({ max: 2 }),
      }),
    },
  ),
  { minLength: 4, maxLength: 12 },
)

/** Lines few enough that two sides often touch the same ones, and some that look like parts of a patch. */
const line = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('one', 'two', 'three', 'four', 'five', '', '  indented') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'diff --git a/x b/x',
      '@@ -1 +1 @@',
      '--- a/a',
      '+++ b/a',
      '-',
      '+',
      'cr\rcr',
      'win\r',
      '\\ No newline',
      'Binary files',
    ),
  },
)

export type FileEdit =
  | { kind: 'line'; file: number; at: number; text: string }
  | { kind: 'insert'; file: number; at: number; text: string }
  | { kind: 'cut'; file: number; at: number }
  | { kind: 'add'; path: string; text: string }
  | { kind: 'rename'; file: number; path: string }
  | { kind: 'remove'; file: number }
  | { kind: 'mode'; file: number; executable: boolean }
  | { kind: 'binary'; file: number; bytes: Uint8Array }
  | { kind: 'chop'; file: number }

const file = fc.nat({ max: 9 })
const at = fc.nat({ max: 30 })
const filePath = fc.constantFrom(
  'a',
  'b',
  'c',
  'dir/a',
  'dir/b',
  'dir/sub/c',
  'other/ünï',
  'other/sp ace',
  'it\'s "q"',
  'tab\there',
)

const edit: fc.Arbitrary<FileEdit> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('line' as const), file, at, text: line }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('insert' as const), file, at, text: line }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), file, at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('add' as const), path: filePath, text: line }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), file, path: filePath }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), file }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mode' as const), file, executable: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('binary' as const),
      file,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('chop' as const), file }) },
)

export interface Fork {
  /** Files of the common beginning. */
  base: { path: string; lines: string[] }[]
  /** Commits on either side; each is a list of edits. */
  ours: FileEdit[][]
  theirs: FileEdit[][]
  /** Some of their commits are also ours, and some of ours are empty: what a rebase must leave out, and what not. */
  shared: boolean
}

const commits = fc.array(fc.array(edit, { minLength: 0, maxLength: 3 }), { minLength: 1, maxLength: 3 })

export const fork: fc.Arbitrary<Fork> = fc.record({
  base: fc.uniqueArray(fc.record({ path: filePath, lines: fc.array(line, { minLength: 3, maxLength: 24 }) }), {
    minLength: 1,
    maxLength: 5,
    selector: ({ path }) => path,
  }),
  ours: commits,
  theirs: commits,
  shared: fc.boolean(),
})
