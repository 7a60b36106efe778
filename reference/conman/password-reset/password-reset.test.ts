/** Forgotten passwords: a token by mail, once, for an hour; and nothing that tells an outsider who has an account. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServerProcess, startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, PASSWORD, type Person, type World } from '../test/world.ts'

const NEW_PASSWORD = 'Another-passw0rd'

describe.skipIf(!HAS_PARTS)('forgotten passwords', () => {
  let world: World
  let second: ServerProcess

  beforeAll(async () => {
    // Few enough failures to fill, and a rest that outlasts the tests.
    world = await createWorld({ env: { CONMAN_LOGIN_MAX_FAILURES: '3' } })
    second = await startServer(['--role', 'api'], world.env)
  })
  afterAll(async () => {
    await second?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const forgot = (email: unknown) => world.anonymous.send('POST', '/api/auth/forgot-password', { email })
  const reset = (token: unknown, new_password: unknown = NEW_PASSWORD, client = world.anonymous) =>
    client.send('POST', '/api/auth/reset-password', { token, new_password })
  const login = async (email: string, password: string) =>
    (await world.anonymous.send('POST', '/api/auth/login', { email, password })).status
  const tokens = () => world.db.collection('password_reset_tokens')
  const mails = () => world.db.collection('notification_events')
  const users = () => world.db.collection('users')
  const audits = (query: object) => world.db.collection('audit_events').find(query).toArray()

  /** What is mailed to an address, oldest first. */
  const mailed = (email: string) =>
    world
      .mails()
      .filter(({ recipient_email, event_type }) => recipient_email === email && event_type === 'password_reset')
      .map(({ body }) => /^Token: (\S+)$/m.exec(body)?.[1] ?? '')

  async function tokenFor({ email }: Pick<Person, 'email'>): Promise<string> {
    const before = mailed(email).length
    expect((await forgot(email)).status).toBe(200)
    await expect.poll(() => mailed(email).length, { timeout: 5_000 }).toBe(before + 1)
    return mailed(email).at(-1) ?? ''
  }

  test('a token sets a new password, once, and ends every session on every server', async () => {
    const person = await world.another('user')
    const elsewhere = second.client(person.token)
    expect((await elsewhere.get('/api/apps')).status).toBe(200)
    const token = await tokenFor({ email: person.email })
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const answer = await reset(token)
    expect(answer).toMatchObject({ status: 200, body: { data: { message: 'password updated' } } })
    expect((await person.get('/api/apps')).status).toBe(401)
    expect((await elsewhere.get('/api/apps')).status).toBe(401)
    expect(await login(person.email, PASSWORD)).toBe(401)

    // Right after, often still in the same second, whoever knows the new password is in.
    const session = await world.anonymous.send('POST', '/api/auth/login', {
      email: person.email,
      password: NEW_PASSWORD,
    })
    expect(session.status).toBe(200)
    const { token: fresh } = session.body.data
    expect((await world.server.client(fresh).get('/api/apps')).status).toBe(200)
    expect((await second.client(fresh).get('/api/apps')).status).toBe(200)

    expect((await reset(token)).body.error.code).toBe('token_invalid')
    expect((await reset(token, 'Third-passw0rd-x')).status).toBe(400)
    expect(await login(person.email, NEW_PASSWORD)).toBe(200)
    const actor_user_id = new ObjectId(person.id)
    await expect
      .poll(() => audits({ entity_type: 'password', actor_user_id }))
      .toMatchObject([{ action: 'reset', app_id: null, entity_id: person.id, before: null, after: null }])
  })

  test('also several resets within a second end what was issued between them', async () => {
    const person = await world.another('user')
    for (const password of ['First-passw0rd', 'Second-passw0rd', 'Third-passw0rd']) {
      const token = await tokenFor(person)
      const other = await tokenFor(person)
      expect((await reset(token, password)).status).toBe(200)
      const session = await world.anonymous.send('POST', '/api/auth/login', { email: person.email, password })
      const client = world.server.client(session.body.data.token)
      expect((await client.get('/api/apps')).status).toBe(200)
      // A second token, put back into use, so that the next reset follows at once.
      await tokens().updateOne({ token: other }, { $set: { used_at: null } })
      expect((await reset(other, `${password}-again`)).status).toBe(200)
      expect((await client.get('/api/apps')).status).toBe(401)
      const again = { email: person.email, password: `${password}-again` }
      const later = await world.anonymous.send('POST', '/api/auth/login', again)
      expect((await world.server.client(later.body.data.token).get('/api/apps')).status).toBe(200)
    }
  })

  test('a login that began before a reset does not outlive it', async () => {
    const person = await world.another('user')
    for (let round = 0; round < 5; round += 1) {
      const token = await tokenFor(person)
      const password = round === 0 ? PASSWORD : `Passw0rd-round-${round - 1}`
      const credentials = { email: person.email, password }
      const [answer, ...logins] = await Promise.all([
        reset(token, `Passw0rd-round-${round}`),
        ...Array.from({ length: 6 }, (_, n) =>
          (n % 2 ? world.anonymous : second.client()).send('POST', '/api/auth/login', credentials),
        ),
      ])
      expect(answer?.status).toBe(200)
      for (const { status, body } of logins) {
        if (status === 200) expect((await world.server.client(body.data.token).get('/api/apps')).status).toBe(401)
      }
    }
  })

  test('of parallel redemptions of one token exactly one wins', async () => {
    const person = await world.another('user')
    const token = await tokenFor(person)
    const passwords = Array.from({ length: 12 }, (_, n) => `Parallel-passw0rd-${n}`)
    const answers = await Promise.all(
      passwords.map((password, n) => reset(token, password, n % 2 ? world.anonymous : second.client())),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(11).fill(400)])
    const won = answers.findIndex(({ status }) => status === 200)
    expect(await login(person.email, passwords[won] ?? '')).toBe(200)
  })

  test('a reset voids the other tokens of the user, also those redeemed at the same moment', async () => {
    const person = await world.another('user')
    const all = [await tokenFor(person), await tokenFor(person), await tokenFor(person)]
    const answers = await Promise.all(all.map((token, n) => reset(token, `Rival-passw0rd-${n}`)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
    for (const token of all) expect((await reset(token)).body.error.code).toBe('token_invalid')
    const other = await world.another('user')
    const untouched = await tokenFor(other)
    expect((await reset(await tokenFor(person))).status).toBe(200)
    expect((await reset(untouched)).status).toBe(200)
  })

  test('an expired token is gone, and an unknown one invalid', async () => {
    const person = await world.another('user')
    const token = await tokenFor(person)
    const row = await tokens().findOne({ token })
    expect(row?.expires_at.getTime() - row?.created_at.getTime()).toBe(3_600_000)
    await tokens().updateOne({ token }, { $set: { expires_at: new Date(Date.now() - 1) } })
    const expired = await reset(token)
    expect([expired.status, expired.body.error.code]).toEqual([410, 'token_expired'])
    for (const unknown of ['x', '0'.repeat(43), `${token} `, 'x'.repeat(100_000)]) {
      const answer = await reset(unknown)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'token_invalid'])
    }
    for (const date of ['tomorrow', null, 9e15]) {
      await tokens().updateOne({ token }, { $set: { expires_at: date } })
      expect((await reset(token)).status).toBeGreaterThanOrEqual(400)
    }
    expect(await login(person.email, PASSWORD)).toBe(200)
    expect((await person.get('/api/apps')).status).toBe(200)
  })

  test('the token of a removed user is invalid', async () => {
    const person = await world.another('user')
    const token = await tokenFor(person)
    await users().deleteOne({ _id: new ObjectId(person.id) })
    expect((await reset(token)).body.error.code).toBe('token_invalid')
    expect((await person.get('/api/apps')).status).toBe(401)
  })

  test('a password that the policy refuses leaves the token as it is', async () => {
    const person = await world.another('user')
    const token = await tokenFor(person)
    for (const password of ['', 'short', 'elevenchars', 'x'.repeat(129), '€'.repeat(43)]) {
      const answer = await reset(token, password)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    }
    for (const [bad, password] of [
      [' ', NEW_PASSWORD],
      [{ $ne: '' }, NEW_PASSWORD],
      [undefined, NEW_PASSWORD],
      [token, 1],
    ]) {
      const answer = await reset(bad, password === undefined ? undefined : password)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    }
    expect(await login(person.email, PASSWORD)).toBe(200)
    expect((await reset(token, 'twelve chars')).status).toBe(200)
  })

  test('known and unknown addresses get the same answer for the same writes', async () => {
    const person = await world.another('user')
    const unknown = 'Nobody-Known@Example.com '
    const counts = async () => [
      await tokens().countDocuments(),
      await mails().countDocuments(),
      (await audits({})).length,
    ]
    const before = await counts()
    const one = await forgot(` ${person.email.toUpperCase()}`)
    const between = await counts()
    const other = await forgot(unknown)
    const after = await counts()
    expect(other.body).toEqual(one.body)
    expect(other.status).toBe(one.status)
    const names = (answer: typeof one) => [...answer.headers.keys()].sort()
    expect(names(other)).toEqual(names(one))
    expect(between.map((count, at) => count - (before[at] ?? 0))).toEqual([1, 1, 1])
    expect(after.map((count, at) => count - (between[at] ?? 0))).toEqual([1, 1, 1])

    const [known, nobodys] = await tokens()
      .find()
      .sort({ created_at: -1 })
      .limit(2)
      .toArray()
      .then((rows) => rows.reverse())
    expect(known?.user_id).toEqual(new ObjectId(person.id))
    expect(nobodys?.user_id).toBe(null)
    expect(Object.keys(nobodys ?? {})).toEqual(Object.keys(known ?? {}))
    const suppressed = await mails().findOne({ recipient_email: 'nobody-known@example.com' })
    expect(suppressed).toMatchObject({ state: 'suppressed', user_id: null, event_type: 'password_reset' })
    await expect.poll(() => mailed(person.email)).toHaveLength(1)
    expect(mailed('nobody-known@example.com')).toEqual([])
    expect((await mails().findOne({ recipient_email: 'nobody-known@example.com' }))?.state).toBe('suppressed')
    // Even whoever got hold of it could do nothing with it.
    expect((await reset(nobodys?.token)).body.error.code).toBe('token_invalid')

    const rows = await audits({ entity_type: 'password_reset_token' })
    expect(rows.length).toBeGreaterThanOrEqual(2)
    for (const { action, app_id, actor_user_id, before: was } of rows) {
      expect([action, app_id, actor_user_id, was]).toEqual(['requested', null, null, null])
    }
    expect(rows.at(-1)?.after).toEqual({ user_id: null, expires_at: nobodys?.expires_at })
  })

  test('an address must be there and may not be endless', async () => {
    const before = await tokens().countDocuments()
    for (const email of ['', '  ', `${'x'.repeat(250)}@x.example`, undefined, null, { $ne: '' }, 5]) {
      const answer = await forgot(email)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    }
    expect(await tokens().countDocuments()).toBe(before)
    expect(await login(`${'x'.repeat(250)}@x.example`, PASSWORD)).toBe(400)
  })

  test('a reset ends the rest after failed logins', async () => {
    const person = await world.another('user')
    for (let n = 0; n < 3; n += 1) expect(await login(person.email, 'Wrong-password-1')).toBe(401)
    expect(await login(person.email, PASSWORD)).toBe(429)
    const token = await tokenFor(person)
    expect(await login(person.email, PASSWORD)).toBe(429)
    expect((await reset(token)).status).toBe(200)
    expect(await login(person.email, NEW_PASSWORD)).toBe(200)
  })

  test('no token is in an answer, in the audit log or in a log line, nor is a hash', async () => {
    const person = await world.another('user')
    const answers = [await forgot(person.email), await forgot('nobody@example.com')]
    await expect.poll(() => mailed(person.email)).toHaveLength(1)
    answers.push(await reset(mailed(person.email)[0]), await reset(mailed(person.email)[0]), await reset('wrong'))
    const all = (await tokens().find().toArray()).map(({ token }) => String(token))
    const hashes = (await users().find().toArray()).map(({ password_hash }) => String(password_hash))
    const answered = JSON.stringify(answers.map(({ body, headers }) => [body, [...headers]]))
    const lines = () => JSON.stringify([world.server.logs, second.logs])
    await expect.poll(lines).toContain('/api/auth/reset-password')
    const audited = JSON.stringify(await audits({}))
    expect(all.length).toBeGreaterThan(2)
    for (const secret of [...all, ...hashes, '$argon2id', PASSWORD, NEW_PASSWORD]) {
      expect(answered).not.toContain(secret)
      expect(lines()).not.toContain(secret)
      expect(audited).not.toContain(secret)
    }
  })
})
