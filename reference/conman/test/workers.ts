/** Workers that are killed, frozen and thawed, beside an API process that has none of its own. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ScriptedCommand } from './scripted-command.ts'
import { startWorker, type WorkerProcess } from './server-process.ts'
import { until, type World } from './world.ts'

/** Not while it has mails in its hands: those would wait for a minute. */
export async function kill(world: World, worker: WorkerProcess): Promise<void> {
  await mailsDelivered(world)
  worker.process.kill('SIGKILL')
  await once(worker.process, 'exit')
}

/** As kill. */
export async function freeze(world: World, worker: WorkerProcess): Promise<void> {
  await mailsDelivered(world)
  worker.process.kill('SIGSTOP')
}

export async function mailsDelivered({ db }: World): Promise<void> {
  const undelivered = { state: { $in: ['queued', 'sending'] } }
  const waiting = () => db.collection('notification_events').countDocuments(undelivered)
  await until(async () => (await waiting()) === 0, 'the mails are delivered')
}

/** Lets a frozen worker go on, and ends it when it has: what it would still do is done then. */
export async function thawAndStop(worker: WorkerProcess): Promise<void> {
  if (worker.process.exitCode !== null || worker.process.signalCode !== null) return
  worker.process.kill('SIGCONT')
  await worker.stop()
}

/** A worker that has begun with the command of a job, before any other worker is there. */
export async function workerAt(world: World, command: ScriptedCommand, entity: string): Promise<WorkerProcess> {
  const worker = startWorker(world.env)
  await until(async () => command.runs().some((run) => run.entity === entity), `the command for ${entity} runs`)
  return worker
}

/** A digest of all that jobs may change: each collection, the mails and the references. Taken when nothing is on its way. */
export async function everything(world: World): Promise<Record<string, string>> {
  const { db } = world
  await mailsDelivered(world)
  await until(
    async () => (await db.collection('jobs').countDocuments({ finished_at: null })) === 0,
    'all jobs are done',
  )
  const names = (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name)
  const digests: Record<string, string> = { mails: digest(world.mails()), references: world.git('for-each-ref') }
  for (const name of names.filter((one) => !PASSING.has(one))) {
    digests[name] = digest(await db.collection(name).find().sort({ _id: 1 }).toArray())
  }
  return digests
}

/** What goes on by itself. */
const PASSING = new Set(['job_runner_heartbeats', 'job_logs', 'login_throttles'])

function digest(rows: unknown[]): string {
  return `${rows.length} ${createHash('sha256').update(JSON.stringify(rows)).digest('hex')}`
}
