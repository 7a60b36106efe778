// A load that is made in pods: writes what Kubernetes needs into a folder of its own, says what to type, and waits for the
// samples to be brought back.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { UsageError } from '../errors.ts'
import type { Elsewhere } from '../k6.ts'
import { waitFor } from '../stack/wait-for.ts'
import { fits, manifestsOf, type PodLoad } from './manifests.ts'
import { readParts } from './parts.ts'
import { readmeOf } from './readme.ts'

/** A person, or a pipeline, has this long: by then the tokens of most targets have expired. */
const BROUGHT_BACK_WITHIN_MS = 12 * 3_600_000
const LOOK_EVERY_MS = 500

export function inPods(options: { out: string; parallelism: number; image: string }): Elsewhere {
  const { parallelism, image } = options
  if (!Number.isSafeInteger(parallelism) || parallelism < 1)
    throw new UsageError('--parallelism must be a whole number of at least 1', 'give it like --parallelism 4')
  return async (run, { label, script, settingsFile, authoritiesFile, metrics }) => {
    const { loadBounds } = run.target
    if (loadBounds !== undefined && loadBounds.requests_per_s_max < parallelism) {
      throw new UsageError(
        `${parallelism} pods cannot share a bound of ${loadBounds.requests_per_s_max} requests/s: each makes at least one`,
        'ask for fewer pods, or raise CONMAN_LOAD_REQUESTS_PER_S_MAX',
      )
    }
    const name = nameOf(label, run.id)
    const load: PodLoad = {
      name,
      parallelism,
      image,
      script: readFileSync(script, 'utf8'),
      settings: readFileSync(settingsFile, 'utf8'),
      ...(authoritiesFile === undefined ? {} : { authorities: readFileSync(authoritiesFile, 'utf8') }),
      ...(loadBounds === undefined ? {} : { requests_per_s_max: loadBounds.requests_per_s_max }),
    }
    const folder = resolve(options.out, name)
    const since = new Date()
    writeFolder(folder, load, label)
    run.progress.say(`${label}: wrote ${folder}; its README.md says what to type`)
    const samples = join(folder, 'samples')
    await waitFor(
      () => {
        run.progress.update(`${label}: waiting for ${samples}`)
        return existsSync(samples)
      },
      {
        what: `${samples} to be brought back`,
        within_ms: BROUGHT_BACK_WITHIN_MS,
        every_ms: LOOK_EVERY_MS,
        signal: run.signal,
        remedy: `do what ${join(folder, 'README.md')} says`,
      },
    )
    return readParts(samples, { name, parallelism, metrics, k6_version: image, since })
  }
}

/** A DNS label of at most 50 characters: the operator adds to it. */
function nameOf(label: string, run: string): string {
  const words = label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return `readiness-${words.slice(0, 30)}-${run.split('-').at(-1)}`
}

function writeFolder(folder: string, load: PodLoad, label: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new UsageError(`the folder ${folder} cannot be made`, 'give another one with --out', { cause })
  }
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text, { mode: 0o600 })
  const manifests = manifestsOf(load)
  for (const [file, manifest] of Object.entries(manifests)) write(file, stringify(manifest, { lineWidth: 0 }))
  if (!fits(load.script)) write('script.js', load.script)
  if (!fits(load.settings)) write('settings.json', load.settings)
  write('README.md', readmeOf(load, label, manifests))
}
