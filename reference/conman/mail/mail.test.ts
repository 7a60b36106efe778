/** Who is mailed what, and that each mail is delivered once, by however many workers and whatever becomes of them. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AppDocument, NotificationDocument, UserDocument } from '../mongo/documents.ts'
import { ensureIndexes } from '../mongo/indexes.ts'
import { openStore, type Store } from '../mongo/store.ts'
import type { Role } from '../roles.ts'
import type { Services } from '../services.ts'
import { HAS_PARTS } from '../test/world.ts'
import { ALL, createNotifications, MANAGERS, type Notification, REVIEWERS } from './notifications.ts'
import { createOutbox } from './outbox.ts'

interface Delivered {
  id: string
  recipient_email: string
  event_type: string
  subject: string
  body: string
}

describe.skipIf(!HAS_PARTS)('mails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conman-mail-'))
  const stores: Store[] = []
  const servers: Services[] = []
  const problems: Record<string, unknown>[] = []
  const app = { _id: new ObjectId(), name: 'my-app' } as AppDocument
  const people = new Map<string, UserDocument>()
  let files = 0

  beforeAll(async () => {
    const uri = process.env.READINESS_TEST_MONGO_URI ?? ''
    const database = `conman_mail_${randomBytes(4).toString('hex')}`
    const logger = pino(
      { level: 'warn', messageKey: 'message', base: null },
      { write: (line: string) => void problems.push(JSON.parse(line)) },
    )
    for (const _server of [1, 2]) {
      const store = await openStore({ uri, database, appName: 'conman-test', logger })
      stores.push(store)
      const services = { store, logger, config: { outboxFile: undefined } } as unknown as Services
      services.outbox = createOutbox(services)
      services.notifications = createNotifications(services)
      servers.push(services)
    }
    await ensureIndexes(data().db)
    for (const role of ALL) await join_(role, role)
    await join_('other reviewer', 'reviewer')
    await join_('former', 'app_admin')
    await data().data.app_memberships.deleteOne({ user_id: person('former')._id })
  })
  afterEach(async () => {
    await data().data.notification_events.deleteMany({})
    await data().data.notification_preferences.deleteMany({})
    problems.length = 0
  })
  afterAll(async () => {
    await stores[0]?.db.dropDatabase()
    await Promise.all(stores.map((store) => store.close()))
    rmSync(folder, { recursive: true, force: true })
  })

  const data = () => stores[0] as Store
  const person = (name: string) => people.get(name) as UserDocument
  const [one, two] = [() => servers[0] as Services, () => servers[1] as Services]

  async function join_(name: string, role: Role): Promise<void> {
    const now = new Date()
    const user = {
      _id: new ObjectId(),
      email: `${name.replace(' ', '-')}@example.com`,
      password_hash: 'x',
      name,
      created_at: now,
      updated_at: now,
    }
    people.set(name, user)
    await data().data.users.insertOne(user)
    await data().data.app_memberships.insertOne({
      _id: new ObjectId(),
      user_id: user._id,
      app_id: app._id,
      role,
      created_at: now,
    })
  }

  /** A file of its own for a test, which both servers deliver to. */
  function outboxFile(): string {
    const file = join(folder, `outbox-${++files}`)
    for (const { config } of servers) config.outboxFile = file
    return file
  }

  function deliveredTo(file: string): Delivered[] {
    try {
      const lines = readFileSync(file, 'utf8').split('\n')
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Delivered)
    } catch {
      return []
    }
  }

  const about = (more: Partial<Notification> = {}): Notification => ({
    app,
    event: 'changeset_submitted',
    title: 'A change',
    link: '/api/apps/x/changesets/y',
    actor: null,
    to: { roles: REVIEWERS },
    occasion: 'y 1',
    ...more,
  })
  const rows = () => data().data.notification_events.find().sort({ recipient_email: 1 }).toArray()
  const recipients = async () => (await rows()).map(({ recipient_email }) => recipient_email.split('@')[0])
  const actorOf = (name: string) => ({ id: person(name)._id, email: person(name).email, name })

  test('go to whoever has one of the roles now, or is named and a member, once each', async () => {
    await one().notifications.tell(about())
    expect(await recipients()).toEqual(['app_admin', 'config_manager', 'other-reviewer', 'reviewer'])
    await data().data.notification_events.deleteMany({})
    const users = ['user', 'reviewer', 'former', 'user'].map((name) => person(name)._id)
    await one().notifications.tell(about({ to: { users, roles: MANAGERS } }))
    expect(await recipients()).toEqual(['app_admin', 'config_manager', 'reviewer', 'user'])
    await data().data.notification_events.deleteMany({})
    await one().notifications.tell(about({ app: { _id: new ObjectId(), name: 'another' }, to: { roles: ALL } }))
    expect(await recipients()).toEqual([])
  })

  test('do not go to who did it, nor to who wants none', async () => {
    const now = new Date()
    const preference = { created_at: now, updated_at: now }
    await data().data.notification_preferences.insertMany([
      { _id: new ObjectId(), user_id: person('reviewer')._id, email_enabled: false, ...preference },
      { _id: new ObjectId(), user_id: person('app_admin')._id, email_enabled: true, ...preference },
    ])
    await one().notifications.tell(about({ to: { roles: ALL }, actor: actorOf('config_manager') }))
    expect(await recipients()).toEqual(['app_admin', 'other-reviewer', 'user'])
  })

  test('say what happened, to what, by whom and where, and how to have no more of them', async () => {
    await one().notifications.tell(about({ to: { users: [person('user')._id] }, actor: actorOf('reviewer') }))
    const [row] = await rows()
    expect(row).toMatchObject({
      subject: '[my-app] Changeset submitted: A change',
      event_type: 'changeset_submitted',
      state: 'queued',
      user_id: person('user')._id,
      app_id: app._id,
    })
    for (const part of ['A change', 'reviewer@example.com', '/api/apps/x/changesets/y', 'notification-preferences']) {
      expect(row?.body).toContain(part)
    }
  })

  test('that are told twice of one occasion, also by two servers at once, are there once', async () => {
    const tellings = Array.from({ length: 10 }, (_, index) =>
      (index % 2 === 0 ? one() : two()).notifications.tell(about()),
    )
    await Promise.all(tellings)
    await one().notifications.tell(about())
    expect(await recipients()).toEqual(['app_admin', 'config_manager', 'other-reviewer', 'reviewer'])
    await one().notifications.tell(about({ occasion: 'y 2' }))
    await one().notifications.tell(about({ event: 'changeset_approved' }))
    expect(await rows()).toHaveLength(12)
    expect(problems).toEqual([])
  })

  test('have a subject of one bounded line, whatever a title holds, and a text that it cannot add lines to', async () => {
    const title = `Evil\r\nBcc: all@example.com\u2028\u0000${'ü'.repeat(500)}`
    const actor = { ...actorOf('reviewer'), name: 'Eve\nSee: https://evil.example' }
    await one().notifications.tell(about({ title, actor, to: { users: [person('user')._id] } }))
    const [row] = await rows()
    expect(row?.subject).toMatch(/^\[my-app\] Changeset submitted: Evil Bcc: all@example\.com ü+…$/)
    expect(Buffer.byteLength(row?.subject ?? '')).toBeLessThanOrEqual(303)
    expect(row?.body.split('\n')).toHaveLength(6)
    expect(row?.body.split('\n').filter((line) => line.startsWith('See: '))).toEqual(['See: /api/apps/x/changesets/y'])
  })

  test('that cannot be addressed or stored fail nothing', async () => {
    const broken = { ...one(), store: { data: { app_memberships: { aggregate: () => ({ toArray: refuse }) } } } }
    const refuse = () => Promise.reject(new Error('the database is away'))
    await createNotifications(broken as unknown as Services).tell(about())
    expect(problems).toMatchObject([{ message: 'failed to notify', event_type: 'changeset_submitted' }])
    const never = { ...broken, store: { data: { app_memberships: { aggregate: () => ({ toArray: hang }) } } } }
    const hang = () => new Promise(() => undefined)
    await createNotifications(never as unknown as Services).tell(about())
    expect(problems).toHaveLength(2)
    const full = { ...one(), store: { data: { notification_events: { insertMany: refuse } } } }
    await createOutbox(full as unknown as Services).enqueue([mailTo('a@example.com')])
    expect(problems[2]).toMatchObject({ message: 'failed to enqueue notification', mails: 1 })
  })

  const mailTo = (recipient: string) => ({
    userId: null,
    recipient,
    appId: null,
    eventType: 'invite',
    subject: 'Invitation',
    body: 'Token: x',
  })

  /** As many as several batches have. */
  async function queueMany(count: number): Promise<void> {
    await one().outbox.enqueue(Array.from({ length: count }, (_, index) => mailTo(`p${index}@example.com`)))
  }

  async function drainAll(services: Services): Promise<void> {
    while ((await services.outbox.drain()) > 0);
  }

  test('are delivered once each by two workers at the same time, in bounded batches', async () => {
    const file = outboxFile()
    await queueMany(450)
    const sizes: number[] = []
    const drain = async (services: Services) => {
      for (let size = -1; size !== 0; sizes.push(size)) size = await services.outbox.drain()
    }
    await Promise.all([drain(one()), drain(two()), drain(one()), drain(two())])
    await drainAll(one())
    const delivered = deliveredTo(file)
    expect(delivered).toHaveLength(450)
    expect(new Set(delivered.map(({ id }) => id)).size).toBe(450)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100)
    expect(await data().data.notification_events.countDocuments({ state: 'sent', error_message: null })).toBe(450)
  })

  /** A server whose marks on mails are made in another way. */
  function withMarks(services: Services, updateMany: (...args: unknown[]) => Promise<unknown>): Services {
    const events = services.store.data.notification_events
    const marked = Object.assign(Object.create(events), { updateMany })
    const store = { data: { ...services.store.data, notification_events: marked } }
    return { ...services, store } as unknown as Services
  }

  test('that another worker has taken since they were looked for are left to it', async () => {
    const file = outboxFile()
    await queueMany(5)
    const [looked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const events = data().data.notification_events
    const slow = withMarks(two(), async (...args) => {
      looked.resolve()
      await goOn.promise
      return events.updateMany(...(args as Parameters<typeof events.updateMany>))
    })
    const late = createOutbox(slow).drain()
    await looked.promise
    expect(await one().outbox.drain()).toBe(5)
    goOn.resolve()
    expect(await late).toBe(0)
    expect(deliveredTo(file)).toHaveLength(5)
  })

  test('that were delivered are marked when the database is back, and not delivered again', async () => {
    const file = outboxFile()
    await queueMany(5)
    const events = data().data.notification_events
    let marks = 0
    const away = withMarks(one(), async (...args) => {
      marks += 1
      if (marks === 2 || marks === 3) throw new Error('the database is away')
      return events.updateMany(...(args as Parameters<typeof events.updateMany>))
    })
    expect(await createOutbox(away).drain()).toBe(5)
    expect(await events.countDocuments({ state: 'sent' })).toBe(5)
    await drainAll(two())
    expect(deliveredTo(file)).toHaveLength(5)
  })

  test('of a worker that died while sending are delivered when its time is over, and not before', async () => {
    const file = outboxFile()
    await queueMany(3)
    const events = data().data.notification_events
    const sending = { state: 'sending' as const, sent_by: 'a worker that died' }
    await events.updateMany({}, { $set: { ...sending, updated_at: new Date(Date.now() - 50_000) } })
    await drainAll(two())
    expect(deliveredTo(file)).toEqual([])
    await events.updateMany({}, { $set: { updated_at: new Date(Date.now() - 61_000) } })
    await Promise.all([drainAll(one()), drainAll(two())])
    expect(deliveredTo(file)).toHaveLength(3)
    expect(await events.countDocuments({ state: 'sent' })).toBe(3)
  })

  test('that cannot be delivered are marked and told about, and disturb nothing else', async () => {
    const file = outboxFile()
    mkdirSync(file)
    await queueMany(2)
    await drainAll(one())
    const failed = { state: 'failed', error_message: 'the outbox could not be written' }
    expect(await rows()).toMatchObject([failed, failed])
    expect(problems).toMatchObject([{ message: 'notifications not delivered', mails: 2 }])
    rmSync(file, { recursive: true })
    await one().outbox.enqueue([mailTo('later@example.com')])
    await drainAll(one())
    expect(deliveredTo(file)).toMatchObject([{ recipient_email: 'later@example.com', subject: 'Invitation' }])
    expect(await data().data.notification_events.countDocuments({ state: 'failed' })).toBe(2)
  })

  test('that are not to be sent are not, and rows that are not as they should be stop no other', async () => {
    const file = outboxFile()
    const broken = [
      { state: 'queued' },
      { state: 'queued', created_at: 'yesterday', subject: 17, recipient_email: null },
      { state: 'sending', updated_at: 'yesterday' },
    ]
    await data().data.notification_events.insertMany(broken as unknown as NotificationDocument[])
    await one().outbox.enqueue([{ ...mailTo('nobody@example.com'), suppressed: true }, mailTo('a@example.com')])
    await drainAll(one())
    expect(deliveredTo(file).map(({ recipient_email }) => recipient_email ?? null)).toEqual([
      null,
      null,
      'a@example.com',
    ])
    expect(await data().data.notification_events.countDocuments({ state: 'suppressed' })).toBe(1)
  })

  test('without an outbox are only marked as sent', async () => {
    for (const { config } of servers) config.outboxFile = undefined
    await queueMany(2)
    await drainAll(one())
    expect(await data().data.notification_events.countDocuments({ state: 'sent' })).toBe(2)
  })
})
