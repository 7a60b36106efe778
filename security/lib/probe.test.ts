import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { review } from '../../harness/target/conman/changesets.ts'
import type { HttpAnswer } from '../../harness/target/http.ts'
import { curlOf, Disguise, recorded, sentBy } from './probe.ts'

const answer = (text: string, status = 403): HttpAnswer => ({
  status,
  headers: {},
  text,
  json: text.startsWith('{') ? JSON.parse(text) : undefined,
  duration_ms: 1,
})

/** What a shell makes of the command's words: curl is a function that prints them. */
async function words(command: string, env: Record<string, string>): Promise<string[]> {
  const script = `curl() { printf '%s\\0' "$@"; }; ${command}`
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    env: { ...env, PATH: process.env.PATH ?? '' },
  })
  return stdout.split('\0').slice(0, -1)
}

describe('a record', () => {
  test('names secrets by their variables, wherever they stand', () => {
    const disguise = new Disguise()
    disguise.hide('t0ken', 'TOKEN_REVIEWER')
    disguise.hide('pass"word', 'PASSWORD')
    disguise.hide('pass"word-longer', 'LONGER')
    const probe = recorded(
      {
        as: 'a reviewer',
        method: 'POST',
        path: '/api/x?token=t0ken',
        headers: [['authorization', 'Bearer t0ken']],
        body: JSON.stringify({ a: 'pass"word-longer', b: 'pass"word' }),
      },
      answer('{"error":{"code":"forbidden","message":"no, t0ken"}}'),
      disguise,
    )
    expect(JSON.stringify(probe)).not.toMatch(/t0ken|pass/)
    expect(probe).toMatchObject({
      path: '/api/x?token=$TOKEN_REVIEWER',
      body: '{"a":"$LONGER","b":"$PASSWORD"}',
      status: 403,
      code: 'forbidden',
      said: 'HTTP 403 forbidden: no, $TOKEN_REVIEWER',
    })
  })

  test('is bounded, and says how much there was', () => {
    const probe = recorded(
      { as: 'x', method: 'POST', path: '/', body: 'b'.repeat(100_000) },
      answer('a'.repeat(100_000)),
      new Disguise(),
    )
    expect(probe.body_bytes).toBe(100_000)
    expect(probe.answer_bytes).toBe(100_000)
    expect(JSON.stringify(probe).length).toBeLessThan(8_000)
    expect(curlOf(probe)).toContain('100000 bytes')
  })
})

describe('the command that repeats it', () => {
  test('sends what was sent, and takes address and secrets from variables', async () => {
    const disguise = new Disguise()
    disguise.hide('t0ken', 'TOKEN')
    const sent = sentBy(review('a', "c'", 'approve'), 'a reviewer', 't0ken')
    const command = curlOf(recorded(sent, answer(''), disguise))
    expect(command).not.toContain('t0ken')
    expect(await words(command, { TOKEN: 'mine', CONMAN_BASE_URL: 'http://c' })).toEqual([
      '-sS',
      '-i',
      '--path-as-is',
      '--globoff',
      '-X',
      'POST',
      '-H',
      'authorization: Bearer mine',
      '-H',
      'content-type: application/json',
      "http://c/api/apps/a/changesets/c'/review",
      '--data-raw',
      '{"action":"approve","decision":"approved"}',
    ])
  })

  test('is read by no shell beyond those variables', async () => {
    const nasty = '/api/`id`/$(id)/$HOME/\\$x"\'!;&|\n'
    const command = curlOf(recorded({ as: 'x', method: 'GET', path: nasty }, answer(''), new Disguise()))
    const [address] = (await words(command, { CONMAN_BASE_URL: 'http://c', HOME: 'read' })).slice(-1)
    expect(address).toBe(`http://c${nasty}`)
  })

  test('what is no text goes by base64', async () => {
    const bytes = Buffer.from([0, 255, 10])
    const command = curlOf(recorded({ as: 'x', method: 'PUT', path: '/', body: bytes }, answer(''), new Disguise()))
    expect(command).toMatch(/^printf %s AP8K \| base64 -d \| curl .* --data-binary @-$/)
  })
})
