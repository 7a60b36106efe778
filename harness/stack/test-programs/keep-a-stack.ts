// For tests: starts a stack, hands it over, says its id, and exits as `./readiness up` does.

import { keepStack } from '../keep.ts'
import { startStack } from '../stack.ts'

const stack = await startStack()
const file = await keepStack(stack)
process.stdout.write(`${JSON.stringify({ id: stack.id, file })}\n`)
process.exit(0)
