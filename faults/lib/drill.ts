// One fault under load, from before it to after it: health is proven, the load begins, the fault is injected and seen, ends and
// is seen to end, the load goes on until the target is itself again, and then everything is read. Without a fault it is the
// control run: what it shows wrong, no fault is to blame for.

import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError, TargetFailed } from '../../harness/errors.ts'
import { waitForQuiet, watchOtherLoad } from '../../harness/other-load.ts'
import type { Run } from '../../harness/run.ts'
import { readApp } from '../../harness/target/conman/apps.ts'
import { ConmanError } from '../../harness/target/conman.ts'
import { ledger } from './checkers/ledger.ts'
import { recoveryOf, type Span, STRETCH_MS } from './checkers/recovery.ts'
import { startClock } from './clock.ts'
import type { Episode } from './evidence.ts'
import type { Fault, FaultRecord } from './injectors/fault.ts'
import { Witness } from './injectors/witness.ts'
import { type Fixture, fixtureOf } from './workload/fixture.ts'
import { componentsIn } from './workload/health-polls.ts'
import { type OperationClass, Recorder } from './workload/history.ts'
import { type Load, startLoad } from './workload/load.ts'
import type { Rates } from './workload/mix.ts'
import { writeFile } from './workload/operations.ts'
import { perform } from './workload/performing.ts'
import { appsOf, type Reading, readApi, readDatabase, readFiles, readGit } from './workload/readings.ts'
import { openStateLog, type StateLog } from './workload/state-log.ts'
import { readTrail } from './workload/trail.ts'

export interface Drill {
  /** Names the history's file: letters, digits and dashes; unique in its check. */
  name: string
  /** Null: the control run. */
  fault: Fault | null
  /** How long it lasts once it was seen, where it does not end by itself. */
  hold_ms: number
  /** For a fault whose harm ends by itself: the longest that is waited for that. */
  overWithin_ms?: number
  /** While it lasts, for what only this fault needs. */
  meanwhile?(): Promise<void>
}

/** The classes of the mix, whose recovery is waited for. */
export const MIX_CLASSES: readonly OperationClass[] = ['git-read', 'git-write', 'plain-read', 'plain-write', 'jobs']

const HEALTHY_WITHIN_MS = 60_000
const STORIES_END_WITHIN_MS = 30_000
const FRESH_WITHIN_MS = 30_000
/** That it is also as fast as before is waited for so much longer. */
const STABLE_WITHIN_MS = 10_000
const SETTLED_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 250

