/**
 * Workers as real processes on a database of their own, and jobs that are put straight into it. What a job does is a shell
 * script of the test; it can write into a ledger, which tells what ran when and how often.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Db, MongoClient, ObjectId } from 'mongodb'
import type { JobDocument, JobLogDocument } from '../mongo/documents.ts'
import { startWorker, type WorkerProcess } from './server-process.ts'
import { until } from './world.ts'

export interface LedgerLine {
  said: string
  job: string
  attempt: number
  pid: number
}

export interface JobBench extends AsyncDisposable {
  readonly folder: string
  readonly db: Db
  worker(env?: Record<string, string>): Promise<WorkerProcess>
  /** A queued job that runs the script, older than every one that is added later. */
  add(script: string, fields?: Partial<Record<keyof JobDocument, unknown>>): Promise<ObjectId>
  job(id: ObjectId): Promise<JobDocument>
  /** The job, once it is in one of these states. */
  reached(id: ObjectId, ...states: string[]): Promise<JobDocument>
  log(id: ObjectId): Promise<JobLogDocument[]>
  /** What the scripts have said, in its order: `say WORD` writes a line. */
  ledger(id?: ObjectId): LedgerLine[]
}

export const ENDED = ['succeeded', 'failed', 'canceled']

/** On a database of its own, or on that of a server whose jobs the workers shall run. */
export async function createJobBench(server?: { env: Record<string, string>; appId: string }): Promise<JobBench> {
  const folder = mkdtempSync(join(tmpdir(), 'conman-jobs-'))
  const database = server?.env.CONMAN_MONGO_DB ?? `conman_jobs_${randomBytes(4).toString('hex')}`
  const mongoUri = process.env.READINESS_TEST_MONGO_URI ?? ''
  const mongo = await new MongoClient(mongoUri).connect()
  const db = mongo.db(database)
  const jobs = db.collection<JobDocument>('jobs')
  const workers: WorkerProcess[] = []
  const ledgerFile = join(folder, 'ledger')
  writeFileSync(ledgerFile, '')
  const say = `say() { echo "$1 $CONMAN_JOB_ID $CONMAN_JOB_ATTEMPT $$" >> ${ledgerFile}; }`
  const command = `${say}; . ${folder}/$CONMAN_ENTITY_ID`
  let count = 0

  const env = {
    ...server?.env,
    CONMAN_MONGO_URI: mongoUri,
    CONMAN_MONGO_DB: database,
    CONMAN_GITALY_ADDRESS: process.env.READINESS_TEST_GIT_ADDRESS ?? '',
    CONMAN_JWT_SECRET: 'a secret of the tests, long enough',
    CONMAN_SECRETS_MASTER_KEY: 'the master key of the tests',
    CONMAN_TEMP_URL_DOMAIN: 'example.test',
    CONMAN_ARGON2_M: '8',
    CONMAN_ARGON2_T: '1',
    CONMAN_JOB_POLL_INTERVAL_MS: '20',
    CONMAN_JOB_RETRY_WAIT: '20ms',
    CONMAN_JOB_DRAIN: '100ms',
    CONMAN_MSUITE_SUBMIT_CMD: command,
    CONMAN_MSUITE_MERGE_CMD: command,
    CONMAN_MSUITE_DEPLOY_CMD: command,
  }

  const bench: JobBench = {
    folder,
    db,
    async worker(more = {}) {
      const beats = db.collection('job_runner_heartbeats')
      const before = await beats.countDocuments()
      const worker = startWorker({ ...env, ...more })
      workers.push(worker)
      await until(async () => {
        if (worker.process.exitCode !== null) throw new Error('the worker ended before it was up')
        return (await beats.countDocuments()) > before
      }, 'the worker is up')
      return worker
    },
    async add(script, fields = {}) {
      const name = `script-${++count}`
      writeFileSync(join(folder, name), script)
      const created = new Date(Date.now() - 60_000 + count)
      const row = {
        _id: new ObjectId(),
        app_id: new ObjectId(server?.appId),
        job_type: 'msuite_submit',
        state: 'queued',
        entity_type: 'changeset',
        entity_id: name,
        payload: {},
        result: null,
        error_message: null,
        retry_count: 0,
        max_retries: 0,
        timeout_ms: 60_000,
        created_by: null,
        created_at: created,
        started_at: null,
        finished_at: null,
        updated_at: created,
        ...fields,
      }
      await jobs.insertOne(row as JobDocument, { writeConcern: { w: 'majority' } })
      return row._id as ObjectId
    },
    async job(id) {
      const job = await jobs.findOne({ _id: id })
      if (job === null) throw new Error('there is no such job')
      return job
    },
    async reached(id, ...states) {
      await until(async () => states.includes((await bench.job(id)).state), `job ${id} is ${states.join(' or ')}`)
      return bench.job(id)
    },
    log: (id) =>
      db.collection<JobLogDocument>('job_logs').find({ job_id: id }).sort({ timestamp: 1, _id: 1 }).toArray(),
    ledger(id) {
      const lines = readFileSync(ledgerFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
      const all = lines.map((line) => {
        const [said = '', job = '', attempt, pid] = line.split(' ')
        return { said, job, attempt: Number(attempt), pid: Number(pid) }
      })
      return id === undefined ? all : all.filter(({ job }) => job === String(id))
    },
    async [Symbol.asyncDispose]() {
      const alive = workers.filter(({ process }) => process.exitCode === null && process.signalCode === null)
      for (const { process } of alive) process.kill('SIGCONT')
      await Promise.all(alive.map((worker) => worker.stop()))
      if (server === undefined) await db.dropDatabase()
      await mongo.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return bench
}

/** Whether a process still does something. */
export function isAlive(pid: number): boolean {
  try {
    // One that has ended and that nobody has asked for yet is still in the table.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
