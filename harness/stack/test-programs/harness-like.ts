// A stand-in for the harness in tests: makes a folder and starts children as the stack does, says what it has, and waits to
// be killed. Arguments: STACK_ID FOLDER.

import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MARKER } from '../process-table.ts'
import { ManagedProcess } from '../processes.ts'
import { Reaper } from '../reaper-client.ts'

const [stackId, folder] = process.argv.slice(2)
if (stackId === undefined || folder === undefined) throw new Error('usage: harness-like.ts STACK_ID FOLDER')

const reaper = new Reaper(stackId)
reaper.registerFolder(folder)
await mkdir(folder)
await writeFile(join(folder, 'data'), 'x')

const program = fileURLToPath(new URL('./listener.ts', import.meta.url))
const start = async (name: string, ...args: string[]) => {
  const child = new ManagedProcess(
    {
      name,
      command: process.execPath,
      args: [program, ...args],
      logFile: join(folder, `${name}.log`),
      ready: { what: 'to listen', within_ms: 20_000, probe: (it) => it.log().includes('listening') },
    },
    reaper,
  )
  await child.start()
  const { port, grandchild } = JSON.parse(child.log().split('\n')[0] ?? '') as { port: number; grandchild?: number }
  return { pid: child.pid, port, grandchild, child }
}
const plain = await start('plain', '--grandchild')
const frozen = await start('frozen', '--stubborn')
frozen.child.freeze()
// As if the harness had been killed before it could tell the reaper.
const untold = spawn(process.execPath, [program], {
  detached: true,
  stdio: 'ignore',
  env: { ...process.env, [MARKER]: stackId },
})

process.stdout.write(
  `${JSON.stringify({
    reaper: reaper.pid,
    pids: [plain.pid, plain.grandchild, frozen.pid, untold.pid],
    ports: [plain.port, frozen.port],
  })}\n`,
)
// The test may kill the reaper and wants to know the new one's id.
setInterval(() => process.stdout.write(`${JSON.stringify({ reaper: reaper.pid })}\n`), 100)
