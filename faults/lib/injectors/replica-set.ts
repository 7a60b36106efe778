// Faults of the database: the primary steps down, dies, freezes, or dies with writes that nobody else has; all members stop. An
// election is proven by the term that rose and the primary that changed, as a bystander heard it.

import { HarnessError } from '../../../harness/errors.ts'
import type { Member, ReplicaSet } from '../../../harness/stack/replica-set.ts'
import { waitFor } from '../../../harness/stack/wait-for.ts'
import type { Target } from '../../../harness/target/target.ts'
import { type Fault, inject, type Seen, type Site } from './fault.ts'
import { deathOf, frostOf } from './processes.ts'
import type { PrimaryChange, Witness } from './witness.ts'

/** So long the old primary stands for no election: longer than one takes, and over before the next fault. */
const STEP_DOWN_S = 10

/** An election's time-out and the election; twice, for the first may be split. */
const ELECTED_WITHIN_MS = 45_000

/**
 * Client connections stay (MongoDB ≥ 4.2): drivers meet NotWritablePrimary, and no broken socket. A primary that steps down
 * hands over within milliseconds; where the members are ours, they stand for no election for a while, so that there is what
 * E12 describes: some seconds without a primary.
 */
export function primaryStepsDown(options: { vacancy_s: number }): Fault {
  const fault: Fault = {
    id: 'primary-stepped-down',
    title: 'the primary of the database steps down',
    needs: ['mongo-stepdown', 'mongo'],
    inject: (site) =>
      witnessed(site, async (witness, before) => {
        const { stack, hooks } = site.run.target
        return inject(site, fault, {
          async strike() {
            if (stack === undefined) {
              await hooks?.run('mongo-stepdown', site.run.signal)
              return
            }
            const secondaries = await stack.replicaSet.secondaries()
            if (options.vacancy_s > 0) {
              await Promise.all(secondaries.map((member) => member.command({ replSetFreeze: options.vacancy_s })))
            }
            await stack.replicaSet.stepDown(STEP_DOWN_S)
          },
          observe: () => noLongerPrimary(witness, before),
          over: () => elected(witness, before),
          undo: async () => {},
          confirm: () => elected(witness, before),
          confirmWithin_ms: ELECTED_WITHIN_MS,
        })
      }),
  }
  return fault
}

/** Also a machine that is gone. Healing starts it again, as a member that has fallen behind. */
export const primaryDies: Fault = {
  id: 'primary-killed',
  title: 'the primary of the database is killed',
  needs: ['processes', 'mongo'],
  inject: (site) =>
    witnessed(site, async (witness, before) => {
      const { set, primary } = await primaryOf(site.run.target)
      const death = deathOf(primary.process, site.run.signal)
      return inject(site, primaryDies, {
        ...death,
        over: () => elected(witness, before),
        confirm: () => together(death.confirm(), elected(witness, before), whole(set)),
      })
    }),
}

/** It keeps its connections, and answers nobody. */
export const primaryFreezes: Fault = {
  id: 'primary-frozen',
  title: 'the primary of the database freezes',
  needs: ['processes', 'mongo'],
  inject: (site) =>
    witnessed(site, async (witness, before) => {
      const { set, primary } = await primaryOf(site.run.target)
      const frost = frostOf(primary.process)
      return inject(site, primaryFreezes, {
        ...frost,
        over: () => elected(witness, before),
        confirm: () => together(frost.confirm(), elected(witness, before), whole(set)),
      })
    }),
}

/**
 * The secondaries stop following, writes go on at the primary for a while, and then it dies: what only one member has is lost,
 * and rolled back when the dead one comes back. A merely killed primary loses nothing, for its last writes were on their way.
 */
export function primaryDiesAhead(options: { writesFor_ms: number }): Fault {
  const fault: Fault = {
    id: 'primary-killed-ahead',
    title: 'replication stops, and then the primary of the database is killed',
    needs: ['processes', 'mongo'],
    inject: (site) =>
      witnessed(site, async (witness, before) => {
        const { set, primary } = await primaryOf(site.run.target)
        const others = set.members.filter((member) => member !== primary)
        const death = deathOf(primary.process, site.run.signal)
        let ahead: Seen
        return inject(site, fault, {
          async strike() {
            await replicating(others, false)
            try {
              const fell = await fallsBehind(primary, others, options.writesFor_ms, site.run.signal)
              await death.strike()
              ahead = fell
            } finally {
              // A new primary's writes must reach the other one, or no majority is ever had again.
              await replicating(others, true)
            }
          },
          observe: () => together(ahead, death.observe()),
          over: () => elected(witness, before),
          undo: death.undo,
          confirm: () => together(death.confirm(), elected(witness, before), whole(set)),
          observeWithin_ms: 1_000,
        })
      }),
  }
  return fault
}

