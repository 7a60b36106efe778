// The reference server's own tests run on real parts: a stack is started for them, and its addresses are handed over in
// the environment, because `reference` imports nothing of the harness.

import { startStack } from '../harness/stack/stack.ts'

export async function setup(): Promise<() => Promise<void>> {
  const stack = await startStack({ conman: 'none' })
  process.env.READINESS_TEST_MONGO_URI = stack.mongoUri
  process.env.READINESS_TEST_GIT_ADDRESS = `http://${stack.gitAddress}`
  process.env.READINESS_TEST_GIT_STORAGE = stack.gitStorage
  return () => stack[Symbol.asyncDispose]()
}
