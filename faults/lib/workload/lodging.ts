// The story of a temporary environment: made, used, kept a little longer, and taken down.

import * as temporary from '../../../harness/target/conman/temporary-environments.ts'
import type { Writer } from './fixture.ts'
import { seenTemporary } from './operations.ts'
import type { Act } from './performing.ts'
import type { Steps } from './story.ts'

export async function lodge(step: Steps, appId: string, { token, workspace }: Writer): Promise<void> {
  const of = <T>(f: string, call: Act<T>['call'], more: Partial<Act<T>> = {}) => ({
    f,
    class: 'temp-env' as const,
    token,
    call,
    on: { app: appId, workspace: workspace.id, ...more.on },
    ...(more.made === undefined ? {} : { made: more.made }),
    ...(more.saw === undefined ? {} : { saw: more.saw }),
  })
  const changed = ({ environment }: temporary.Changed) => [seenTemporary(environment)]
  const list = of('list-temp-envs', temporary.listTemporary(appId), { saw: (rows) => rows.map(seenTemporary) })
  const mine = async () =>
    (await step.ask(list)).value?.find((one) => one.sourceId === workspace.id && one.state !== 'deleted')

  const { environment } = await step.until(
    of('create-temp-env', temporary.createTemporary(appId, { kind: 'workspace', id: workspace.id }), {
      made: (one) => ({ 'temp-env': one.environment.id }),
      saw: changed,
    }),
    async () => {
      const found = await mine()
      return found && { environment: found, job: null }
    },
  )
  const on = { 'temp-env': environment.id }
  const stateIn = (rows: readonly temporary.TemporaryEnvironment[]) =>
    rows.find(({ id }) => id === environment.id)?.state ?? 'absent'
  await step.see(
    list,
    (rows) => stateIn(rows) === 'active',
    (rows) => (stateIn(rows) === 'deleted' ? 'it was never provided' : undefined),
  )
  await step.ask(of('extend-temp-env', temporary.extendTemporary(appId, environment.id, 1), { on, saw: changed }))
  await step.until(of('delete-temp-env', temporary.deleteTemporary(appId, environment.id), { on }), async () => {
    const { value } = await step.ask(list)
    return value !== undefined && ['absent', 'deleted'].includes(stateIn(value)) ? null : undefined
  })
  await step.see(list, (rows) => ['absent', 'deleted'].includes(stateIn(rows)))
}
