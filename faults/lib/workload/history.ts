// The history of a load: what was asked, written down before it was sent, and what became of it. One clock for all lines, so
// that what happened before what is known, and everything that is judged of a fault can be judged again from the file.

import { type Static, Type } from 'typebox'
import { demandSchema } from '../../../harness/evidence/store.ts'
import type { Clock } from '../clock.ts'

/** Classes of endpoints, each with its own baseline. */
export const CLASSES = [
  'git-read',
  'git-write',
  'plain-read',
  'plain-write',
  'release',
  'deploy',
  'promotion',
  'rollback',
  'temp-env',
  'jobs',
  'health',
] as const
export type OperationClass = (typeof CLASSES)[number]

/** A state that an answer showed. */
export const SightingSchema = Type.Object(
  {
    /** `changeset`, `release`, `deployment`, `job`, `temp-env`, `component`. */
    kind: Type.String(),
    id: Type.String(),
    state: Type.String(),
    /** Of a deployment: its environment. */
    place: Type.Optional(Type.String()),
    /** In a queue. */
    position: Type.Optional(Type.Number()),
  },
  { additionalProperties: false },
)
export type Sighting = Static<typeof SightingSchema>

const Texts = Type.Record(Type.String(), Type.String())
const TextOrNull = Type.Union([Type.String(), Type.Null()])

const common = {
  id: Type.Integer(),
  /** One thing at a time: whoever waits for an answer asks nothing else. */
  process: Type.Integer(),
  /** What is done: `write-file`. */
  f: Type.String(),
  class: Type.Unsafe<OperationClass>(Type.Union(CLASSES.map((name) => Type.Literal(name)))),
  /** Milliseconds since the history began. */
  t: Type.Number(),
}

export const InvokeSchema = Type.Object(
  {
    ...common,
    type: Type.Literal('invoke'),
    /** What it leaves where it has an effect, and by what it is found again; null: nothing of that kind. */
    key: TextOrNull,
    /** What it is about, by ids. */
    on: Texts,
  },
  { additionalProperties: false },
)
export const CompletionSchema = Type.Object(
  {
    ...common,
    /**
     * `ok`: acknowledged. `fail`: it had no effect, which is known where it was refused or never sent; every read without an
     * answer. `info`: nobody knows.
     */
    type: Type.Union([Type.Literal('ok'), Type.Literal('fail'), Type.Literal('info')]),
    /** 0: no answer. */
    status: Type.Integer(),
    /** Of the error envelope. */
    code: TextOrNull,
    because: TextOrNull,
    /** Ids that the answer gave to what was made. */
    made: Texts,
    saw: Type.Array(SightingSchema),
  },
  { additionalProperties: false },
)
export const HistorySchema = Type.Array(Type.Union([InvokeSchema, CompletionSchema]))
export type Invoke = Static<typeof InvokeSchema>
export type Completion = Static<typeof CompletionSchema>
export type HistoryLine = Invoke | Completion

/** A request from its beginning to its end. */
export interface Operation extends Pick<Invoke, 'id' | 'process' | 'f' | 'class' | 'key' | 'on'> {
  invoked_ms: number
  /** Null: it had not ended when the history did. */
  ended_ms: number | null
  type: Completion['type']
  status: number
  code: string | null
  because: string | null
  made: Readonly<Record<string, string>>
  saw: readonly Sighting[]
}

/** Refusals that belong to a flow, fault or not: a gate that is not open yet (HD83, HD90), a limit that is obeyed. */
const OF_THE_FLOW = new Set([409, 429])

/** Neither acknowledged nor refused as the flow has it. */
export function hasFailed({ type, status }: Pick<Operation, 'type' | 'status'>): boolean {
  return type !== 'ok' && !OF_THE_FLOW.has(status)
}

/** Every operation in the order of its beginning. What never ended is `info`. */
export function operationsOf(lines: readonly unknown[]): Operation[] {
  demandSchema(HistorySchema, lines, 'the history')
  const operations = new Map<number, Operation>()
  for (const line of lines as HistoryLine[]) {
    if (line.type === 'invoke') {
      const { id, process, f, class: of, key, on, t } = line
      operations.set(id, {
        ...{ id, process, f, class: of, key, on, invoked_ms: t, ended_ms: null, type: 'info', status: 0 },
        ...{ code: null, because: 'it had not ended', made: {}, saw: [] },
      })
      continue
    }
    const begun = operations.get(line.id)
    // An end without a beginning is a line that was lost: then nothing in the file can be trusted.
    if (begun === undefined) throw new Error(`the history has an end of ${line.id} and no beginning`)
    const { type, status, code, because, made, saw, t } = line
    Object.assign(begun, { type, status, code, because, made, saw, ended_ms: t })
  }
  return [...operations.values()].sort((a, b) => a.invoked_ms - b.invoked_ms || a.id - b.id)
}

/** Writes the lines as they happen, and keeps what the one who runs the load needs to know meanwhile. */
export class Recorder {
  readonly #write: (line: HistoryLine) => void
  readonly #clock: Clock
  /** As `operationsOf` would read them. */
  readonly operations: Operation[] = []

  constructor(clock: Clock, write: (line: HistoryLine) => void) {
    this.#clock = clock
    this.#write = write
  }

  /** On its way to the disk when it returns: only then may the request be sent. */
  invoke(
    what: Pick<Invoke, 'process' | 'f' | 'class' | 'key' | 'on'>,
  ): (end: Omit<Completion, keyof typeof common>) => void {
    const id = this.operations.length + 1
    const t = this.#clock.now()
    this.#write({ id, t, type: 'invoke', ...what })
    const operation: Operation = {
      ...{ id, ...what, invoked_ms: t, ended_ms: null, type: 'info', status: 0 },
      ...{ code: null, because: 'it had not ended', made: {}, saw: [] },
    }
    this.operations.push(operation)
    const { process, f, class: of } = what
    return (end) => {
      const t = this.#clock.now()
      this.#write({ id, process, f, class: of, t, ...end })
      Object.assign(operation, { ...end, ended_ms: t })
    }
  }
}
