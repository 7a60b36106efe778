/** Login throttling on two servers that share one database: together they allow no more guesses than one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type ServerProcess, startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, PASSWORD, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('the login throttle', () => {
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

  const login = (email: string, password = 'Wrong-password-1', server = world.server) =>
    server.client().send('POST', '/api/auth/login', { email, password })
  const statuses = (answers: Answer[]) => answers.map(({ status }) => status).sort()
  const hammer = (email: string, times: number, password?: string) =>
    Promise.all(Array.from({ length: times }, (_, n) => login(email, password, n % 2 ? second : world.server)))
  const row = (email: string) => world.db.collection('login_throttles').findOne({ _id: email as never })

  test('allows exactly five guesses at one address, from wherever they come', async () => {
    for (const email of ['nobody-1@example.com', 'nobody-2@example.com', (await world.another('user')).email]) {
      expect([email, statuses(await hammer(email, 30))]).toEqual([
        email,
        [...Array(5).fill(401), ...Array(25).fill(429)],
      ])
    }
  })

  test('then refuses the right password too, says for how long, and leaves other addresses alone', async () => {
    const [person, other] = [await world.another('user'), await world.another('user')]
    for (let n = 0; n < 5; n += 1) expect((await login(person.email)).body.error.code).toBe('invalid_credentials')
    for (const server of [world.server, second]) {
      const refused = await login(person.email, PASSWORD, server)
      expect([refused.status, refused.body.error.code]).toEqual([429, 'rate_limited'])
      const seconds = Number(refused.headers.get('retry-after'))
      expect(seconds).toBeGreaterThan(600)
      expect(seconds).toBeLessThanOrEqual(900)
      expect((await login(` ${person.email.toUpperCase()}`, PASSWORD, server)).status).toBe(429)
      expect((await login(other.email, PASSWORD, server)).status).toBe(200)
    }
    // Whoever is in stays in.
    expect((await person.get('/api/apps')).status).toBe(200)
    // A server that starts now knows as well.
    await using third = await startServer(['--role', 'api'], world.env)
    expect((await login(person.email, PASSWORD, third)).status).toBe(429)
    // Asking does not make it longer.
    const until = (await row(person.email))?.locked_until
    await hammer(person.email, 10)
    expect((await row(person.email))?.locked_until).toEqual(until)
  })

  test('counts anew after a success', async () => {
    const { email } = await world.another('user')
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 4; n += 1) expect((await login(email)).status).toBe(401)
      expect((await login(email, PASSWORD, second)).status).toBe(200)
      expect(await row(email)).toBe(null)
    }
    // The last allowed one may be right.
    for (let n = 0; n < 4; n += 1) await login(email)
    expect((await login(email, PASSWORD)).status).toBe(200)
    expect((await login(email)).status).toBe(401)
  })

  test('does not take the right password for a guess, however often it is sent at once', async () => {
    const { email } = await world.another('user')
    expect(statuses(await hammer(email, 24, PASSWORD))).toEqual(Array(24).fill(200))
    expect(await row(email)).toBe(null)
  })

  test('counts anew when the rest is over', async () => {
    const { email } = await world.another('user')
    for (let round = 0; round < 2; round += 1) {
      expect(statuses(await hammer(email, 8))).toEqual([...Array(5).fill(401), ...Array(3).fill(429)])
      await world.db
        .collection('login_throttles')
        .updateOne({ _id: email as never }, { $set: { locked_until: new Date(Date.now() - 1) } })
    }
    for (let n = 0; n < 4; n += 1) expect((await login(email)).status).toBe(401)
    expect((await login(email, PASSWORD)).status).toBe(200)
  })

  test('is shared with invites of known accounts', async () => {
    const person = await world.another('user')
    const app = await world.anotherApp()
    const invite = await world.admin.send('POST', `${app}/invites`, { email: person.email, role: 'user' })
    const accept = (password: string) =>
      world.anonymous.send('POST', '/api/auth/accept-invite', { token: invite.body.data.token, name: 'N', password })
    for (let n = 0; n < 5; n += 1) expect((await accept('Wrong-password-1')).status).toBe(401)
    expect((await accept(PASSWORD)).status).toBe(429)
    expect((await login(person.email, PASSWORD)).status).toBe(429)
  })
})
