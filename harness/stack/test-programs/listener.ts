// A child for tests: listens on a port of its own choice, says so, and stays. `--stubborn` ignores SIGTERM; `--grandchild`
// starts another one outside its process group, and says its process id.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'

const stubborn = process.argv.includes('--stubborn')
if (stubborn) process.on('SIGTERM', () => process.stdout.write('not yet\n'))
const grandchild = process.argv.includes('--grandchild')
  ? spawn(process.execPath, [import.meta.filename, '--stubborn'], { detached: true, stdio: 'ignore' }).pid
  : undefined
const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number }
  process.stdout.write(`${JSON.stringify({ message: 'listening', port, grandchild })}\n`)
})
