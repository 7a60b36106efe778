// The claims on what the database was asked, each pure: what was watched in, one finding out. What was not seen is never a
// pass.

import type { Finding } from '../../harness/check.ts'
import { READS, type SeenCommand, WRITES } from '../lib/seen-command.ts'
import type { Step } from '../lib/step.ts'
import type { Watched } from './evidence.ts'

/** Rows that tell what was done, and that a process lives: neither is what people rely on being kept (DC5; §6.1). */
const MAY_BE_LOST: ReadonlySet<string> = new Set(['audit_events', 'job_runner_heartbeats'])

/** Written beside what was asked for: a step decides before it writes anything else. */
const ASIDE: ReadonlySet<string> = new Set(['audit_events', 'notification_events', 'login_throttles'])

/** Lists of these read memberships to show them; everywhere else memberships decide. */
const SHOW_MEMBERSHIPS: ReadonlySet<string | null> = new Set(['app_memberships', 'apps', 'users'])

export function watchedFinding({ members, unreachable }: Watched): Finding {
  const claim = 'every member was watched, and none changed its part'
  const changed = members.filter(({ before, after }) => before !== after)
  if (changed.length > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${changed.map(({ host, before, after }) => `${host} was ${before} and then ${after}`).join(', ')} while it was watched`,
    }
  }
  if (unreachable.length > 0) {
    return { claim, outcome: 'not-verified', because: `${unreachable.join(', ')} could not be watched` }
  }
  return { claim, outcome: 'pass', because: `${members.length} members`, n: members.length }
}

/** The walk itself: a step that the target refused shows nothing of what it would have asked. */
export function walkedFinding({ steps }: Watched, kinds: readonly Step['kind'][]): Finding {
  const claim = 'the walk was walked whole'
  const last = new Map(steps.filter(({ kind }) => kinds.includes(kind)).map((step) => [step.name, step]))
  const refused = [...last.values()].filter(({ status }) => status === null || status < 200 || status > 299)
  if (last.size === 0) return { claim, outcome: 'not-verified', because: 'no step of the walk was taken' }
  const [first] = refused
  if (first !== undefined) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${refused.length} of ${last.size} steps were not done, first ${first.name} (${first.status === null ? 'not asked' : `HTTP ${first.status}`})`,
    }
  }
  return { claim, outcome: 'pass', because: `${last.size} steps`, n: last.size }
}

export function pingFinding({ commands, steps }: Watched): Finding {
  const claim = 'the health ping goes to the primary, and to a secondary when there is none'
  const asked = steps.filter(({ kind }) => kind === 'health')
  const pings = commands.filter(
    (command) => command.command === 'ping' && asked.some((step) => happenedIn(command, step)),
  )
  if (pings.length === 0) {
    return { claim, outcome: 'not-verified', because: `no ping was seen during ${asked.length} health requests` }
  }
  const others = pings.filter((ping) => ping.read_preference !== 'primaryPreferred')
  return others.length > 0
    ? {
        claim,
        outcome: 'fail',
        because: `${others.length} of ${pings.length} health pings ask with the read preference ${preference(others[0]!)}, not primaryPreferred: without a primary, health cannot be asked`,
        n: pings.length,
      }
    : { claim, outcome: 'pass', because: `${pings.length} of ${pings.length} pings`, n: pings.length }
}

/** What a list or a detail shows may come from a secondary: each asks with `secondaryPreferred`. */
export function spreadFinding({ commands, steps }: Watched): Finding {
  const claim = 'lists and details are asked with the read preference secondaryPreferred'
  const asked = steps.filter((step) => isRead(step) && step.collection !== null && step.status === 200)
  const unseen: Step[] = []
  const wrong: { step: Step; command: SeenCommand }[] = []
  for (const step of asked) {
    const reads = commands.filter(
      (command) => READS.has(command.command) && command.collection === step.collection && happenedIn(command, step),
    )
    if (reads.length === 0) unseen.push(step)
    else if (!reads.some((read) => read.read_preference === 'secondaryPreferred'))
      wrong.push({ step, command: reads[0]! })
  }
  if (wrong.length > 0) {
    const [{ step, command }] = wrong as [{ step: Step; command: SeenCommand }]
    return {
      claim,
      outcome: 'fail',
      because: `${wrong.length} of ${asked.length} lists and details are not, first ${step.name}: ${command.collection} with ${preference(command)}`,
      n: asked.length,
    }
  }
  if (asked.length === 0 || unseen.length > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because:
        asked.length === 0
          ? 'no list and no detail was read'
          : `of ${unseen.length} of ${asked.length} lists and details no query was seen, first ${unseen[0]!.name}`,
      n: asked.length,
    }
  }
  return { claim, outcome: 'pass', because: `${asked.length} of ${asked.length}`, n: asked.length }
}

