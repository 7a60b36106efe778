// The project's own folder of programs. An install is made in a temporary folder beside its place and renamed into it, so
// a half-made one is never seen; the lock only keeps two processes from doing the same work twice.

import { mkdir, mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError } from '../errors.ts'

export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base =
    env.READINESS_CACHE_DIR || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'conman-readiness')
  return join(base, 'tools')
}

/** Where one version of one program lives, or would live. */
export function cachedPath(env: NodeJS.ProcessEnv, name: string, version: string): string {
  return join(cacheFolder(env), `${name}-${version}-${process.platform}-${process.arch}`, name)
}

const LOCK_TOUCHED_EVERY_MS = 2_000
/** Five missed touches: its owner was killed, or its machine is gone. */
const LOCK_STALE_AFTER_MS = 10_000
/** Longer than the slowest install (a cold k6 build on one slow core). */
const LOCK_WITHIN_MS = 15 * 60_000
const LOCK_POLL_MS = 250

/**
 * Runs `install` in a fresh folder and renames that folder into the place of `target` (the program's path).
 * `isThere` is asked again once the lock is ours: another process may have finished in the meantime.
 */
export async function installAtomically(
  target: string,
  isThere: () => Promise<boolean>,
  install: (folder: string) => Promise<void>,
  onWaiting: () => void,
  signal?: AbortSignal,
): Promise<void> {
  const place = dirname(target)
  try {
    await mkdir(dirname(place), { recursive: true })
  } catch (error) {
    throw new HarnessError(
      `${dirname(place)} cannot be made`,
      'set READINESS_CACHE_DIR to a folder that you may write to',
      {
        cause: error,
      },
    )
  }
  await using _lock = await takeLock(`${place}.lock`, onWaiting, signal)
  if (await isThere()) return
  const folder = await mkdtemp(`${place}.new-`)
  try {
    await install(folder)
    // What is there does not work, or it would have been taken.
    await rm(place, { recursive: true, force: true })
    await rename(folder, place)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function takeLock(path: string, onWaiting: () => void, signal?: AbortSignal): Promise<AsyncDisposable> {
  const started = Date.now()
  let told = false
  for (;;) {
    signal?.throwIfAborted()
    try {
      await writeFile(path, `${process.pid}\n`, { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const touched = await stat(path).then(
      (found) => found.mtimeMs,
      () => undefined,
    )
    if (touched !== undefined && Date.now() - touched > LOCK_STALE_AFTER_MS) {
      // Two that do this at once may both go on: then both install, and the rename keeps either result whole.
      await rm(path, { force: true })
      continue
    }
    if (Date.now() - started > LOCK_WITHIN_MS) {
      throw new HarnessError(
        `another process holds ${path} for more than ${LOCK_WITHIN_MS / 60_000} min`,
        `end it, or remove ${path}`,
      )
    }
    if (!told) onWaiting()
    told = true
    await delay(LOCK_POLL_MS, undefined, { signal })
  }
  const touching = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, LOCK_TOUCHED_EVERY_MS)
  touching.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(touching)
      await rm(path, { force: true })
    },
  }
}
