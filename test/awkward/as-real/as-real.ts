// The real Conman's ways, all at once, in front of the bundled one: 'different as the real one is', as one behaviour.
//
// Out of reach for a proxy, and left as the bundled one has them: what was taken away works until the next login (HD3), own
// reviews (HD68), approvals before the job is done (HD69), and what else the bundled one refuses and the real one allows
// (HD34, HD70, HD71, HD81, HD93).

import type { Answer, Asked, AwkwardProxy, Behaviour } from '../proxy.ts'
import { send } from '../proxy.ts'
import { frozenRoles, refusals } from './access.ts'
import type { Difference, Upstream } from './difference.ts'
import { workspaces } from './files.ts'
import { jobs } from './jobs.ts'
import { environments, passwordReset, preferences, temporaryEnvironments } from './product.ts'
import { shapes } from './shapes.ts'
import { platform, wire } from './wire.ts'

export interface AsRealOptions {
  /** Where the bundled Conman writes its mails. */
  outboxFile: string
  /** The real one's runner takes one job a second. */
  jobEvery_ms?: number
}

/** In the order in which a request passes them (contract §1.2); its answer passes them backwards. */
export function differences(proxy: AwkwardProxy, options: AsRealOptions): Difference[] {
  const upstream = upstreamOf(proxy)
  return [
    ...wire,
    ...refusals(),
    ...platform(upstream),
    frozenRoles(upstream),
    preferences(),
    passwordReset(options.outboxFile),
    ...shapes,
    ...environments(),
    ...workspaces(upstream),
    ...temporaryEnvironments(),
    ...jobs(upstream, options.jobEvery_ms ?? 1_000),
  ]
}

export function asReal(proxy: AwkwardProxy, options: AsRealOptions): Behaviour {
  const passed = differences(proxy, options)
  return async ({ asked, response, socket }) => {
    const answer = await answered(proxy, passed, asked)
    if (answer === 'hang-up') socket.destroy()
    else send(response, answer)
  }
}

async function answered(proxy: AwkwardProxy, passed: readonly Difference[], asked: Asked): Promise<Answer | 'hang-up'> {
  let answer: Answer | undefined
  for (const { before } of passed) {
    const given = await before?.(asked)
    if (given === 'hang-up') return given
    answer = given
    if (answer !== undefined) break
  }
  answer ??= await proxy.forward(asked)
  for (const { after } of passed.toReversed()) answer = (await after?.(asked, answer)) ?? answer
  return answer
}

function upstreamOf(proxy: AwkwardProxy): Upstream {
  return async (method, path, token, body) => {
    const url = new URL(path, 'http://conman.invalid')
    return proxy.forward({
      method,
      path: url.pathname,
      query: url.searchParams,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body)),
    })
  }
}
