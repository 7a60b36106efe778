// What single routes of the real Conman do otherwise: preferences, environments, password resets, temporary environments.

import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Asked } from '../proxy.ts'
import {
  type Difference,
  dataOf,
  type Fields,
  fields,
  isObject,
  isSuccess,
  json,
  mapObjects,
  operationOf,
  parsed,
  partsOf,
  refusal,
  rewrite,
  tokenOf,
  withData,
} from './difference.ts'

/** The worker delivers mails within moments; an address without an account gets none. */
const MAIL_WITHIN_MS = 2_000

/** From about here the real handler panics (contract §2.13). */
const PANIC_SECONDS = 8e12

export function passwordReset(outboxFile: string): Difference {
  const isAsking = ({ method, path }: Asked) => method === 'POST' && path === '/api/auth/forgot-password'
  const before = new WeakMap<Asked, number>()
  return {
    id: 'HD21',
    what: 'the answer of a forgotten password holds the reset token',
    async before(asked) {
      if (isAsking(asked)) before.set(asked, (await mails(outboxFile)).length)
      return undefined
    },
    async after(asked, answer) {
      const data = dataOf(answer)
      if (!isAsking(asked) || !isSuccess(answer) || !isObject(data)) return undefined
      const email = String(fields(asked).email).trim().toLowerCase()
      const until_ms = performance.now() + MAIL_WITHIN_MS
      while (performance.now() < until_ms) {
        const fresh = (await mails(outboxFile)).slice(before.get(asked) ?? 0)
        const body = fresh.find((mail) => mail.recipient_email === email && /^Token: /m.test(String(mail.body)))?.body
        const token = /^Token: (\S+)$/m.exec(String(body))?.[1]
        if (token !== undefined) return withData(answer, { ...data, reset_token: token })
        await delay(50)
      }
      return undefined
    },
  }
}

async function mails(file: string): Promise<Fields[]> {
  const content = await readFile(file, 'utf8').catch(() => '')
  return content
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Fields)
}

export function preferences(): Difference {
  const read = new Set<string>()
  const spoilt = new Set<string>()
  const failure = () => refusal(500, 'internal', 'internal: Kind: missing field `id`')
  return {
    id: 'HD28',
    what: 'preferences that are changed before they were read are spoilt',
    before(asked) {
      const token = tokenOf(asked)
      if (asked.path !== '/api/me/notification-preferences' || token === undefined) return undefined
      if (asked.method === 'GET' && !spoilt.has(token)) read.add(token)
      if (asked.method === 'PATCH' && !read.has(token)) spoilt.add(token)
      return spoilt.has(token) ? failure() : undefined
    },
  }
}

export function environments(): Difference[] {
  const given = new Set<string>()
  return [
    {
      id: 'HD36',
      what: 'a new app has no environments',
      after(asked, answer) {
        const [appId = ''] = partsOf(asked.path)
        const operation = operationOf(asked)
        if (operation === 'PATCH environments' && isSuccess(answer)) given.add(appId)
        if (operation === 'GET environments' && isSuccess(answer) && !given.has(appId)) return json(200, { data: [] })
        const body = parsed(answer)
        if (!/^\/api\/apps(\/[^/]+)?$/.test(asked.path) || !isObject(body)) return undefined
        const shown = mapObjects(body, (object) =>
          'canonical_env_id' in object && !given.has(appId) ? { ...object, canonical_env_id: null } : object,
        )
        return { ...answer, body: Buffer.from(JSON.stringify(shown)) }
      },
    },
    {
      id: 'HD41',
      what: 'environments that are set have new ids each time',
      before(asked) {
        const rows = fields(asked).environments
        if (operationOf(asked) !== 'PATCH environments' || !Array.isArray(rows)) return undefined
        rewrite(asked, { environments: rows.map((row) => (isObject(row) ? { ...row, id: 'new' } : row)) })
        return undefined
      },
    },
  ]
}

export function temporaryEnvironments(): Difference[] {
  /** As last shown: a deleted one can no longer be read behind the proxy. */
  const known = new Map<string, Fields>()
  return [
    {
      id: 'HD102',
      what: 'an extension is in seconds, at least 300; a huge one closes the connection',
      before(asked) {
        if (operationOf(asked) !== 'POST temp-envs/:/extend') return undefined
        const seconds = Number(fields(asked).seconds ?? 86_400)
        if (seconds >= PANIC_SECONDS) return 'hang-up'
        rewrite(asked, { seconds: Math.max(300, seconds) })
        return undefined
      },
    },
    {
      id: 'HD103',
      what: 'what was deleted can be brought back',
      after(asked, answer) {
        const [, , id = ''] = partsOf(asked.path)
        const operation = operationOf(asked)
        const data = dataOf(answer)
        if (operation.includes('temp-envs') && isObject(data) && isObject(data.temp_env)) {
          known.set(String(data.temp_env.id), data.temp_env)
        }
        const before = known.get(id)
        if (operation !== 'POST temp-envs/:/undo-expire' || isSuccess(answer) || before === undefined) return undefined
        return json(200, { data: { temp_env: { ...before, state: 'active', grace_expires_at: null }, job: null } })
      },
    },
  ]
}
