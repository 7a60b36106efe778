// The claims beside the matrix, each pure: ids of another app in bodies, lists of another app, people who promote themselves.

import type { Finding } from '../../harness/check.ts'
import { type ActorName, WORDS } from '../lib/cast.ts'
import { MEANING, receptionOf, together, told } from '../lib/claims.ts'
import type { Probe } from '../lib/probe.ts'
import type { PromotionEvidence, RbacEvidence } from './evidence.ts'
import { isOutside } from './expected.ts'
import { type JudgedRow, opens } from './judgement.ts'

const BY_APP = 'look up every id of a body by the app in the path, too'

/** Refused, or taken without the foreign id: some targets leave out what they do not know. */
export function bodyFinding(name: string, { bodies }: RbacEvidence, rows: readonly JudgedRow[]): Finding {
  const claim = `${name} is not made`
  const body = bodies.find((one) => one.name === name)
  if (body === undefined) return { claim, outcome: 'not-verified', because: `${name}: it was not tried` }
  const { attack, control, kept_in, unread, changed } = body
  const fail = (because: string): Finding => ({
    claim,
    outcome: 'fail',
    because: `${name}: ${because}`,
    n: 1,
    ...told(attack, 'refused, and the foreign id stands nowhere', BY_APP),
  })
  const open = (because: string): Finding => ({ claim, outcome: 'not-verified', because: `${name}: ${because}`, n: 1 })
  if (kept_in.length > 0) return fail(`answered ${attack.said}; afterwards ${kept_in.join(', ')} shows the foreign id`)
  const reception = receptionOf(attack)
  if (reception === 'refused' && changed.length > 0)
    return fail(`answered ${attack.said}, and yet it changed: ${changed.join(', ')}`)
  if (reception !== 'refused' && reception !== 'let in') return open(`${MEANING[reception]}: ${attack.said}`)
  if (unread.length > 0)
    return open(`answered ${attack.said}; what it may have made could not be read: ${unread.join(', ')}`)
  if (reception === 'let in')
    return { claim, outcome: 'pass', because: `taken without the foreign id: ${attack.said}`, n: 1 }
  // Nothing of one's own to compare with: the same request with the app's own id is a row of the matrix.
  const twin = control ?? controlOf(rows, attack)
  if (twin === undefined) return open('refused, but there is nothing to compare it with')
  if (isMissing(twin) && isMissing(attack)) {
    return { claim, outcome: 'not-applicable', because: 'the target has no such route' }
  }
  if (!opens(twin)) return open(`refused, but a good request is refused too: ${twin.said}`)
  return { claim, outcome: 'pass', because: `${attack.said}; with an own id: ${twin.said}`, n: 1 }
}

function controlOf(rows: readonly JudgedRow[], attack: Probe): Probe | undefined {
  const route = new RegExp(`^${attack.path.replace(/[0-9a-f]{24}/gi, '[^/]+')}$`)
  return rows.find(
    ({ control }) => control !== undefined && control.method === attack.method && route.test(control.path),
  )?.control
}

function isMissing({ status }: Probe): boolean {
  return status === 404 || status === 405
}

export function listFinding(name: string, { lists }: RbacEvidence): Finding {
  const claim = `the other app’s list shows nothing of the app: ${name}`
  const list = lists.find((one) => one.name === name)
  if (list === undefined) return { claim, outcome: 'not-verified', because: `${name}: it was not tried` }
  const { probe, shows, control, control_shows } = list
  if (shows.length > 0) {
    return {
      claim,
      outcome: 'fail',
      because: `the other app’s list shows ${shows.join(', ')}: ${name}`,
      n: 1,
      ...told(probe, 'nothing of another app', 'filter every list by the app in the path'),
    }
  }
  if (isMissing(probe) && isMissing(control)) {
    return { claim, outcome: 'not-applicable', because: 'the target has no such list' }
  }
  const open = (because: string): Finding => ({ claim, outcome: 'not-verified', because: `${name}: ${because}`, n: 1 })
  if (receptionOf(probe) !== 'let in') return open(`it could not be read: ${probe.said}`)
  if (control_shows.length === 0) return open(`the app’s own list shows nothing of it either: ${control.said}`)
  return { claim, outcome: 'pass', because: `the app’s own shows ${control_shows.length} signs of it`, n: 1 }
}

/** For each who tries, by each way. */
export function promotionFinding({ promotions, absent }: RbacEvidence, rows: readonly JudgedRow[]): Finding[] {
  const patch = rows.find(({ row }) => row.operation === 'PATCH /api/apps/{appId}/members/{userId}')
  const actors = [...new Set(promotions.map(({ actor }) => actor))] as ActorName[]
  const needed = (['user', 'reviewer', 'config_manager'] as const).filter((actor) => !actors.includes(actor))
  return [
    ...actors.map((actor) => {
      const claim = `${WORDS[actor]} cannot make himself an app admin`
      const tried = promotions
        .filter((one) => one.actor === actor)
        .map((one) => onePromotion(claim, one, patch?.absent === true))
      return together(claim, tried)
    }),
    ...needed.map(
      (actor): Finding => ({
        claim: `${WORDS[actor]} cannot make himself an app admin`,
        outcome: 'not-verified',
        because: absent.find((one) => one.actor === actor)?.because ?? 'it was not tried',
      }),
    ),
  ]
}

function onePromotion(
  claim: string,
  { actor, operation, probe, role_before, role_after }: PromotionEvidence,
  noPatch: boolean,
): Finding {
  const tell = told(
    probe,
    'refused with 403, and the role as it was',
    'ask for app_admin before the subject is looked up',
  )
  if (role_after !== role_before) {
    return {
      claim,
      outcome: 'fail',
      because: `${probe.as} is ${role_after ?? 'no member'} after ${operation}: ${probe.said}`,
      n: 1,
      ...tell,
    }
  }
  const reception = receptionOf(probe)
  if (reception === 'let in') {
    return { claim, outcome: 'fail', because: `${probe.as} was let in by ${operation}: ${probe.said}`, n: 1, ...tell }
  }
  if (noPatch && operation.startsWith('PATCH')) {
    return { claim, outcome: 'not-applicable', because: 'the target has no such route; judged by the POST' }
  }
  if (reception !== 'refused')
    return { claim, outcome: 'not-verified', because: `${MEANING[reception]}: ${probe.said}`, n: 1 }
  if (role_before === null && !isOutside(actor as ActorName)) {
    return { claim, outcome: 'not-verified', because: `the role of ${probe.as} could not be read`, n: 1 }
  }
  return { claim, outcome: 'pass', because: `${operation}: ${probe.said}`, n: 1 }
}
