// Rows for the collections that grow for ever, in the target's own collections, under the walk's app and nineteen that do not
// exist: inserted for the while of a measurement, and removed by their ids.

import { createHash } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { HarnessError } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import type { Database } from '../lib/members.ts'

/** E12 §4.3 expects these above a million documents. */
export const LARGE_COLLECTIONS = ['audit_events', 'jobs', 'changeset_comments'] as const
export type LargeCollection = (typeof LARGE_COLLECTIONS)[number]

/** As many as fit into one message of 48 MB with room to spare, and few enough that progress shows. */
const BATCH = 5_000
const APPS = 20
/** Of every thing on which there are comments or jobs. */
const ROWS_PER_THING = 50
const DAYS_BACK = 90

export interface VolumeOwner {
  appId: string
  changesetId: string
  userId: string
}

export interface Volume extends AsyncDisposable {
  documents(collection: LargeCollection): Promise<number>
}

export async function insertVolume(run: Run, database: Database, owner: VolumeOwner, each: number): Promise<Volume> {
  const { fixtures } = run.target
  if (fixtures === undefined)
    throw new HarnessError('rows need a database of our own', 'run it without CONMAN_BASE_URL')
  const db = database.client.db(database.name)
  const idOf = idsOf(run.id)
  await using undo = new AsyncDisposableStack()
  for (const collection of LARGE_COLLECTIONS) {
    // Taken off again also when the insertion is cut short; a stack of our own may go on to other checks.
    undo.defer(async () => {
      const remove = db.collection(collection, { writeConcern: { w: 'majority' } })
      for (let from = 0; from < each; from += BATCH) {
        const until = Math.min(from + BATCH, each)
        await remove.deleteMany({ _id: { $gte: idOf(collection, from), $lt: idOf(collection, until) } })
        run.progress.update(`removing rows of ${collection}: ${until} of ${each}`)
      }
    })
    for (let from = 0; from < each; from += BATCH) {
      run.signal.throwIfAborted()
      const numbers = Array.from({ length: Math.min(BATCH, each - from) }, (_, index) => from + index)
      await fixtures.insert(
        collection,
        numbers.map((number) => rowOf(collection, number, each, owner, idOf)),
      )
      run.progress.update(`inserting rows of ${collection}: ${from + numbers.length} of ${each}`)
    }
  }
  const owned = undo.move()
  return {
    documents: (collection) => db.collection(collection).estimatedDocumentCount(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type IdOf = (kind: string, number: number) => ObjectId

/** Ids of one kind stand next to one another, so that a range of them is a batch. */
function idsOf(run: string): IdOf {
  return (kind, number) => {
    const prefix = createHash('sha256').update(`${run} ${kind}`).digest('hex').slice(0, 16)
    return new ObjectId(`${prefix}${number.toString(16).padStart(8, '0')}`)
  }
}

function rowOf(collection: LargeCollection, number: number, of: number, owner: VolumeOwner, idOf: IdOf): object {
  const mine = number % APPS === 0
  const app_id = mine ? new ObjectId(owner.appId) : idOf('app', number % APPS)
  const thing = Math.floor(number / (APPS * ROWS_PER_THING))
  const changeset = mine && thing === 0 ? new ObjectId(owner.changesetId) : idOf(`changeset ${number % APPS}`, thing)
  const at = new Date(Date.now() - (DAYS_BACK * 86_400_000 * (of - number)) / of)
  const _id = idOf(collection, number)
  switch (collection) {
    case 'audit_events':
      return {
        _id,
        occurred_at: at,
        actor_user_id: number % 3 === 0 ? new ObjectId(owner.userId) : idOf('user', number % 500),
        app_id,
        entity_type: ['changeset', 'workspace', 'file', 'release', 'deployment'][number % 5],
        entity_id: changeset.toHexString(),
        action: ['created', 'written', 'submitted', 'approved', 'queued'][number % 5],
        before: null,
        after: { number },
        git_sha: null,
        context: { request_id: `volume-${number}`, ip: null, user_agent: null },
      }
    case 'jobs': {
      const succeeded = number % 7 !== 0
      return {
        _id,
        app_id,
        job_type: ['msuite_submit', 'revalidate_queued_changeset', 'release_assemble'][number % 3],
        // None waits: nobody works on them.
        state: succeeded ? 'succeeded' : 'failed',
        entity_type: 'changeset',
        entity_id: changeset.toHexString(),
        payload: {},
        result: succeeded ? { status: 'ok' } : null,
        error_message: succeeded ? null : 'failed by design',
        retry_count: 0,
        max_retries: 1,
        timeout_ms: 600_000,
        created_by: null,
        created_at: at,
        updated_at: at,
        started_at: at,
        finished_at: at,
        locked_until: null,
        locked_by: null,
        attempts: 1,
        max_attempts: 2,
      }
    }
    case 'changeset_comments':
      return {
        _id,
        app_id,
        changeset_id: changeset,
        author_user_id: new ObjectId(owner.userId),
        body: `comment ${number}`,
        file_path: null,
        line_number: null,
        parent_comment_id: null,
        resolved: false,
        edits: [],
        created_at: at,
        updated_at: at,
      }
  }
}
