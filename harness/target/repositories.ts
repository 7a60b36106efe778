// The git repository of each app that is made on a URL: from the user's list, by the user's hook, or left to the target,
// for a Conman may make them itself (E03). The API of a real one makes none and looks for none before the first workspace.

import { CAPABILITIES } from '../capabilities.ts'
import { HarnessError, TargetFailed } from '../errors.ts'
import { ConmanError } from './conman.ts'
import type { Hooks } from './hooks.ts'
import type { UrlOptions } from './options.ts'

/** Refusals that would be the same with every repository. */
const NOTHING_OF_GIT = new Set([401, 403, 429])

export class Repositories {
  readonly #options: Pick<UrlOptions, 'repos'>
  readonly #hooks: Hooks | undefined
  readonly #signal: AbortSignal
  readonly #byApp = new Map<string, string>()

  constructor(options: Pick<UrlOptions, 'repos'>, hooks: Hooks | undefined, signal: AbortSignal) {
    this.#options = options
    this.#hooks = hooks?.has('repo-create') ? hooks : undefined
    this.#signal = signal
  }

  /** The same for the same app. Of the user's list each serves one app of a run, in the list's order. */
  async for(appName: string): Promise<string> {
    const known = this.#byApp.get(appName)
    if (known !== undefined) return known
    const path = await this.#next(appName)
    this.#byApp.set(appName, path)
    return path
  }

  async #next(appName: string): Promise<string> {
    const { repos } = this.#options
    if (repos.length > 0) {
      const path = repos[this.#byApp.size]
      if (path !== undefined) return path
      if (this.#hooks === undefined) {
        throw new HarnessError(
          `this is app ${this.#byApp.size + 1} of the run, and ${repos.length} ${repos.length === 1 ? 'repository was' : 'repositories were'} handed over`,
          `hand over more: ${CAPABILITIES.repositories.handOver}`,
        )
      }
    }
    const path = `${appName}.git`
    await this.#hooks?.run('repo-create', this.#signal, path)
    return path
  }

  /** The reason behind a failed app or first workspace, where it may be that there is no repository. */
  explain(cause: unknown): unknown {
    if (!(cause instanceof ConmanError) || cause.status < 400 || NOTHING_OF_GIT.has(cause.status)) return cause
    if (this.#options.repos.length > 0) {
      return new TargetFailed(
        `${cause.message}; is the repository that was handed over there, with a commit on main, and does no other app use it?`,
        `hand over one that is: ${CAPABILITIES.repositories.handOver}`,
        { cause },
      )
    }
    if (this.#hooks !== undefined) return cause
    return new TargetFailed(
      `${cause.message}; no repository was handed over for the app, and the target may have made none`,
      `hand over ${CAPABILITIES.repositories.handOver}`,
      { cause },
    )
  }
}
