// The harness before a server that does everything wrong, from the first look to the verdict: it ends, says what it saw in
// words that a person can use, passes nothing that was not earned, and blames the target for what is the target's doing.

import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsageError } from '../../harness/errors.ts'
import { type Stack, startStack } from '../../harness/stack/stack.ts'
import { UNTHROTTLED } from '../../harness/target/own-stack.ts'
import { Sandbox } from '../sandbox.ts'
import { expectClear, handedOver, isOpening, Runs, UNSEEN } from './before.ts'
import { BROKEN, broken, HOSTILE_TEXT, redirectTo } from './broken.ts'
import { type Asked, AwkwardProxy, type Behaviour, type Rule, route } from './proxy.ts'

/** Above the client's own deadline of 40 s, which is what ends a server that drips. */
const SLOW_MS = 90_000

let stack: Stack
let runs: Runs
/** How the opening of each slow one ended: begun first and looked at last, for all of them only wait. */
let slowOnes: Promise<unknown[]>
beforeAll(async () => {
  stack = await startStack({ env: UNTHROTTLED })
  runs = new Runs(stack)
  slowOnes = Promise.all(BROKEN.filter(({ slow }) => slow).map(({ does }) => opened(does)))
})
afterAll(async () => {
  runs?.[Symbol.dispose]()
  await stack?.[Symbol.asyncDispose]()
})

const facing = (...rules: Rule[]) => AwkwardProxy.start(stack.baseUrl, ...rules)

/** What the opening of a server that is like that ends with. */
async function opened(does: Behaviour): Promise<unknown> {
  await using proxy = await facing({ does })
  const ended = await runs.open(proxy.url).then(
    () => 'opened',
    (cause: unknown) => cause,
  )
  expect(proxy.asked.length).toBeGreaterThan(0)
  return ended
}

function expectNoTarget(ended: unknown): void {
  expect(ended).toBeInstanceOf(UsageError)
  const { message } = ended as UsageError
  expect(message).toMatch(/cannot be reached|is not a Conman|not healthy|logging in|redirect/)
  expect(message.length).toBeLessThan(1_000)
}

describe('a server that is like that from the beginning is no target', () => {
  test.each(BROKEN.filter(({ slow }) => !slow))('$name', async ({ says, does }) => {
    const ended = await opened(does)
    if (says === 'sense') expect(ended).toBe('opened')
    else expectNoTarget(ended)
  })

  test('as a person meets it: one clear line, what to do, and nothing that repaints the terminal', async () => {
    using sandbox = new Sandbox()
    await using proxy = await facing({
      when: ({ path }) => path === '/api/auth/login',
      does: broken('an error that would repaint the terminal'),
    })
    const ended = await sandbox.readiness(['run', 'L1', '--profile', 'smoke'], handedOver(stack, proxy.url))
    expect(ended.code).toBe(3)
    expect(ended.stderr).toContain('evil⟦U+001B⟧')
    expect(ended.stderr).not.toMatch(UNSEEN)
    expect(ended.stderr).not.toMatch(/^PASS/m)
    expect(ended.stderr.trimEnd().split('\n').at(-1)).toMatch(/^ {2}→ /)
    expect(sandbox.runs()).toEqual([])
  })
})

describe('a server that becomes like that once it was opened', () => {
  const worse = BROKEN.filter(({ slow, heavy, says }) => !slow && !heavy && says !== 'sense')

  // Several at once: a client that gets no answer mostly waits before it asks again.
  test.concurrent.each(worse)('$name', async (row) => {
    await using proxy = await facing({ when: (asked) => !isOpening(asked), does: row.does })
    expectClear(await runs.run('CONTRACT', proxy.url))
  })

  test('what is only unusual changes nothing: each in turn, request by request', async () => {
    const unusual = BROKEN.filter(({ says }) => says === 'sense')
    expect(unusual.length).toBeGreaterThan(4)
    await using proxy = await facing(
      ...unusual.map(({ does }, index) => ({
        when: ({ number }: { number: number }) => number % unusual.length === index,
        does,
      })),
    )
    const ran = await runs.run('CONTRACT', proxy.url)
    expect(ran.verdicts.checks[0]).toMatchObject({ outcome: 'pass' })
  })
})

