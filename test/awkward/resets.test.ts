// A connection that is reset at any one request of the contract probe's walk, and from a request on for ever: each time the
// verdict is clear, and a step that was lost is never taken for one that worked.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mapInParallel } from '../../harness/parallel.ts'
import { type Stack, startStack } from '../../harness/stack/stack.ts'
import { UNTHROTTLED } from '../../harness/target/own-stack.ts'
import { expectClear, type Ran, Runs } from './before.ts'
import { resetBeforeHeaders, resetInTheBody } from './broken.ts'
import { AwkwardProxy, nth, type Rule } from './proxy.ts'

/** Cuts spread over the walk. */
const CUTS = 5

/** Walks under way at once: each of them mostly waits for jobs. */
const WIDTH = 4

let stack: Stack
let runs: Runs
beforeAll(async () => {
  stack = await startStack({ env: UNTHROTTLED })
  runs = new Runs(stack)
})
afterAll(async () => {
  runs?.[Symbol.dispose]()
  await stack?.[Symbol.asyncDispose]()
})

const facing = (...rules: Rule[]) => AwkwardProxy.start(stack.baseUrl, ...rules)

interface Walked extends Ran {
  steps: { outcome: string; of_flow: boolean }[]
}

async function walk(proxy: AwkwardProxy): Promise<Walked> {
  const ran = await runs.run('CONTRACT', proxy.url)
  const evidence = JSON.parse(readFileSync(join(ran.folder, 'CONTRACT/evidence.json'), 'utf8')) as Pick<Walked, 'steps'>
  return { ...ran, steps: evidence.steps }
}

test('at one request', async () => {
  await using counted = await facing()
  expect((await walk(counted)).verdicts.checks[0]?.outcome).toBe('pass')
  const requests = counted.asked.length
  expect(requests).toBeGreaterThan(100)
  // The first ones open the target: what is cut there is a matter of the aim.
  const cuts = Array.from({ length: CUTS }, (_, index) => 10 + Math.floor((index * (requests - 10)) / CUTS))
  await mapInParallel(cuts, WIDTH, async (cut) => {
    await using proxy = await facing({ when: nth(cut), does: cut % 2 === 0 ? resetBeforeHeaders : resetInTheBody })
    const walked = await walk(proxy)
    const { method = '', path = '' } = proxy.asked[cut - 1] ?? {}
    const cutAt = `${method} ${path}, request ${cut}`
    const lost = walked.steps.filter(({ outcome }) => outcome === 'no answer')
    // A read is asked again; what writes is not repeated blindly, so its step is lost and says so.
    if (method === 'GET') expect(lost, cutAt).toEqual([])
    else expect(lost, cutAt).toHaveLength(1)
    if (lost.some(({ of_flow }) => of_flow)) expectClear(walked)
    else expect(walked.verdicts.exit_code, cutAt).not.toBe(4)
  })
})

test('from a request on, for ever', async () => {
  await mapInParallel([15, 60, 120], WIDTH, async (from) => {
    await using proxy = await facing({ when: ({ number }) => number >= from, does: resetBeforeHeaders })
    const walked = await walk(proxy)
    expectClear(walked)
    // Nobody waits for a hundred time-outs of a target that has gone.
    expect(walked.steps.filter(({ outcome }) => outcome === 'no answer')).toHaveLength(3)
  })
})