/** Nobody is left to write to or to read from. */
export const databaseStops: Fault = {
  id: 'database-stopped',
  title: 'all members of the database are stopped',
  needs: ['mongo-control', 'mongo'],
  inject: (site) =>
    witnessed(site, async (witness, before) => {
      const { stack, hooks } = site.run.target
      const { signal } = site.run
      if (stack !== undefined) {
        const deaths = stack.replicaSet.members.map((member) => deathOf(member.process, signal))
        return inject(site, databaseStops, {
          strike: async () => void (await Promise.all(deaths.map((death) => death.strike()))),
          observe: () => together(...deaths.map((death) => death.observe())),
          undo: async () => void (await Promise.all(deaths.map((death) => death.undo()))),
          confirm: () =>
            together(...deaths.map((death) => death.confirm()), elected(witness, before), whole(stack.replicaSet)),
        })
      }
      return inject(site, databaseStops, {
        strike: async () => void (await hooks?.run('mongo-stop', signal)),
        observe: () => (witness.now.members === 0 ? ['no member of the replica set answers'] : undefined),
        undo: async () => void (await hooks?.run('mongo-start', signal)),
        confirm: () => elected(witness, before),
      })
    }),
}

/** Begins once a primary is known: what became of it is then told by who heard it before. */
async function witnessed<T>(
  { witness, run }: Site,
  begin: (witness: Witness, before: PrimaryChange) => Promise<T>,
): Promise<T> {
  if (witness === undefined) throw new HarnessError('nobody watches the database', 'ask for the capability first')
  const before = await waitFor(() => witness.now.primary !== null && witness.now, {
    what: 'a primary before the fault',
    within_ms: ELECTED_WITHIN_MS,
    signal: run.signal,
  })
  return begin(witness, { ...before })
}

async function primaryOf({ stack }: Target): Promise<{ set: ReplicaSet; primary: Member }> {
  if (stack === undefined) throw new HarnessError('single members cannot be reached', 'ask for the capability first')
  return { set: stack.replicaSet, primary: await stack.replicaSet.waitForPrimary() }
}

function noLongerPrimary(witness: Witness, before: PrimaryChange): Seen {
  const { changes } = witness
  const since = changes.slice(changes.findLastIndex(({ at_ms }) => at_ms <= before.at_ms) + 1)
  return since.some(({ primary }) => primary !== before.primary)
    ? [`${before.primary} is no longer the primary`]
    : undefined
}

function elected({ now }: Witness, before: PrimaryChange): Seen {
  if (now.primary === null || now.term === null || before.term === null || now.term <= before.term) return undefined
  return [
    `the term rose from ${before.term} to ${now.term}`,
    now.primary === before.primary
      ? `${now.primary} is the primary again`
      : `the primary changed from ${before.primary} to ${now.primary}`,
  ]
}

/** One primary and all others secondaries. */
async function whole(set: ReplicaSet): Promise<Seen> {
  const states = await Promise.all(set.members.map((member) => member.state()))
  const primaries = states.filter((state) => state === 'PRIMARY').length
  return primaries === 1 && states.every((state) => state === 'PRIMARY' || state === 'SECONDARY')
    ? [`the set is whole: one primary, ${states.length - 1} secondaries`]
    : undefined
}

/** All that was seen, once every part was. */
async function together(...parts: (Seen | Promise<Seen>)[]): Promise<Seen> {
  const seen = await Promise.all(parts)
  return seen.every((part) => part !== undefined) ? seen.flat() : undefined
}

async function replicating(members: readonly Member[], on: boolean): Promise<void> {
  await Promise.all(
    members.map((member) => member.command({ configureFailPoint: 'stopReplProducer', mode: on ? 'off' : 'alwaysOn' })),
  )
}

/** Lets the primary write for as long, and says so when the others had half of that time to follow and did not. */
async function fallsBehind(
  primary: Member,
  others: readonly Member[],
  writesFor_ms: number,
  signal: AbortSignal,
): Promise<Seen> {
  const began = performance.now()
  let halfway: bigint | undefined
  return await waitFor(
    async () => {
      const elapsed_ms = performance.now() - began
      if (elapsed_ms < writesFor_ms / 2) return undefined
      const ahead = await appliedBy(primary)
      halfway ??= ahead
      if (elapsed_ms < writesFor_ms) return undefined
      const behind = await Promise.all(others.map(appliedBy))
      return ahead > halfway && behind.every((time) => time < halfway!)
        ? [`${primary.name} has written for ${(elapsed_ms / 1_000).toFixed(1)} s what no other member has`]
        : undefined
    },
    { what: 'the primary to be ahead of the others', within_ms: writesFor_ms + 10_000, signal },
  )
}

/** The last operation that a member has applied, as a number that rises. */
async function appliedBy(member: Member): Promise<bigint> {
  const hello = await member.command({ hello: 1 })
  const { ts } = hello.lastWrite.opTime as { ts: { toString(): string; high: number; low: number } }
  return (BigInt(ts.high >>> 0) << 32n) | BigInt(ts.low >>> 0)
}
