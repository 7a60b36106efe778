// Faults of the git backend as its callers see them: statuses in place of answers, delays, silence, answers that are lost. By
// the bundled git backend's own back door, which also tells the attempts that came, with their times and deadlines.

import { type Static, Type } from 'typebox'
import { HarnessError } from '../../../harness/errors.ts'
import type { Target } from '../../../harness/target/target.ts'
import type { Clock } from '../clock.ts'
import { type Fault, inject } from './fault.ts'

/** What becomes of a call; as the back door takes it (reference/git-backend/control.ts). */
export type Step = 'pass' | 'silence' | { code: string } | { delay_ms: number } | { drop_after: number }

/** `*`: every method but health's. `steps`: one for each of the next calls; `after`: for all others. */
export type Scripts = Readonly<Record<string, { steps?: readonly Step[]; after?: Step }>>

export const AttemptSchema = Type.Object(
  {
    number: Type.Integer(),
    method: Type.String(),
    at_ms: Type.Number(),
    /** What its caller allowed it when it came; null: no end. */
    timeout_ms: Type.Union([Type.Number(), Type.Null()]),
    step: Type.Unknown(),
    ended_at_ms: Type.Union([Type.Number(), Type.Null()]),
    code: Type.Union([Type.String(), Type.Null()]),
  },
  { additionalProperties: false },
)
/** A call as it arrived at the git backend, on the clock of the run of the fault. */
export type Attempt = Static<typeof AttemptSchema>

export function gitAnswers(id: string, title: string, scripts: Scripts): Fault {
  return {
    id,
    title,
    needs: ['processes'],
    inject(site) {
      const door = doorOf(site.run.target)
      let scripted = false
      const script = async (next: Scripts) => {
        await door.script(next)
        scripted = next === scripts
      }
      return inject(
        site,
        { id, title },
        {
          strike: () => script(scripts),
          // That the script holds, its own word says; that calls met it, the attempts.
          observe: () => (scripted ? ['the git backend took the script'] : undefined),
          undo: () => script({}),
          confirm: () => (scripted ? undefined : ['the git backend answers as it is']),
        },
      )
    },
  }
}

/** The attempts that come from now on. */
export async function watchAttempts(target: Target, clock: Clock): Promise<{ read(): Promise<Attempt[]> }> {
  const door = doorOf(target)
  const from = await door.number
  return {
    async read() {
      return (await door.callsAfter(from)).map((call) => ({
        ...call,
        at_ms: clock.at(call.at_ms),
        ended_at_ms: call.ended_at_ms === null ? null : clock.at(call.ended_at_ms),
      }))
    },
  }
}

const WITHIN_MS = 10_000

function doorOf({ stack }: Pick<Target, 'stack'>) {
  if (stack === undefined)
    throw new HarnessError('the git backend is not the bundled one', 'ask for the capability first')
  const url = stack.addresses.gitControlUrl
  const callsAfter = async (number: number): Promise<Attempt[]> => {
    const answer = await fetch(`${url}/calls?after=${number}`, { signal: AbortSignal.timeout(WITHIN_MS) })
    return ((await answer.json()) as { calls: Attempt[] }).calls
  }
  return {
    callsAfter,
    /** Of the newest call so far. */
    number: callsAfter(0).then((calls) => calls.at(-1)?.number ?? 0),
    async script(scripts: Scripts): Promise<void> {
      const body = JSON.stringify(scripts)
      const answer = await fetch(`${url}/scripts`, { method: 'PUT', body, signal: AbortSignal.timeout(WITHIN_MS) })
      if (!answer.ok) throw new HarnessError(`the git backend took no script: ${await answer.text()}`, 'report it')
    },
  }
}
