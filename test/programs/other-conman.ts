// The bundled Conman in other manners, for tests of the door that starts any program: the first argument names them, with
// commas between, and Conman's command line follows.

import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const CONMAN = fileURLToPath(new URL('../../reference/conman/main.ts', import.meta.url))
const HELP = 'Usage: conman <command>\n\nCommands:\n  serve            Serve\n  bootstrap-admin  Make an account\n'

/** Each does what makes it different, and says whether the bundled Conman goes on from there. */
const MANNERS: Readonly<Record<string, (line: readonly string[]) => boolean | Promise<boolean>>> = {
  /** API and jobs in one process, and no option that says otherwise. */
  'one-process': (line) => isPlain(line),
  'hangs-in-help': async (line) => {
    if (line.includes('--help')) await forEver()
    return isPlain(line)
  },
  /** Its help is fine, and so is its account; it lacks what only its own people know of. */
  'dies-when-it-serves': (line) => {
    if (!isPlain(line)) return false
    if (line[0] !== 'serve') return true
    console.error(`VAULT_ADDR is not set; the key was ${process.env.CONMAN_SECRETS_MASTER_KEY}`)
    process.exit(3)
  },
  'ignores-sigterm': (line) => {
    const { once } = process
    process.once = ((name: string, listener: () => void) =>
      name === 'SIGTERM' ? process : once.call(process, name, listener)) as typeof process.once
    process.on('SIGTERM', () => console.log('not yet'))
    return isPlain(line)
  },
  'tells-its-secrets': (line) => {
    if (line[0] === 'serve') console.log(JSON.stringify(process.env))
    return true
  },
  /** As a driver that does not know the options of a proxy, and goes on without them. */
  'overlooks-the-proxy': () => {
    for (const name of ['CONMAN_MONGO_URI', 'CONMAN_WORKER_MONGO_URI']) {
      process.env[name] = process.env[name]?.replace(/&proxyHost=.*$/, '')
    }
    return true
  },
  /** As a driver that takes them for a mistake. */
  'refuses-the-proxy': () => {
    if (process.env.CONMAN_MONGO_URI?.includes('proxyHost')) {
      console.error('unknown option proxyHost')
      process.exit(1)
    }
    return true
  },
  /** The variable that names the file is none of its own. */
  'writes-no-mail': () => {
    delete process.env.CONMAN_OUTBOX_FILE
    return true
  },
  'takes-another-database': () => {
    process.env.CONMAN_MONGO_DB = 'elsewhere'
    return true
  },
  'is-never-well': async (line) => {
    if (!isPlain(line)) return false
    if (line[0] !== 'serve') return true
    createServer((_, answer) =>
      answer.writeHead(503).end('{"status":"degraded","components":[{"name":"gitaly","status":"unhealthy"}]}'),
    ).listen(Number(process.env.CONMAN_PORT), process.env.CONMAN_HOST)
    return false
  },
}

const [manners = '', ...line] = process.argv.slice(2)
if (await goesOn(manners.split(','))) {
  process.argv = [process.argv[0]!, CONMAN, ...line]
  await import(CONMAN)
}

async function goesOn(names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const differ = MANNERS[name]
    if (differ === undefined) throw new Error(`there is no manner ${name}: ${Object.keys(MANNERS).join(', ')}`)
    if (!(await differ(line))) return false
  }
  return true
}

/** Prints a help without roles, and refuses them, as a program does that has none. */
function isPlain(line: readonly string[]): boolean {
  if (line.includes('--help')) {
    console.log(HELP)
    return false
  }
  if (line.includes('--role')) {
    console.error("error: unexpected argument '--role' found")
    process.exit(2)
  }
  return true
}

async function forEver(): Promise<never> {
  setInterval(() => {}, 1_000)
  return await new Promise(() => {})
}
