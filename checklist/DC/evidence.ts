// What the database was asked while a walk went through the product. Facts only: which concerns a command carried, on which
// member it arrived, and what step of the walk it fell into by its time.

import { type Static, Type } from 'typebox'
import { SeenCommandSchema } from '../lib/seen-command.ts'
import { StepSchema } from '../lib/step.ts'

export const DatabaseUseSchema = Type.Object(
  {
    schema: Type.Literal('readiness-database-use/1'),
    /** Null: nothing could be watched, and nothing was done. */
    watched: Type.Union([
      Type.Null(),
      Type.Object(
        {
          members: Type.Array(
            Type.Object(
              { host: Type.String(), before: Type.String(), after: Type.String() },
              { additionalProperties: false },
            ),
          ),
          /** Members that could not be reached, and so were not watched. */
          unreachable: Type.Array(Type.String()),
          /** A majority that is asked for without a word on the journal waits for it. MongoDB's default: it does. */
          majority_waits_for_journal: Type.Boolean(),
          steps: Type.Array(StepSchema),
          commands: Type.Array(SeenCommandSchema),
        },
        { additionalProperties: false },
      ),
    ]),
    /** Why nothing could be watched; null when it was. */
    because: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)

type Written = Static<typeof DatabaseUseSchema>
export type Watched = NonNullable<Written['watched']>
export type DatabaseUse = Written
