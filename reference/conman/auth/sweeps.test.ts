/** What the worker removes of invites and resets, what it leaves, and that a broken row stops nothing. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorld, HAS_PARTS, PASSWORD, type World } from '../test/world.ts'

const DAY_MS = 86_400_000
const ago = (days: number) => new Date(Date.now() - days * DAY_MS)
const names = (rows: { token?: string; subject?: string }[]) =>
  rows.map(({ token, subject }) => token ?? subject).sort()

describe.skipIf(!HAS_PARTS)('the sweeps of accounts', () => {
  let world: World

  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  test('invites go thirty days after they expired; until then one can be sent again', async () => {
    const invites = world.db.collection('invites')
    const invite = async (email: string) =>
      (await world.admin.send('POST', `${world.app}/invites`, { email, role: 'user' })).body.data
    const [gone, revived, fresh] = [
      await invite('gone@x.test'),
      await invite('revived@x.test'),
      await invite('fresh@x.test'),
    ]
    const accepted = await invite('accepted@x.test')
    const accept = (token: string) =>
      world.anonymous.send('POST', '/api/auth/accept-invite', { token, name: 'N', password: PASSWORD })
    expect((await accept(accepted.token)).status).toBe(200)
    const set = (id: string, expires_at: unknown) =>
      invites.updateOne({ _id: new ObjectId(id) }, { $set: { expires_at } })
    await set(accepted.id, ago(400))
    await set(revived.id, ago(29))
    const row = { app_id: new ObjectId(world.appId), role: 'user', accepted_at: null }
    await invites.insertMany([
      { ...row, email: '1', token: 'text as date', expires_at: ago(99).toISOString() },
      { ...row, email: '2', token: 'number as date', expires_at: 5 },
      { ...row, email: '3', token: 'no date' },
      { token: 'hardly anything' },
      { ...row, email: '4', token: 'list as date', expires_at: [[]] },
      ...Array.from({ length: 1100 }, (_, n) => ({
        ...row,
        email: `old-${n}`,
        token: `old ${n}`,
        expires_at: ago(31),
      })),
    ])
    await set(gone.id, ago(30.01))
    const left = async () => names((await invites.find().toArray()) as object[])
    await expect
      .poll(left, { timeout: 20_000 })
      .toEqual(
        [
          'hardly anything',
          'list as date',
          'no date',
          'number as date',
          'text as date',
          accepted.token,
          fresh.token,
          revived.token,
        ].sort(),
      )
    expect((await accept(gone.token)).body.error.code).toBe('invite_invalid')
    expect((await accept(revived.token)).body.error.code).toBe('invite_expired')
    expect((await world.admin.send('POST', `${world.app}/invites/${revived.id}/resend`)).status).toBe(200)
    expect((await accept(revived.token)).status).toBe(200)
  })

  test('reset tokens go a day after they were used or expired, and mails that were never sent a day after they were written', async () => {
    const tokens = world.db.collection('password_reset_tokens')
    const mails = world.db.collection('notification_events')
    const hour = (hours: number) => ago(hours / 24)
    const soon = hour(-1)
    await tokens.insertMany([
      { token: 'active', user_id: null, used_at: null, expires_at: soon },
      { token: 'used just now', user_id: null, used_at: hour(1), expires_at: soon },
      { token: 'used yesterday', user_id: null, used_at: hour(23), expires_at: hour(22) },
      { token: 'used before', user_id: null, used_at: hour(25), expires_at: soon },
      { token: 'expired yesterday', user_id: null, used_at: null, expires_at: hour(23) },
      { token: 'expired before', user_id: null, used_at: null, expires_at: hour(25) },
      { token: 'broken', user_id: null, used_at: 'yes', expires_at: 'no' },
      { token: 'broken and used before', used_at: hour(25), expires_at: 'no' },
      { token: 'hardly anything' },
      ...Array.from({ length: 700 }, (_, n) => ({
        token: `old ${n}`,
        user_id: null,
        used_at: ago(9),
        expires_at: ago(9),
      })),
    ])
    await mails.insertMany([
      { subject: 'suppressed just now', state: 'suppressed', created_at: hour(1) },
      { subject: 'suppressed before', state: 'suppressed', created_at: hour(25) },
      { subject: 'suppressed and broken', state: 'suppressed', created_at: 'yes' },
      { subject: 'suppressed without a date', state: 'suppressed' },
      { subject: 'sent before', state: 'sent', created_at: hour(25) },
      { subject: 'failed before', state: 'failed', created_at: hour(25) },
      ...Array.from({ length: 700 }, (_, n) => ({ subject: `old ${n}`, state: 'suppressed', created_at: ago(9) })),
    ])
    const leftTokens = async () => names((await tokens.find().toArray()) as object[])
    const leftMails = async () => names((await mails.find({ subject: /before|suppressed|old/ }).toArray()) as object[])
    await expect
      .poll(leftTokens, { timeout: 20_000 })
      .toEqual(['active', 'broken', 'expired yesterday', 'hardly anything', 'used just now', 'used yesterday'].sort())
    await expect
      .poll(leftMails, { timeout: 20_000 })
      .toEqual(
        [
          'failed before',
          'sent before',
          'suppressed and broken',
          'suppressed just now',
          'suppressed without a date',
        ].sort(),
      )
    const failed = world.server.logs.filter(({ message }) => message === 'job runner turn failed')
    expect(failed).toEqual([])
  })
})
