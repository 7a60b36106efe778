/**
 * `jobs pause`, `jobs resume` and `jobs paused`: holds a type of jobs back while something is wrong with it (RB2).
 *
 * Workers look before each claim: what is queued stays queued, what runs goes on. It needs nothing but MongoDB.
 */
import { type Collection, MongoClient } from 'mongodb'
import { ConfigError, type Environment, readMongoConfig } from '../config.ts'
import { describeError } from '../logging.ts'
import { JOB_TYPES, type JobPauseDocument } from '../mongo/documents.ts'

export interface MongoOptions {
  mongoUri: string | undefined
  mongoDb: string | undefined
}

type Pauses = Collection<JobPauseDocument>

/** Answers the exit code. */
export async function pauseJobs(
  input: MongoOptions & { type: string; reason: string | undefined },
  env: Environment,
): Promise<number> {
  return onType(input, env, async (pauses) => {
    const reason = input.reason ?? null
    const update = { $set: { reason }, $setOnInsert: { paused_at: new Date() } }
    const before = await pauses.findOneAndUpdate({ _id: input.type }, update, { upsert: true })
    return `${input.type} ${before === null ? 'is paused' : 'was paused already'}${because(reason)}`
  })
}

export async function resumeJobs(input: MongoOptions & { type: string }, env: Environment): Promise<number> {
  return onType(input, env, async (pauses) => {
    const { deletedCount } = await pauses.deleteOne({ _id: input.type })
    return `${input.type} ${deletedCount > 0 ? 'is resumed' : 'was not paused'}`
  })
}

export async function listPausedJobs(input: MongoOptions, env: Environment): Promise<number> {
  return onPauses(input, env, async (pauses) => {
    const paused = await pauses.find().sort({ _id: 1 }).toArray()
    const lines = paused.map(
      ({ _id, paused_at, reason }) => `${_id} since ${paused_at.toISOString()}${because(reason)}`,
    )
    return lines.length === 0 ? 'no type of jobs is paused' : lines.join('\n')
  })
}

async function onType(
  input: MongoOptions & { type: string },
  env: Environment,
  work: (pauses: Pauses) => Promise<string>,
): Promise<number> {
  if ((JOB_TYPES as readonly string[]).includes(input.type)) return onPauses(input, env, work)
  console.error(`conman: no type of jobs is called ${input.type}; there are ${JOB_TYPES.join(', ')}`)
  return 1
}

async function onPauses(
  { mongoUri, mongoDb }: MongoOptions,
  env: Environment,
  work: (pauses: Pauses) => Promise<string>,
): Promise<number> {
  try {
    const { uri, database } = readMongoConfig({
      CONMAN_MONGO_URI: mongoUri ?? env.CONMAN_MONGO_URI,
      CONMAN_MONGO_DB: mongoDb ?? env.CONMAN_MONGO_DB,
    })
    await using client = new MongoClient(uri)
    const options = { writeConcern: { w: 'majority', journal: true } as const }
    process.stdout.write(`${await work(client.db(database).collection<JobPauseDocument>('job_pauses', options))}\n`)
    return 0
  } catch (error) {
    console.error(`conman: ${error instanceof ConfigError ? error.message : describeError(error).error}`)
    return 1
  }
}

function because(reason: string | null): string {
  return reason === null ? '' : `: ${reason}`
}
