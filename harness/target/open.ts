// The door to each kind of target.

import type { Profile } from '../profiles.ts'
import type { Progress } from '../progress.ts'
import { openCommand } from './command.ts'
import type { TargetOptions } from './options.ts'
import { openReference } from './reference.ts'
import type { Target } from './target.ts'
import { openUrl } from './url.ts'

export interface Opening {
  profile: Profile
  progress: Progress
  signal: AbortSignal
}

export type OpenTarget = (options: TargetOptions, opening: Opening) => Promise<Target>

export const openTarget: OpenTarget = (options, opening) => {
  switch (options.kind) {
    case 'url':
      return openUrl(options, opening)
    case 'command':
      return openCommand(options, opening)
    case 'reference':
      return openReference(options, opening)
  }
}
