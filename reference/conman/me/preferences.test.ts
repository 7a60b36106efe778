/** Whether somebody wants mails: made at the first look, changed by its owner, obeyed by notifications. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorld, HAS_PARTS, type Person, type World } from '../test/world.ts'

const URL = '/api/me/notification-preferences'

describe.skipIf(!HAS_PARTS)('notification preferences', () => {
  let world: World

  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const records = (person: Person) =>
    world.db
      .collection('notification_preferences')
      .find({ user_id: new ObjectId(person.id) })
      .toArray()
  const change = (person: Person, email_enabled: unknown) => person.send('PATCH', URL, { email_enabled })

  test('are made at the first look, once, however many look', async () => {
    const person = await world.another('user')
    expect(await records(person)).toEqual([])
    const answers = await Promise.all(Array.from({ length: 30 }, () => person.get(URL)))
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body.data))).size).toBe(1)
    expect(answers[0]?.body.data).toMatchObject({ user_id: person.id, email_enabled: true })
    expect(await records(person)).toHaveLength(1)
    expect((await person.get(URL)).body).toEqual(answers[0]?.body)
  })

  test('are changed without having been looked at, and at once', async () => {
    const person = await world.another('user')
    const answer = await change(person, false)
    expect(answer).toMatchObject({ status: 200, body: { data: { user_id: person.id, email_enabled: false } } })
    expect((await person.get(URL)).body.data).toEqual(answer.body.data)
    expect((await change(person, true)).body.data).toMatchObject({ id: answer.body.data.id, email_enabled: true })
    const rows = () =>
      world.db
        .collection('audit_events')
        .find({ entity_type: 'notification_preference', actor_user_id: new ObjectId(person.id) })
        .sort({ occurred_at: 1 })
        .toArray()
    await expect.poll(rows).toMatchObject([
      { action: 'updated', app_id: null, before: { email_enabled: true }, after: { email_enabled: false } },
      { action: 'updated', app_id: null, before: { email_enabled: false }, after: { email_enabled: true } },
    ])
  })

  test('parallel first changes make one record', async () => {
    const person = await world.another('user')
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => change(person, n % 2 === 0)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(await records(person)).toHaveLength(1)
  })

  test('take nothing but a boolean', async () => {
    const person = await world.another('user')
    for (const wrong of [1, 'true', null, undefined, { $ne: true }]) {
      const answer = await change(person, wrong)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    }
    expect((await person.send('PATCH', URL)).status).toBe(400)
    expect(await records(person)).toEqual([])
    expect((await world.anonymous.get(URL)).status).toBe(401)
    expect((await world.anonymous.send('PATCH', URL, { email_enabled: false })).status).toBe(401)
  })

  test("a caller's own only, whatever the body says", async () => {
    const [person, other] = [await world.another('user'), await world.another('user')]
    const body = { email_enabled: false, user_id: other.id, id: 'f'.repeat(24) }
    expect((await person.send('PATCH', URL, body)).body.data.user_id).toBe(person.id)
    expect((await other.get(URL)).body.data.email_enabled).toBe(true)
  })

  test('whoever wants no mail gets none, and again when that changes', async () => {
    const [author, silent, loud] = [
      await world.another('user'),
      await world.another('reviewer'),
      await world.another('reviewer'),
    ]
    await change(silent, false)
    const told = (title: string) =>
      world
        .mails()
        .filter(({ subject }) => subject.includes(title))
        .map(({ recipient_email }) => recipient_email)
    await world.changeset(author, 'submitted', { title: 'While silent' })
    await expect.poll(() => told('While silent')).toContain(loud.email)
    expect(told('While silent')).not.toContain(silent.email)
    await change(silent, true)
    await world.changeset(author, 'submitted', { title: 'Loud again' })
    await expect.poll(() => told('Loud again')).toContain(silent.email)
  })
})
