/** Sessions and roles on two servers: what is stored counts, at once, and nothing that somebody says about themselves. */
import { createHmac } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, type ServerProcess, startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, JWT_SECRET, type Person, type World } from '../test/world.ts'
import { createTokens } from './tokens.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const sign = (unsigned: string, secret: string, hash = 'sha256') =>
  `${unsigned}.${createHmac(hash, secret).update(unsigned).digest('base64url')}`
const seconds = () => Math.floor(Date.now() / 1000)

describe.skipIf(!HAS_PARTS)('sessions and roles', () => {
  let world: World
  let second: ServerProcess

  beforeAll(async () => {
    world = await createWorld()
    second = await startServer(['--role', 'api'], world.env)
  })
  afterAll(async () => {
    await second?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const memberships = () => world.db.collection('app_memberships')
  const bothWith = (token: string): Client[] => [world.server.client(token), second.client(token)]

  /** What both servers answer to something that needs a role. */
  async function answers(token: string, path: string): Promise<number[]> {
    return Promise.all(bothWith(token).map(async (client) => (await client.get(path)).status))
  }

  test('a role counts from the moment it is given, and no longer than it is held', async () => {
    const person = await world.another('user')
    const audit = `${world.app}/audit`
    const give = async (role: string) =>
      expect((await world.admin.send('PATCH', `${world.app}/members/${person.id}`, { role })).status).toBe(200)
    for (let round = 0; round < 5; round += 1) {
      expect(await answers(person.token, audit)).toEqual([403, 403])
      await give('app_admin')
      expect(await answers(person.token, audit)).toEqual([200, 200])
      await give('reviewer')
      expect(await answers(person.token, audit)).toEqual([403, 403])
      expect(await answers(person.token, world.app)).toEqual([200, 200])
    }
    await memberships().deleteOne({ user_id: new ObjectId(person.id) })
    expect(await answers(person.token, world.app)).toEqual([403, 403])
    for (const client of bothWith(person.token)) expect((await client.get('/api/apps')).body.data).toEqual([])
    const role = { user_id: person.id, role: 'config_manager' }
    expect((await world.admin.send('POST', `${world.app}/members`, role)).status).toBe(201)
    expect(await answers(person.token, world.app)).toEqual([200, 200])
  })

  test("a new app is its creator's at once, on every server, and nobody else's", async () => {
    const app = await world.anotherApp()
    expect(await answers(world.admin.token, `${app}/audit`)).toEqual([200, 200])
    expect(await answers((await world.person('app_admin')).token, app)).toEqual([403, 403])
  })

  test('a demotion amid writes: what comes after it is refused', async () => {
    const person = await world.another('app_admin')
    const [first, other] = bothWith(person.token) as [Client, Client]
    const write = (client: Client) => client.send('PATCH', `${world.app}/settings`, { file_size_limit_bytes: 1000 })
    const early = Array.from({ length: 10 }, (_, n) => write(n % 2 ? first : other))
    expect((await world.admin.send('PATCH', `${world.app}/members/${person.id}`, { role: 'user' })).status).toBe(200)
    const late = await Promise.all(Array.from({ length: 10 }, (_, n) => write(n % 2 ? first : other)))
    expect(late.map(({ status }) => status)).toEqual(Array(10).fill(403))
    for (const { status } of await Promise.all(early)) expect([200, 403]).toContain(status)
  })

  test('a removed user is nobody, and what the token says of roles is nothing', async () => {
    const person = await world.another('user')
    const header = encode({ alg: 'HS256', typ: 'JWT' })
    const claims = { sub: person.id, email: 'admin@example.com', roles: { [world.appId]: 'app_admin' } }
    const boastful = sign(`${header}.${encode({ ...claims, iat: seconds(), exp: seconds() + 600 })}`, JWT_SECRET)
    expect(await answers(boastful, world.app)).toEqual([200, 200])
    expect(await answers(boastful, `${world.app}/audit`)).toEqual([403, 403])
    await world.db.collection('users').deleteOne({ _id: new ObjectId(person.id) })
    for (const token of [person.token, boastful]) {
      expect(await answers(token, world.app)).toEqual([401, 401])
      expect(await answers(token, '/api/apps')).toEqual([401, 401])
    }
  })

  test('a token that is not ours, or is not any more, is refused, always with the same words', async () => {
    const { id } = world.admin
    const claims = { sub: id, email: 'admin@example.com', iat: seconds(), exp: seconds() + 600 }
    const token = (header: object, payload: object, secret = JWT_SECRET, hash?: string) =>
      sign(`${encode({ typ: 'JWT', ...header })}.${encode(payload)}`, secret, hash)
    const HS256 = { alg: 'HS256' }
    expect(await answers(token(HS256, claims), '/api/apps')).toEqual([200, 200])
    const [head = '', body = '', signature = ''] = world.admin.token.split('.')
    const refused: Record<string, string> = {
      expired: token(HS256, { ...claims, iat: seconds() - 7200, exp: seconds() - 61 }),
      'expired just now': token(HS256, { ...claims, exp: seconds() - 1 }),
      forged: token(HS256, claims, `${JWT_SECRET}!`),
      'signed with nothing': token(HS256, claims, ''),
      'alg none': `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`,
      'alg None': `${encode({ alg: 'None', typ: 'JWT' })}.${encode(claims)}.`,
      'alg none with a signature': token({ alg: 'none' }, claims),
      'without an alg': token({}, claims),
      'another alg': token({ alg: 'HS512' }, claims, JWT_SECRET, 'sha512'),
      'an alg of another signature': token({ alg: 'RS256' }, claims),
      'with its own key': token({ ...HS256, jwk: { kty: 'oct', k: encode('x') } }, claims, 'x'),
      'a critical extension': token({ ...HS256, crit: ['x'], x: 1 }, claims),
      'without a subject': token(HS256, { ...claims, sub: undefined }),
      'without an issue date': token(HS256, { ...claims, iat: undefined }),
      'without an end': token(HS256, { ...claims, exp: undefined }),
      'not valid yet': token(HS256, { ...claims, nbf: seconds() + 600 }),
      'an end in words': token(HS256, { ...claims, exp: 'never' }),
      'the subject an operator': token(HS256, { ...claims, sub: { $ne: null } }),
      'the subject no id': token(HS256, { ...claims, sub: 'admin@example.com' }),
      'the subject nobody': token(HS256, { ...claims, sub: 'f'.repeat(24) }),
      'another body': `${head}.${encode({ ...claims, sub: 'f'.repeat(24) })}.${signature}`,
      'no signature': `${head}.${body}.`,
      'two parts': `${head}.${body}`,
      'no token': 'x',
    }
    const answer = (await world.server.client(refused['no token']).get('/api/apps')).body.error
    for (const [what, forged] of Object.entries(refused)) {
      for (const client of bothWith(forged)) {
        const { status, body } = await client.get('/api/apps')
        const { code, message } = body.error
        expect([what, status, code, message]).toEqual([what, 401, 'unauthorized', answer.message])
      }
    }
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${world.admin.token}`,
      world.admin.token,
      `BEARER ${world.admin.token}`,
    ]) {
      expect([authorization.slice(0, 8), (await world.anonymous.get('/api/apps', { authorization })).status]).toEqual([
        authorization.slice(0, 8),
        401,
      ])
    }
  })

  test('a token that was good once is not good for ever', async () => {
    const jwtSecret = new TextEncoder().encode(JWT_SECRET)
    const user = { id: new ObjectId(world.admin.id), email: 'x', name: 'x' }
    // Issued long enough ago to end in a moment, while the server remembers that its signature was right.
    const brief = await createTokens({ jwtSecret, jwtExpiryHours: 1 }).issue(user, Date.now() - 3_600_000 + 5_000)
    expect(await answers(brief, '/api/apps')).toEqual([200, 200])
    await expect.poll(() => answers(brief, '/api/apps'), { timeout: 20_000 }).toEqual([401, 401])
  })

  test('parallel invites and grants of a person make one membership', async () => {
    const person: Person = await world.person('outsider')
    const body = { user_id: person.id, role: 'user' }
    const grants = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        (bothWith(world.admin.token)[n % 2] as Client).send('POST', `${world.app}/members`, body),
      ),
    )
    expect(grants.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201])
    const held = { user_id: new ObjectId(person.id), app_id: new ObjectId(idOf(world.app)) }
    expect(await memberships().countDocuments(held)).toBe(1)
    expect(await answers(person.token, world.app)).toEqual([200, 200])
  })
})
