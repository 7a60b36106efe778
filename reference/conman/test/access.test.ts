/** Every route against every kind of caller: refused where the table says so and without effect, let in where it says so. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { atLeast, ROLES } from '../roles.ts'
import { ACCESS, type Access } from './access.ts'
import type { Client } from './server-process.ts'
import { createWorld, HAS_PARTS, until, type World } from './world.ts'

const ACTORS = ['anonymous', 'outsider', 'removed', ...ROLES] as const
type Actor = (typeof ACTORS)[number]

/** What goes on by itself, or counts requests. */
const NOT_STATE = ['job_runner_heartbeats', 'login_throttles']

describe.skipIf(!HAS_PARTS)('access', () => {
  let world: World
  const clients = new Map<Actor, Client>()

  beforeAll(async () => {
    world = await createWorld()
    clients.set('anonymous', world.anonymous)
    clients.set('outsider', await world.person('outsider'))
    for (const role of ROLES) clients.set(role, await world.person(role))
    const removed = await world.another('app_admin')
    clients.set('removed', removed)
    // Workspaces and preferences are made at the first look; what is asked for below then changes nothing.
    for (const client of clients.values()) {
      await client.get(`${world.app}/workspaces`)
      await client.get('/api/me/notification-preferences')
    }
    const left = await world.db.collection('app_memberships').deleteOne({ user_id: new ObjectId(removed.id) })
    expect(left.deletedCount).toBe(1)
    const waiting = () =>
      world.db.collection('notification_events').countDocuments({ state: { $in: ['queued', 'sending'] } })
    await until(async () => (await waiting()) === 0, 'the outbox is empty')
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  async function ask({ operation, body }: Access, client: Client) {
    const [method = '', template = ''] = operation.split(' ')
    const path = template.replace('{appId}', world.appId).replaceAll(/\{\w+\}/g, 'f'.repeat(24))
    return method === 'GET' ? client.get(path) : client.send(method, path, body)
  }

  function expected({ lowest, allowed }: Access, actor: Actor): number | undefined {
    if (lowest === 'open') return allowed ?? 200
    if (actor === 'anonymous') return 401
    if (lowest === 'in') return allowed
    const role = actor === 'outsider' || actor === 'removed' ? undefined : actor
    return atLeast(role, lowest) ? allowed : 403
  }

  /** Everything that is stored, as text. */
  async function state(): Promise<string> {
    const collections = await world.db.listCollections({}, { nameOnly: true }).toArray()
    const names = collections.map(({ name }) => name).filter((name) => !NOT_STATE.includes(name))
    const all = await Promise.all(
      names.sort().map(async (name) => [name, await world.db.collection(name).find().sort({ _id: 1 }).toArray()]),
    )
    return JSON.stringify([all, world.git('for-each-ref')])
  }

  test('the table names every operation of the API description, and no other', () => {
    expect(ACCESS.map(({ operation }) => operation).sort()).toEqual([...world.server.contract.operations].sort())
  })

  test('the API description is one, by the schema of OpenAPI 3.1', async () => {
    const { body } = await world.anonymous.get('/api/openapi.json')
    const result = await new Validator().validate(body)
    expect(result).toMatchObject({ valid: true })
  })

  test.each(ACCESS.map((access) => [access.operation, access] as const))('%s', async (_name, access) => {
    for (const actor of ACTORS) {
      const client = clients.get(actor) as Client
      const wanted = expected(access, actor)
      const before = wanted === 401 || wanted === 403 ? await state() : undefined
      const answer = await ask(access, client)
      expect([actor, answer.status, answer.body.error?.code]).toEqual([actor, wanted, answer.body.error?.code])
      if (wanted === 401) expect(answer.body.error.code).toBe('unauthorized')
      if (wanted === 403) expect(answer.body.error.code).toBe('forbidden')
      if (before !== undefined) expect(await state()).toBe(before)
    }
  })

  test('an unknown app, a malformed id and one of somebody else are refused alike', async () => {
    const user = clients.get('user') as Client
    const other = await world.anotherApp()
    const ids = ['f'.repeat(24), 'nonsense', other.slice(-24), world.appId.toUpperCase().replaceAll(/\d/g, 'A')]
    for (const access of ACCESS.filter(({ operation }) => operation.includes('{appId}'))) {
      const [method = '', template = ''] = access.operation.split(' ')
      const answers: unknown[][] = []
      for (const id of ids) {
        const path = template.replace('{appId}', id).replaceAll(/\{\w+\}/g, 'f'.repeat(24))
        const answer = method === 'GET' ? await user.get(path) : await user.send(method, path, access.body)
        answers.push([answer.status, answer.body.error.code, answer.body.error.message])
      }
      expect([access.operation, ...answers]).toEqual([access.operation, ...ids.map(() => answers[0])])
      expect(answers[0]?.slice(0, 2)).toEqual([403, 'forbidden'])
    }
  })
})