export function arrivalFinding({ commands, members }: Watched): Finding {
  const claim = 'such reads arrive at secondaries'
  const spread = commands.filter(
    (command) => READS.has(command.command) && command.read_preference === 'secondaryPreferred',
  )
  const arrived = spread.filter(({ on }) => on === 'secondary')
  const because = `${arrived.length} of ${spread.length} arrived at a secondary`
  if (!members.some(({ before }) => before === 'secondary') || spread.length === 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: 'there is no secondary, or no such read was seen',
      n: spread.length,
    }
  }
  return { claim, outcome: arrived.length === 0 ? 'fail' : 'pass', because, n: spread.length }
}

/** Decisions C24: roles, states, gates, locks and read-modify-write read the primary. */
export function decisionFinding({ commands, steps }: Watched): Finding {
  const claim = 'what decides reads the primary'
  const deciding: { step: Step; command: SeenCommand }[] = []
  let n = 0
  for (const step of steps.filter(({ kind }) => kind === 'change' || kind === 'list' || kind === 'detail')) {
    // A worker looks for work all the time, whatever is asked of the API meanwhile (DC4).
    const during = commands.filter((command) => happenedIn(command, step) && !isLook(command))
    const reads =
      step.kind === 'change'
        ? during.slice(0, firstWrite(during)).filter(({ command }) => READS.has(command))
        : during.filter(
            ({ command, collection }) =>
              READS.has(command) && collection === 'app_memberships' && !SHOW_MEMBERSHIPS.has(step.collection),
          )
    n += reads.length
    for (const command of reads) if (!isPrimary(command)) deciding.push({ step, command })
  }
  if (n === 0) return { claim, outcome: 'not-verified', because: 'no read before a change was seen' }
  if (deciding.length > 0) {
    const [{ step, command }] = deciding as [{ step: Step; command: SeenCommand }]
    return {
      claim,
      outcome: 'fail',
      because: `${deciding.length} of ${n} reads that decide may be answered by a secondary, first ${step.name}: ${command.collection} with ${preference(command)}`,
      n,
    }
  }
  return { claim, outcome: 'pass', because: `${n} of ${n} reads before a change`, n }
}

/** Writes that were stored, each with the concern that held for it: inside a transaction that of its commit. */
function storedWrites(watched: Watched): { write: SeenCommand; concern: SeenCommand['write_concern'] }[] {
  const commits = new Map(
    watched.commands
      .filter(({ command, failed }) => command === 'commitTransaction' && !failed)
      .map((commit) => [commit.transaction, commit.write_concern]),
  )
  return watched.commands
    .filter(({ command, failed }) => WRITES.has(command) && !failed)
    .flatMap((write) =>
      write.transaction === null
        ? [{ write, concern: write.write_concern }]
        : commits.has(write.transaction)
          ? [{ write, concern: commits.get(write.transaction)! }]
          : [],
    )
}

export function durableFinding(watched: Watched): Finding {
  const claim = 'every mutation is acknowledged by the majority, in the journal'
  const writes = storedWrites(watched).filter(({ write }) => !MAY_BE_LOST.has(write.collection ?? ''))
  const weak = writes.filter(({ concern }) => concern !== null && !(byMajority(concern) && inJournal(concern, watched)))
  return writeFinding(claim, writes, weak, 'are not durable when they are acknowledged')
}

/** `critical`: each must have been written to, or nothing is known of it. */
export function majorityFinding(watched: Watched, collection: string): Finding {
  const claim = `writes to ${collection} are acknowledged by the majority`
  const writes = storedWrites(watched).filter(({ write }) => write.collection === collection)
  return writeFinding(
    claim,
    writes,
    writes.filter(({ concern }) => concern !== null && !byMajority(concern)),
    `to ${collection} can be lost in a failover after they were acknowledged`,
  )
}

