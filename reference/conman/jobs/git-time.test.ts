/** What a job does on the git backend ends with the job's own time, whatever single calls are allowed. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GitProxy, startGitProxy } from '../test/git-proxy.ts'
import { createWorld, HAS_PARTS, idOf, until, type World } from '../test/world.ts'

let proxy: GitProxy
let world: World

beforeAll(async () => {
  if (!HAS_PARTS) return
  proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
  const env = { CONMAN_GITALY_ADDRESS: proxy.address, CONMAN_GITALY_TIMEOUT_DEFAULT: '60s', CONMAN_GIT_DEADLINE: '60s' }
  world = await createWorld({ env })
})
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
})

test.skipIf(!HAS_PARTS)('a call that is never answered ends with its job', async () => {
  const pauses = world.db.collection<{ _id: string }>('job_pauses')
  await pauses.insertOne({ _id: 'temp_env_provision' })
  const user = await world.person('user')
  const workspace = await world.workspace(user)
  const made = await user.send('POST', `${world.app}/temp-envs`, { workspace_id: idOf(workspace) })
  const _id = new ObjectId(made.body.data.job.id as string)
  await world.db.collection('jobs').updateOne({ _id }, { $set: { timeout_ms: 1_500 } })
  proxy.script('UpdateReferences', 'silence')
  await pauses.deleteMany({})
  expect(await world.job(_id.toHexString())).toMatchObject({ state: 'canceled', error_message: 'timeout exceeded' })
  const calls = () => proxy.calls.filter(({ method }) => method === 'UpdateReferences')
  await until(async () => calls().some(({ canceled }) => canceled), 'the call is canceled', 5_000)
  // It was allowed more by itself, and is not begun again.
  expect(calls()).toHaveLength(1)
  expect(calls()[0]?.timeoutMs).toBeGreaterThan(30_000)
  const environments = world.db.collection('temp_environments')
  await until(async () => (await environments.findOne({}))?.cleanup_requested_at === null, 'it is cleaned up')
})
