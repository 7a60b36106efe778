// Where the harness keeps what outlives a run: kept stacks and locks of targets, by the XDG convention.

import { homedir } from 'node:os'
import { join } from 'node:path'

export function stateFolder(of: 'stacks' | 'locks', env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'conman-readiness', of)
}
