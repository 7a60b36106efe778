// Finds programs on PATH, in its order.

import { access, constants, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** All of that name, first the one that a shell would run: an old one in front must not hide a good one behind it. */
export async function findAllOnPath(name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const found: string[] = []
  // An empty or relative entry means 'wherever I stand': a program is not taken from there.
  for (const folder of (env.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const path = join(folder, name)
    if (!found.includes(path) && (await isExecutable(path))) found.push(path)
  }
  return found
}

export async function findOnPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return (await findAllOnPath(name, env))[0]
}
