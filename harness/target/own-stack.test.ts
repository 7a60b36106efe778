// What a stack of our own can reach, as far as that is known before it is started.

import { expect, test } from 'vitest'
import { unreachableEffects } from './own-stack.ts'

test('with a deploy command of the user’s own, what deployments do is not noted', () => {
  expect(unreachableEffects({ CONMAN_LOG_LEVEL: 'debug' })).toEqual([])
  expect(unreachableEffects({ CONMAN_DEPLOY_RELEASE_CMD: 'true' })).toEqual([
    ['effects', 'its own CONMAN_DEPLOY_RELEASE_CMD is run instead of the stack’s'],
  ])
})
