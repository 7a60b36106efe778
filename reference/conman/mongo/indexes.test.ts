/** The specification's table of required indexes (E12 §4.1), row by row, against those that a started server has made. */
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HAS_PARTS } from '../test/world.ts'
import { ensureIndexes } from './indexes.ts'

/** Where Conman's own names differ from the table's: `revision_number` is `revision`, a job's `type` is `job_type`. */
const TABLE: readonly [id: string, collection: string, keys: string, unique: boolean][] = [
  ['IX1', 'apps', 'name', true],
  ['IX2', 'apps', 'repo_path', true],
  ['IX3', 'app_memberships', 'user_id app_id', true],
  ['IX4', 'app_memberships', 'app_id', false],
  ['IX5', 'workspaces', 'app_id owner_user_id', false],
  ['IX6', 'workspaces', 'app_id branch_name', true],
  ['IX7', 'changesets', 'app_id state', false],
  ['IX8', 'changesets', 'workspace_id state', false],
  ['IX9', 'changesets', 'app_id author_user_id', false],
  ['IX10', 'changeset_revisions', 'changeset_id revision', true],
  ['IX11', 'changeset_reviews', 'changeset_id', false],
  ['IX12', 'changeset_comments', 'changeset_id created_at', false],
  ['IX13', 'release_batches', 'app_id state', false],
  ['IX14', 'release_batches', 'app_id tag', true],
  ['IX15', 'release_changesets', 'release_id', false],
  ['IX16', 'environments', 'app_id name', true],
  ['IX17', 'environments', 'app_id position', true],
  ['IX18', 'deployments', 'app_id environment_id state', false],
  ['IX19', 'deployments', 'release_id', false],
  ['IX20', 'temp_environments', 'app_id state', false],
  ['IX21', 'temp_environments', 'expires_at', false],
  ['IX22', 'jobs', 'state created_at', false],
  ['IX23', 'jobs', 'app_id job_type state', false],
  ['IX24', 'audit_events', 'app_id -occurred_at', false],
  ['IX25', 'audit_events', 'entity_type entity_id', false],
  ['IX26', 'notification_preferences', 'user_id', true],
  ['IX27', 'invites', 'app_id email', true],
  ['IX28', 'invites', 'token', true],
]

describe.skipIf(!HAS_PARTS)('the required indexes', () => {
  const database = `conman_indexes_${process.pid}`
  let mongo: MongoClient

  beforeAll(async () => {
    mongo = await new MongoClient(process.env.READINESS_TEST_MONGO_URI ?? '').connect()
    await ensureIndexes(mongo.db(database))
  })
  afterAll(async () => {
    await mongo?.db(database).dropDatabase()
    await mongo?.close()
  })

  test.each(TABLE)('%s: %s by %s', async (_id, collection, keys, unique) => {
    const indexes = await mongo.db(database).collection(collection).indexes()
    const asText = (key: object) =>
      Object.entries(key)
        .map(([name, direction]) => (direction === -1 ? `-${name}` : name))
        .join(' ')
    // A longer index serves a row that asks for no uniqueness; a unique one must be on these keys and no others.
    const serving = indexes.filter(({ key, partialFilterExpression, ...index }) => {
      if (partialFilterExpression !== undefined) return false
      return unique ? asText(key) === keys && index.unique === true : `${asText(key)} `.startsWith(`${keys} `)
    })
    expect(serving.length).toBeGreaterThan(0)
  })

  test('making them again changes nothing', async () => {
    const before = await mongo.db(database).collection('jobs').indexes()
    await ensureIndexes(mongo.db(database))
    expect(await mongo.db(database).collection('jobs').indexes()).toEqual(before)
  })
})