describe('another host that a redirect names hears nothing', () => {
  const heard: string[] = []
  let other: Server
  beforeAll(async () => {
    other = createServer((request, response) => {
      heard.push(`${request.method} ${request.url} ${request.headers.authorization}`)
      response.end('{"data":{"commit_sha":"0123456789012345678901234567890123456789"}}')
    })
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
  })
  afterAll(() => other?.close())
  const elsewhere = () => `http://127.0.0.1:${(other.address() as AddressInfo).port}`

  test('of the contract probe', async () => {
    await using proxy = await facing({ when: (asked) => !isOpening(asked), does: redirectTo(elsewhere(), 307) })
    expectClear(await runs.run('CONTRACT', proxy.url))
    expect(heard).toEqual([])
  })

  test('of the load; edits that are answered with anything but their commit are no edits', async () => {
    const answers = ['a reset before the answer', 'an empty 200', 'a balancer’s 502 in HTML', 'a list of everything']
    const edit = route('PUT /api/apps/:app/workspaces/:workspace/files')
    const behaviours = [...answers.map(broken), redirectTo(elsewhere(), 307)]
    await using proxy = await facing(
      ...behaviours.map((does, index) => ({
        when: (asked: Asked) => edit(asked) && asked.number % behaviours.length === index,
        does,
      })),
    )
    const ran = await runs.run('L1', proxy.url)
    expect(heard).toEqual([])
    const l1 = ran.verdicts.checks.find(({ id }) => id === 'L1')
    expect(l1).toMatchObject({ outcome: 'fail' })
    expect(ran.verdicts.exit_code).toBe(1)
    const { edits } = JSON.parse(readFileSync(join(ran.folder, 'L1/evidence.json'), 'utf8')) as {
      edits: { commit: string | null }[]
    }
    expect(edits.length).toBeGreaterThan(0)
    expect(edits.filter(({ commit }) => commit !== null)).toEqual([])
  })
})

describe('as a person meets it', () => {
  /** The most that the harness itself held in memory, in bytes. */
  async function peak(rules: Rule[]): Promise<{ code: number | null; stdout: string; stderr: string; bytes: number }> {
    using sandbox = new Sandbox()
    await using proxy = await facing(...rules)
    const args = ['probe', '--allow-writes']
    const { ended } = sandbox.start(args, handedOver(stack, proxy.url))
    let bytes = 0
    let over = false
    void ended.then(() => {
      over = true
    })
    while (!over) {
      for (const line of sandbox.processesLeft()) {
        const [pid = '', ...command] = line.split(' ')
        if (command.join(' ').includes('harness/cli/main.ts')) bytes = Math.max(bytes, peakOf(pid))
      }
      await Promise.race([ended, once(AbortSignal.timeout(100), 'abort')])
    }
    return { ...(await ended), bytes }
  }

  function peakOf(pid: string): number {
    try {
      // One that has ended and was not yet waited for has no memory any more.
      return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      return 0
    }
  }

  test('a bomb and a flood do not fill the memory', async () => {
    const clean = await peak([])
    expect(clean.bytes).toBeGreaterThan(0)
    for (const name of ['a gzip bomb of 4 GB', '100 MB']) {
      // Jobs that cannot be read are waited for, half a minute each.
      const read = (asked: Asked) => asked.method === 'GET' && !isOpening(asked) && !asked.path.includes('/jobs')
      const filled = await peak([{ when: read, does: broken(name) }])
      expect(filled.stderr, name).not.toMatch(/\n {4}at /)
      // Sixteen answers of 16 MB may be in flight, each in a few copies until the collector comes.
      expect(filled.bytes / clean.bytes, name).toBeLessThan(3)
    }
  })

  test('hostile words stay words, on the terminal and in the report', async () => {
    using sandbox = new Sandbox()
    await using proxy = await facing({
      when: (asked) => !isOpening(asked),
      does: broken('an error that would repaint the terminal'),
    })
    const args = ['probe', '--allow-writes']
    const ended = await sandbox.readiness(args, handedOver(stack, proxy.url))
    expect(ended.stdout + ended.stderr).not.toMatch(UNSEEN)
    expect(ended.stdout + ended.stderr).not.toMatch(/^PASS/m)
    expect(ended.stderr).not.toMatch(/\n {4}at /)
    const folder = sandbox.latest()
    const written = readdirSync(folder).filter((name) => /\.(html|md)$/.test(name))
    expect(written.length).toBeGreaterThan(0)
    for (const name of written) {
      const text = readFileSync(join(folder, name), 'utf8')
      expect(text, name).not.toMatch(UNSEEN)
      expect(text, name).not.toContain('<script>alert(1)')
      expect(text, name).toContain('evil')
    }
    expect(HOSTILE_TEXT).toMatch(UNSEEN)
  })
})

test('one that drips, or says nothing at all, is given up', { timeout: SLOW_MS }, async () => {
  const ended = await slowOnes
  expect(ended.length).toBeGreaterThan(3)
  for (const one of ended) expectNoTarget(one)
})
