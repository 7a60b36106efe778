// Hundreds of virtual users log in, ask for a new password and use their tokens, all at once, with the rate limits as specified
// where the harness can have a process of its own for that. Touches the world, judges nothing.

import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../../harness/check.ts'
import type { Run } from '../../../harness/run.ts'
import { SPECIFIED_RATE_LIMITS } from '../../../harness/target/specified-limits.ts'
import { scalePeople } from '../../../seed/volume/scale-fixture.ts'
import { runLoad, startOf } from '../../lib/load.ts'
import { mannersOf } from '../../lib/manners-settings.ts'
import { columnsOf, numbersIn, textsIn } from '../lib/columns.ts'
import { type AuthEvidence, AuthEvidenceSchema } from './evidence.ts'
import { AUTH_LIMITS } from './limits.ts'
import { AUTH_COUNTERS, type AuthSettings, ENDPOINTS } from './settings.ts'

/** Far above the limits: hundreds of logins at once on two processors take long, and are measured and not cut off. */
const REQUEST_TIMEOUT_S = 60

export const authGatherer: Gatherer<AuthEvidence> = {
  id: 'scale.auth-burst',
  title: '200 virtual users log in, ask for new passwords and use their tokens, all at once',
  schema: AuthEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'disrupts',
  leaves:
    'its people with the run’s prefix, and a mail to each of their addresses for each new password that was asked for',
  breaks: 'logins from this machine’s address are refused while it runs and for a minute after',
  load: ({ scale: { auth } }) => ({ users: auth.users, requests_per_s: (2 * auth.users) / auth.every_s }),
  expected_s: ({ scale }) => 40 + scale.auth.duration_s,
  gather,
}

async function gather(run: Run): Promise<AuthEvidence> {
  const { auth } = run.profile.scale
  const { people, made_over } = await scalePeople(run, auth.users)
  const limits = run.limits('scale.auth-burst', AUTH_LIMITS)
  // Limits are off on our own stack, for every other load's sake: a process beside has them.
  const limits_set = run.target.configured === undefined ? null : { ...SPECIFIED_RATE_LIMITS }
  await using beside = limits_set === null ? undefined : await run.target.configured?.(limits_set)
  const target = beside ?? run.target
  const settings: AuthSettings = {
    baseUrl: target.baseUrl,
    accounts: people.map(({ email, password, token }) => ({ email, password, token })),
    users: auth.users,
    everyS: auth.every_s,
    durationS: auth.duration_s,
    limitsMs: {
      token: limits.token_ms_p95!.value,
      reset: limits.reset_ms_p95!.value,
      login: limits.login_ms_p95!.value,
    },
    requestTimeoutS: REQUEST_TIMEOUT_S,
    waitsWhenThrottled: target.loadBounds !== undefined,
    ...mannersOf(target.loadBounds),
  }
  run.progress.say(
    `scale.auth-burst: ${auth.users} virtual users with ${people.length} accounts, for ${auth.duration_s} s; rate limits ${limits_set === null ? 'as they are found' : 'as specified, on a process of its own'}`,
  )
  const { load, samples, counters } = await runLoad(
    { ...run, target },
    {
      entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
      settings,
      metric: 'auth_ms',
      counters: Object.values(AUTH_COUNTERS),
      iterations: null,
      bound_s: auth.duration_s + 4 * REQUEST_TIMEOUT_S + 60,
      label: 'scale.auth-burst',
    },
  )
  const began_ms = samples[0] === undefined ? 0 : startOf(samples[0])
  return {
    schema: 'readiness-auth-burst/1',
    limits_set,
    made_over,
    users: auth.users,
    accounts: people.length,
    every_s: auth.every_s,
    duration_s: auth.duration_s,
    load,
    counted: {
      throttled: counters[AUTH_COUNTERS.throttled] ?? 0,
      as_specified: counters[AUTH_COUNTERS.asSpecified] ?? 0,
      misshapen: counters[AUTH_COUNTERS.misshapen] ?? 0,
    },
    endpoints: ENDPOINTS.map((endpoint) => {
      const own = samples.filter(({ tags }) => tags.endpoint === endpoint)
      return {
        endpoint,
        ...columnsOf(own, began_ms),
        limit: numbersIn(own, 'limit'),
        misshapen: textsIn(own, 'misshapen'),
        without_retry_after: textsIn(own, 'without_when').length,
      }
    }),
  }
}