export async function drill(run: Run, { name, fault, hold_ms, overWithin_ms, meanwhile }: Drill): Promise<Episode> {
  const sizes = run.profile.faults
  const { target, signal, progress } = run
  const fixture = await fixtureOf(run, sizes)
  const says = (text: string) => progress.say(`${name}: ${text}`)
  await demandHealth(run, name)
  await demandService(run, fixture, name)
  await quietMachine(run, name)

  await using undo = new AsyncDisposableStack()
  const clock = startClock()
  const began = new Date()
  const label = `${run.prefix}_${name.replaceAll('-', '')}`
  const history = `${name}.jsonl`
  const recorder = new Recorder(clock, (line) => run.appendLine(history, line))
  const witness = target.mongo === undefined ? undefined : undo.use(await Witness.open(target, clock))
  const states = await openStateLog(
    target,
    appsOf(fixture).map(({ app }) => app.id),
    clock,
  ).catch(() => undefined)
  // By the database too: it keeps rows that the API no longer lists.
  const before = [await readApi(run, fixture, label), await readDatabase(run, fixture, label)]
  const processesBefore = processesOf(run)
  const otherLoad = target.memory === undefined ? null : watchOtherLoad()

  const rates: Rates = sizes.rates
  const load = undo.use(startLoad(run, { fixture, clock, recorder, rates, label }))
  const baseline: Span = { from_ms: clock.now(), to_ms: 0 }
  says(`${total(rates)} operations a second, first without a fault`)
  await pass((fault === null ? sizes.control_s : sizes.baseline_s) * 1_000, signal)
  baseline.to_ms = clock.now()

  let record: FaultRecord | null = null
  let broken: Span | null = null
  let recovery: Span | null = null
  if (fault !== null) {
    says(fault.title)
    const injected = undo.use(await fault.inject({ run, clock, witness }))
    record = injected.record
    if (record.observed_at_ms === null) says(`not seen: ${record.unobserved_because}`)
    else {
      const overBy = overWithin_ms ?? hold_ms
      const over = await injected.overByItself(overBy)
      if (!over) await Promise.all([pass(overWithin_ms === undefined ? hold_ms : 0, signal), meanwhile?.()])
    }
    await injected.heal()
    if (record.confirmed_at_ms === null) says(`its end was not seen: ${record.unconfirmed_because}`)
    const over_ms = record.over_at_ms ?? record.healed_at_ms ?? clock.now()
    broken = { from_ms: record.requested_at_ms, to_ms: over_ms }
    recovery = { from_ms: over_ms, to_ms: over_ms }
    // After what never was there is nothing to recover from.
    if (record.observed_at_ms !== null) await recovered(over_ms)
    recovery.to_ms = clock.now()
  }
  const settled: Span = { from_ms: clock.now(), to_ms: 0 }
  await pass(sizes.settled_s * 1_000, signal)
  settled.to_ms = clock.now()
  const facts = await load.stop(STORIES_END_WITHIN_MS)
  const fresh = await freshWrite(run, load, recorder, fixture, label)
  says('reading what is there')
  const slices = otherLoad?.stop() ?? []
  const api = await readWhenSettled(run, fixture, recorder, label)
  const readings = [
    api,
    await readDatabase(run, fixture, label),
    await readGit(run, fixture, recorder.operations, label),
  ].filter((reading) => reading !== null)
  const log = await readStates(states)
  return {
    name,
    began_at: clock.began_at,
    fault: record,
    history,
    spans: { baseline, fault: broken, recovery, settled },
    load: facts,
    other_load: slices.map(({ from_ms, to_ms, share }) => ({
      from_ms: clock.at(from_ms),
      to_ms: clock.at(to_ms),
      share,
    })),
    primaries: witness === undefined ? null : witness.changes,
    processes: processesBefore === null ? null : { before: processesBefore, after: processesOf(run)! },
    there_before: [...new Set(before.flatMap((reading) => reading?.rows.map(({ id }) => id) ?? []))],
    fresh_write: fresh,
    readings,
    ...log,
    trail: await readTrail(run, fixture, began),
  }

  /** Until the mix is as it was, and a stretch more; or as long as the profile waits. */
  async function recovered(over_ms: number): Promise<void> {
    const deadline = performance.now() + sizes.recovery_s_max * 1_000
    let back: number | undefined
    for (;;) {
      await pass(LOOK_EVERY_MS, signal)
      const seen = recoveryOf(recorder.operations, {
        baseline,
        from_ms: over_ms,
        // What was just asked has had no time to be answered.
        until_ms: clock.now() - STRETCH_MS,
        classes: MIX_CLASSES,
      })
      if (seen.back_ms !== null && back === undefined) {
        back = performance.now()
        says(`back ${(seen.back_ms / 1_000).toFixed(1)} s after it was over`)
      }
      // That it is also as fast again may never come on a busy machine: it is waited for as long as for the rest.
      if (seen.stable_ms !== null || performance.now() > deadline) return
      if (back !== undefined && performance.now() - back > STABLE_WITHIN_MS) return
    }
  }
}

/** What the machine does beside the run: half of it is where claims about time are no longer made (checkers/judgement.ts). */
const QUIET_SHARE = 0.4
const QUIET_WITHIN_MS = 20_000

async function quietMachine(run: Run, name: string): Promise<void> {
  await waitForQuiet({
    share_max: QUIET_SHARE,
    within_ms: QUIET_WITHIN_MS,
    signal: run.signal,
    onWait: (share) =>
      run.progress.update(`${name}: other programs take ${(share * 100).toFixed(0)} % of this machine; waiting`),
  })
}

/**
 * By the API, once no job goes on; a list that a secondary answers may be a moment behind (DC2, decisions C24), so what was
 * acknowledged is looked for again, bounded.
 */