/** A claim of a job is the write that sets it running. */
export function claimFinding(watched: Watched): Finding {
  const claim = 'a job is claimed with an acknowledgement by the majority'
  const writes = storedWrites(watched).filter(
    ({ write }) => write.collection === 'jobs' && /set state=\S*running/.test(write.shape),
  )
  return writeFinding(
    claim,
    writes,
    writes.filter(({ concern }) => concern !== null && !byMajority(concern)),
    'that claim a job can be undone by a failover: the job would run twice',
  )
}

export function pollFinding({ commands }: Watched): Finding {
  const claim = 'the queue is looked at on the primary'
  const looks = commands.filter(isLook)
  if (looks.length === 0) return { claim, outcome: 'not-verified', because: 'no look at the queue was seen' }
  const elsewhere = looks.filter((look) => !isPrimary(look))
  return elsewhere.length > 0
    ? {
        claim,
        outcome: 'fail',
        because: `${elsewhere.length} of ${looks.length} looks at the queue may be answered by a secondary (${preference(elsewhere[0]!)})`,
        n: looks.length,
      }
    : { claim, outcome: 'pass', because: `${looks.length} of ${looks.length} looks`, n: looks.length }
}

/** DC5 allows `{w: 1, j: false}`; what waits for more loses less, and passes. Nobody waiting at all is not allowed. */
export function auditFinding(watched: Watched): Finding {
  const claim = 'audit rows are acknowledged by at least one member'
  const writes = storedWrites(watched).filter(({ write }) => write.collection === 'audit_events')
  return writeFinding(
    claim,
    writes,
    writes.filter(({ concern }) => concern !== null && concern.w === 0),
    'of audit rows are not acknowledged: one that fails is lost without anybody knowing',
  )
}

/** A look at the queue is for all apps and for no particular job. */
function isLook({ command, collection, shape }: SeenCommand): boolean {
  return (
    collection === 'jobs' &&
    (command === 'find' || command === 'findAndModify') &&
    /\bstate\b/.test(shape) &&
    !/_id:/.test(shape)
  )
}

function writeFinding(
  claim: string,
  writes: ReturnType<typeof storedWrites>,
  weak: ReturnType<typeof storedWrites>,
  harm: string,
): Finding {
  const n = writes.length
  if (n === 0) return { claim, outcome: 'not-verified', because: `no such write was seen (${claim})`, n }
  const unknown = writes.filter(({ concern }) => concern === null)
  if (weak.length > 0) {
    const { write, concern } = weak[0]!
    return {
      claim,
      outcome: 'fail',
      because: `${weak.length} of ${n} writes ${harm}, first ${write.command} on ${write.collection} with ${spelled(concern)}`,
      n,
    }
  }
  if (unknown.length > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: `of ${unknown.length} of ${n} writes the concern was not seen`,
      n,
    }
  }
  return { claim, outcome: 'pass', because: `${n} of ${n} writes`, n }
}

export function spelled(concern: SeenCommand['write_concern']): string {
  if (concern === null) return 'a concern that was not seen'
  const journal = concern.j === null ? '' : `, j: ${concern.j}`
  return `{w: ${concern.w}${journal}}${concern.said_by === 'the client' ? '' : `, said by ${concern.said_by}`}`
}

function byMajority(concern: NonNullable<SeenCommand['write_concern']>): boolean {
  return concern.w === 'majority'
}

function inJournal({ j }: NonNullable<SeenCommand['write_concern']>, watched: Watched): boolean {
  return j ?? watched.majority_waits_for_journal
}

function isPrimary({ read_preference }: SeenCommand): boolean {
  return read_preference === null || read_preference === 'primary'
}

function preference({ read_preference }: SeenCommand): string {
  return read_preference ?? 'primary'
}

function isRead({ kind }: Step): boolean {
  return kind === 'list' || kind === 'detail'
}

/** By its time: the walk takes one step after the other, and a command is logged when it has ended. */
function happenedIn({ at_ms }: SeenCommand, { from_ms, to_ms }: Step): boolean {
  return at_ms >= from_ms && at_ms <= to_ms
}

function firstWrite(commands: readonly SeenCommand[]): number {
  const index = commands.findIndex(({ command, collection }) => WRITES.has(command) && !ASIDE.has(collection ?? ''))
  return index === -1 ? commands.length : index
}
