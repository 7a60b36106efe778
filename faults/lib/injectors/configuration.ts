// No fault, but what several need: Conman started again with other variables, and as it was when it is disposed of.

import { HarnessError } from '../../../harness/errors.ts'
import type { Run } from '../../../harness/run.ts'

/** Every process of Conman. Asks for the capability `processes`. */
export async function configured(
  { target, signal }: Run,
  env: Readonly<Record<string, string>>,
): Promise<AsyncDisposable> {
  const { stack } = target
  if (stack === undefined) throw new HarnessError('Conman cannot be started again', 'ask for the capability first')
  const conman = [...stack.processes.values()].filter(({ name }) => name.startsWith('conman'))
  const restart = async (env: Readonly<Record<string, string>>) =>
    void (await Promise.all(conman.map((process) => process.restartWith(env, signal))))
  try {
    await restart(env)
  } catch (cause) {
    await restart({})
    throw cause
  }
  return { [Symbol.asyncDispose]: () => restart({}) }
}
