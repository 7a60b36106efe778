// A harness that is killed while a hook runs: runs the words that it is given, and tells its folder first.

import { UserPrograms } from '../user-program.ts'

const programs = new UserPrograms()
process.stdout.write(`${programs.folder}\n`)
await programs.run(process.argv.slice(2), { within_ms: 600_000, env: {}, signal: new AbortController().signal })
