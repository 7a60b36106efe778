// Run as a process of its own, so that its time can be bounded: downloads a mongod through mongodb-memory-server-core
// (which honours HTTPS_PROXY) into a folder and prints its path. Arguments: VERSION FOLDER.

import { MongoBinary } from 'mongodb-memory-server-core'

const [version, folder] = process.argv.slice(2)
if (version === undefined || folder === undefined) throw new Error('usage: fetch-mongod.ts VERSION FOLDER')

// Its environment variables must not turn a pinned, checked download into something else.
for (const name of Object.keys(process.env)) if (name.startsWith('MONGOMS_')) delete process.env[name]

const path = await MongoBinary.getPath({
  version,
  downloadDir: folder,
  checkMD5: true,
  systemBinary: '',
} as Parameters<typeof MongoBinary.getPath>[0])
process.stdout.write(`\nmongod at ${path}\n`)
