/** What commands are given, what is made of how they end, and that they end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { afterAll, describe, expect, test } from 'vitest'
import { cutBytes } from '../text.ts'
import { CommandFailure, createCommandRunner } from './command.ts'
import { type ClaimedJob, type JobContext, originOfJob } from './handler.ts'

const folder = mkdtempSync(join(tmpdir(), 'conman-command-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const job = {
  _id: new ObjectId(),
  app_id: new ObjectId(),
  job_type: 'msuite_submit',
  entity_type: 'changeset',
  entity_id: 'f'.repeat(24),
  payload: { gate: 'submit', text: 'ä "quoted" $HOME\n' },
  attempts: 2,
  fence: 1,
} as unknown as ClaimedJob

function contextOf(signal: AbortSignal = new AbortController().signal): JobContext {
  return { job, signal, origin: originOfJob(job, performance.now() + 60_000), log: () => undefined }
}

const run = (command: string, signal?: AbortSignal, inherited: string[] = [], environment = process.env) =>
  createCommandRunner({ commandEnvironment: inherited }, environment)(contextOf(signal), { command, phase: 'a_phase' })

async function failure(work: Promise<unknown>): Promise<CommandFailure> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CommandFailure)
  return error as CommandFailure
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    // One that has ended and that nobody has asked for yet is still in the table.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const pidsIn = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)

describe('a command', () => {
  test('is told what it is for, and gets nothing else of the server than what is harmless or named', async () => {
    const secrets = {
      CONMAN_JWT_SECRET: 'jwt secret',
      CONMAN_SECRETS_MASTER_KEY: 'master key',
      CONMAN_SECRETS_MASTER_KEY_PREVIOUS: 'previous key',
      CONMAN_MONGO_URI: 'mongodb://user:password@host',
      CONMAN_WORKER_MONGO_URI: 'mongodb://user:password@host',
      CONMAN_SMTP_PASSWORD: 'smtp password',
      NODE_OPTIONS: '--no-warnings',
      SOME_TOKEN: 'token',
    }
    const environment = { PATH: process.env.PATH, HOME: folder, LANG: 'C', NAMED: 'by the operator', ...secrets }
    const { stdout } = await run('env -0', undefined, ['NAMED', 'NOT_SET'], environment)
    const seen = Object.fromEntries(
      stdout
        .split('\0')
        .filter((line) => line !== '')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    // What a shell adds by itself.
    for (const name of ['PWD', 'OLDPWD', 'SHLVL', '_']) delete seen[name]
    const { PATH, ...others } = seen
    expect(PATH).toBeTypeOf('string')
    expect(others).toEqual({
      HOME: folder,
      LANG: 'C',
      NAMED: 'by the operator',
      CONMAN_JOB_ID: job._id.toHexString(),
      CONMAN_JOB_TYPE: 'MsuiteSubmit',
      CONMAN_JOB_ATTEMPT: '2',
      CONMAN_APP_ID: job.app_id.toHexString(),
      CONMAN_ENTITY_TYPE: 'changeset',
      CONMAN_ENTITY_ID: job.entity_id,
      CONMAN_JOB_PAYLOAD: JSON.stringify(job.payload),
    })
  })

  test('runs in a login shell in the folder of the server, without input', async () => {
    const { stdout } = await run('pwd; cat; ls -l /proc/self/fd | grep -c /', undefined)
    expect(stdout.split('\n')[0]).toBe(process.cwd())
  })

  test('that succeeds answers what it printed', async () => {
    expect(await run('printf out; printf err >&2')).toEqual({
      status: 'ok',
      phase: 'a_phase',
      command: 'printf out; printf err >&2',
      exit_code: 0,
      stdout: 'out',
      stderr: 'err',
    })
  })

  test('that fails says so in the specified words', async () => {
    const failed = await failure(run('echo printed; echo "  what went wrong  " >&2; exit 3'))
    expect(failed.message).toBe(
      'command `echo printed; echo "  what went wrong  " >&2; exit 3` failed in phase `a_phase` with exit code 3: what went wrong',
    )
    expect(failed).toMatchObject({ exitCode: 3, stdout: 'printed\n' })
  })

  test.each(['kill -9 $$', 'kill -TERM $$', 'sh -c "kill -SEGV \\$\\$"; kill -9 $$'])(
    'that a signal ends has the exit code -1 (%s)',
    async (command) => {
      const failed = await failure(run(command))
      expect(failed.exitCode).toBe(-1)
      expect(failed.message).toContain('failed in phase `a_phase` with exit code -1: ')
    },
  )

  test('that cannot be started says so', async () => {
    const failed = await failure(run('true', undefined, [], { PATH: folder }))
    expect(failed.message).toBe('failed to execute command `true`: spawn sh ENOENT')
    const tooLarge = createCommandRunner({ commandEnvironment: [] })(contextOf(), {
      command: 'true',
      phase: 'a_phase',
      payload: { text: 'x'.repeat(1 << 20) },
    })
    expect((await failure(tooLarge)).message).toMatch(/^failed to execute command `true`: /)
  })

  test('has its output cut at a character', async () => {
    // An odd number of bytes before characters of two, three and four bytes each.
    for (const [character, bytes] of [
      ['ä', 2],
      ['€', 3],
      ['😀', 4],
    ] as const) {
      const print = (count: number, to: string) =>
        `node -e 'process.std${to}.write("x" + ${JSON.stringify(character)}.repeat(${count}))'`
      const { stdout, stderr } = await run(`${print(3_000, 'out')}; ${print(3_000, 'err')}`)
      expect(stdout).toBe(`x${character.repeat(Math.floor(3_999 / bytes))}…`)
      expect(stderr).toBe(`x${character.repeat(Math.floor(1_999 / bytes))}…`)
      const failed = await failure(run(`${print(3_000, 'err')}; exit 1`))
      expect(failed.message.split('exit code 1: ')[1]).toBe(`x${character.repeat(Math.floor(1_999 / bytes))}…`)
    }
    expect(await run(`node -e 'process.stdout.write("ä".repeat(2000))'`)).toMatchObject({ stdout: 'ä'.repeat(2_000) })
  })

  test('that prints without end is not kept in memory', async () => {
    const before = process.memoryUsage().rss
    const { stdout } = await run('head -c 300000000 /dev/zero')
    expect(stdout.length).toBe(4_001)
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })

  test('that leaves a process behind which holds its output open is not waited for', async () => {
    const startedMs = performance.now()
    const file = join(folder, 'left')
    const { stdout } = await run(`sleep 60 & echo $! > ${file}; echo done`)
    expect(stdout).toBe('done\n')
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    const [left = 0] = pidsIn(file)
    // What a command starts for good goes on.
    expect(isAlive(left)).toBe(true)
    process.kill(left, 'SIGKILL')
  })

  test('is not begun when the job was stopped before', async () => {
    const file = join(folder, 'never')
    await expect(run(`touch ${file}`, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
    expect(() => readFileSync(file)).toThrow()
  })

  test.each([
    ['obedient', ''],
    ['deaf', "trap '' TERM; "],
  ])('ends with all that it started when its job is stopped (%s)', async (kind, trap) => {
    const file = join(folder, `stopped-${kind}`)
    const stop = new AbortController()
    const child = `sh -c '${trap.replaceAll("'", `'\\''`)}echo $$ >> ${file}; sleep 60 & echo $! >> ${file}; wait'`
    const work = run(`${trap}echo $$ >> ${file}; ${child} & ${child}; wait`, stop.signal)
    writeFileSync(file, '', { flag: 'a' })
    await expect.poll(() => pidsIn(file).length, { timeout: 10_000 }).toBe(5)
    const startedMs = performance.now()
    stop.abort(new Error('time is over'))
    await expect(work).rejects.toThrow('time is over')
    expect(performance.now() - startedMs).toBeLessThan(4_000)
    await expect.poll(() => pidsIn(file).filter(isAlive)).toEqual([])
  })

  test('does not outlive its worker, and neither does what it started', async () => {
    const file = join(folder, 'orphans')
    const program = `
      import { createCommandRunner } from ${JSON.stringify(`${import.meta.dirname}/command.ts`)}
      const job = { _id: 'j', app_id: { toHexString: () => 'a' }, job_type: 't', entity_type: 'e', entity_id: 'e', payload: {} }
      const context = { job, signal: new AbortController().signal, log() {} }
      const command = "trap '' TERM; echo $$ >> ${file}; (trap '' TERM; echo started >&2; sleep 60) & echo $! >> ${file}; wait"
      await createCommandRunner({ commandEnvironment: [] })(context, { command, phase: 'p' })`
    const worker = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], { stdio: 'inherit' })
    writeFileSync(file, '', { flag: 'a' })
    await expect.poll(() => pidsIn(file).length, { timeout: 10_000 }).toBe(2)
    expect(pidsIn(file).every(isAlive)).toBe(true)
    worker.kill('SIGKILL')
    await once(worker, 'exit')
    await expect.poll(() => pidsIn(file).filter(isAlive), { timeout: 5_000 }).toEqual([])
  })

  test('leaves no process behind when it has ended', async () => {
    const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    const before = children()
    await Promise.all([run('true'), failure(run('false')), failure(run('true', undefined, [], { PATH: folder }))])
    await expect.poll(children).toBe(before)
  })
})

test('text is cut at a character, and only when it is too long', () => {
  expect(cutBytes('äää', 6)).toBe('äää')
  expect(cutBytes('äää', 5)).toBe('ää…')
  expect(cutBytes('😀😀', 7)).toBe('😀…')
  expect(cutBytes('', 0)).toBe('')
})
