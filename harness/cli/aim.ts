// What every verb with a target shares: the options that aim it, and what they come to.

import { visibleLine } from '../../reports/visible.ts'
import { aim } from '../config/aim.ts'
import { CONFIG_FILE } from '../config/schema.ts'
import type { TargetOptions } from '../target/options.ts'

export interface AimArguments {
  target: string | undefined
  config: string | undefined
}

/** For yargs: `.options(aimOptions)`. */
export const aimOptions = {
  target: {
    type: 'string',
    describe: 'a target of the configuration file, or reference (default: the file’s own default)',
    requiresArg: true,
  },
  config: {
    type: 'string',
    describe: `the configuration file (default: ${CONFIG_FILE} of this folder, where it stands)`,
    requiresArg: true,
  },
} as const

/** What the arguments, the environment and the file of this folder aim at. Says what the user should know beforehand. */
export async function aimed(args: AimArguments & { defect?: string | undefined }): Promise<TargetOptions> {
  const { options, notes } = await aim(args, process.env, process.cwd())
  for (const note of notes) process.stderr.write(`note: ${visibleLine(note)}\n`)
  return options
}