async function readWhenSettled(run: Run, fixture: Fixture, { operations }: Recorder, label: string): Promise<Reading> {
  const deadline = performance.now() + SETTLED_WITHIN_MS
  for (;;) {
    const reading = await readApi(run, fixture, label)
    await readFiles(run, fixture, operations, reading)
    const isOpen = reading.rows.some(({ kind, state }) => kind === 'job' && (state === 'queued' || state === 'running'))
    const [lost] = ledger({ operations, readings: [reading], fresh_write: true, there_before: [] })
    const isMissing = lost?.finding.outcome === 'fail'
    if ((!isOpen && !isMissing) || performance.now() > deadline) return reading
    await pass(LOOK_EVERY_MS, run.signal)
  }
}

function total(rates: Rates): number {
  return Object.values(rates).reduce((sum, rate) => sum + rate, 0)
}

async function pass(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
}

/** A target that was not well before shows nothing of a fault. */
async function demandHealth(run: Run, name: string): Promise<void> {
  const deadline = performance.now() + HEALTHY_WITHIN_MS
  for (;;) {
    const answer = await run.target.conman.health()
    const sick = componentsIn(answer).filter(({ id, state }) => id !== 'overall' && state !== 'healthy')
    if (answer.status === 200 && sick.length === 0) return
    if (performance.now() > deadline) {
      const said = sick.map(({ id, state }) => `${id} is ${state}`).join(', ')
      throw new TargetFailed(
        `before ${name} its health was HTTP ${answer.status}${said === '' ? '' : `: ${said}`} for ${HEALTHY_WITHIN_MS / 1_000} s`,
        'mend what is not healthy; after an earlier fault it should have recovered by itself',
      )
    }
    await pass(LOOK_EVERY_MS, run.signal)
  }
}

/** Nor does one that says that it is well and serves nobody. */
async function demandService(run: Run, { app, adminToken }: Fixture, name: string): Promise<void> {
  const deadline = performance.now() + HEALTHY_WITHIN_MS
  for (;;) {
    const { value } = await run.target.conman.attempt(adminToken, readApp(app.id))
    if (!(value instanceof ConmanError)) return
    if (performance.now() > deadline) {
      throw new TargetFailed(
        `before ${name} it served nothing for ${HEALTHY_WITHIN_MS / 1_000} s: ${value.message}`,
        'mend it first; after an earlier fault it should have recovered by itself',
      )
    }
    await pass(LOOK_EVERY_MS, run.signal)
  }
}

function processesOf({ target }: Run): NonNullable<Episode['processes']>['before'] | null {
  const { stack } = target
  if (stack === undefined) return null
  return [...stack.processes.values()]
    .filter(({ name }) => name.startsWith('conman'))
    .map(({ name, pid = 0, starts, running }) => ({ name, pid, starts, running }))
}

/** One more write after everything: what is read then is not older than it. */
async function freshWrite(
  run: Run,
  load: Load,
  recorder: Recorder,
  { app, writers }: Fixture,
  label: string,
): Promise<boolean> {
  const [user] = writers
  if (user === undefined) throw new HarnessError('nobody can write', 'this is a fault of the harness: report it')
  const deadline = performance.now() + FRESH_WITHIN_MS
  for (let attempt = 1; ; attempt += 1) {
    const act = writeFile({ appId: app.id, user, turn: 0 }, `${label}-fresh-${attempt}`)
    const { type } = await perform(load.conman, recorder, { ...act, process: 0 })
    if (type === 'ok') return true
    if (performance.now() > deadline) return false
    await pass(LOOK_EVERY_MS, run.signal)
  }
}

async function readStates(log: StateLog | undefined): Promise<Pick<Episode, 'states' | 'states_because'>> {
  if (log === undefined)
    return { states: null, states_because: 'the database keeps no log of changes, or it cannot be reached' }
  try {
    return { states: await log.read(), states_because: null }
  } catch (cause) {
    return { states: null, states_because: String(cause instanceof Error ? cause.message : cause).slice(0, 200) }
  }
}
