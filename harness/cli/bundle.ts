// `./readiness bundle <run>`: a run as one file, with a statement of what it attests; signed where there is a key.

import { createPublicKey } from 'node:crypto'
import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { attest, pack } from '../attestation/bundle.ts'
import { keyId, readPrivateKey } from '../attestation/dsse.ts'
import { targetDigest } from '../attestation/statement.ts'
import { findRun, sha256OfFile } from '../evidence/store.ts'
import { judgeSealed } from './judge.ts'
import { jsonOption, printJson, runPositional, runsDirOption } from './terminal.ts'

interface BundleArguments {
  run: string
  key: string | undefined
  out: string | undefined
  'runs-dir': string
  json: boolean
}

export const bundle: CommandModule<object, BundleArguments> = {
  command: 'bundle [run]',
  describe: 'a run as one file with an in-toto statement, signed where a key is given',
  builder: (y) =>
    y
      .positional('run', runPositional)
      .option('key', { type: 'string', describe: 'an Ed25519 private key in PEM: signs the statement (DSSE)' })
      .option('out', { type: 'string', describe: 'where to write it (default: <run id>.tar.gz in this folder)' })
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const key = args.key === undefined ? null : readPrivateKey(args.key)
    const judged = judgeSealed(path)
    attest(path, judged, key)
    const out = resolve(args.out ?? `${judged.plan.run}.tar.gz`)
    await pack(path, out)
    const made = {
      run: judged.plan.run,
      verdict: judged.verdicts.verdict,
      target: targetDigest(judged.plan.target),
      signed_by: key === null ? null : keyId(createPublicKey(key)),
      sha256: sha256OfFile(out),
      bundle: out,
    }
    if (args.json) printJson(made)
    else {
      process.stdout.write(
        `target ${made.target}\n${made.signed_by === null ? 'not signed (--key)' : `signed by key ${made.signed_by}`}\n`,
      )
      process.stdout.write(`${out}  sha256 ${made.sha256}\n`)
    }
  },
}
