// Renders a judged run into its folder: report.html and report.md beside the verdicts.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderMarkdown } from '../reports/markdown.ts'
import { type CaughtDefect, renderReport } from '../reports/render.ts'
import { Redactor } from './evidence/redact.ts'
import { demandSchema, RunFolder, readJsonFile } from './evidence/store.ts'
import type { Judged } from './judge.ts'
import type { Plan } from './result.ts'
import { readSignOffs, verdictsDigest } from './sign-offs.ts'
import { type ClientStatistics, ClientStatisticsSchema } from './target/conman/statistics.ts'
import { HARNESS_VERSION } from './version.ts'

export async function writeReport(runsFolder: string, path: string, judged: Judged): Promise<string> {
  const folder = new RunFolder(path, new Redactor())
  const { plan, verdicts, details } = judged
  const caught = newestProof(runsFolder, plan)
  const client = clientStatistics(path)
  folder.writeText(
    'report.html',
    renderReport({
      plan,
      verdicts,
      details,
      ...(caught ? { caught } : {}),
      ...(client ? { client } : {}),
      ...signOffsOf(path),
      renderedAt: new Date().toISOString(),
      harnessVersion: HARNESS_VERSION,
    }),
  )
  folder.writeText('report.md', renderMarkdown({ plan, verdicts }))
  return join(path, 'report.html')
}

/** A signature that cannot be read is an error: the page must not come out without it. */
function signOffsOf(path: string): Pick<Parameters<typeof renderReport>[0], 'signOffs'> {
  const given = readSignOffs(path)
  return given.length === 0 ? {} : { signOffs: { given, verdicts_sha256: verdictsDigest(path) } }
}

/** `client.json` of the run, where it was counted; a report is not refused for what no verdict rests on. */
function clientStatistics(path: string): ClientStatistics | null {
  const file = join(path, 'client.json')
  if (!existsSync(file)) return null
  try {
    const found = readJsonFile(file)
    demandSchema(ClientStatisticsSchema, found, file)
    return found as ClientStatistics
  } catch {
    return null
  }
}

/** `proof.json` of `./readiness prove`: which known defects were caught, by which catalogue of which commit. */
export interface Proof {
  schema: 'readiness-proof/1'
  catalogue_sha256: string
  harness_commit: string | null
  /** A clean server that is not all green makes every 'caught' worthless. */
  clean_is_green: boolean
  finished_at: string
  defects: (CaughtDefect & { because: string })[]
}

/** Only a proof of the very checks that judged the run says anything about it. */
function newestProof(runsFolder: string, plan: Plan): CaughtDefect[] | null {
  if (!existsSync(runsFolder)) return null
  const candidates = readdirSync(runsFolder)
    .filter((name) => existsSync(join(runsFolder, name, 'proof.json')))
    .sort()
    .reverse()
  for (const name of candidates) {
    try {
      const proof = JSON.parse(readFileSync(join(runsFolder, name, 'proof.json'), 'utf8')) as Proof
      if (isProofOf(proof, plan)) {
        return proof.defects.map(({ defect, check, caught }) => ({ defect, check, caught }))
      }
    } catch {
      // A proof that cannot be read proves nothing.
    }
  }
  return null
}

function isProofOf(proof: Proof, plan: Plan): boolean {
  return (
    proof.schema === 'readiness-proof/1' &&
    proof.clean_is_green &&
    proof.catalogue_sha256 === plan.catalogue_sha256 &&
    proof.harness_commit === plan.harness.commit
  )
}
