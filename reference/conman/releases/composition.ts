/**
 * Composing: changesets are merged one after the other on the head of the integration branch, beside every branch, and the
 * merge suite is run on what came of it. Nothing is stored here.
 */
import { repositoryOf } from '../apps/service.ts'
import type { JobContext } from '../jobs/handler.ts'
import type { AppDocument, ChangesetDocument, ComposeFailure, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { committer } from './committer.ts'
import { mergeSuiteFailure } from './merge-suite.ts'
import { mergeMessage, trialMerge } from './trial-merge.ts'

export interface Merged {
  changeset: ChangesetDocument
  commit: string
}

export interface Composition {
  /** The integration commit that it stands on. */
  base: string
  merges: readonly Merged[]
}

/** A verdict on one of the changesets; whatever else goes wrong is no such error. */
export class CompositionFailed extends Error {
  override readonly name = 'CompositionFailed'
  readonly culprit: ChangesetDocument
  readonly verdict: Omit<ComposeFailure, 'job_id'>

  constructor(culprit: ChangesetDocument, reason: ComposeFailure['reason'], files: string[], what: string) {
    const problem = `changeset ${culprit._id.toHexString()} ${what}`
    super(problem)
    this.culprit = culprit
    this.verdict = { changeset_id: culprit._id, reason, files, problem }
  }
}

export async function compose(
  services: Services,
  context: JobContext,
  app: AppDocument,
  release: ReleaseDocument,
): Promise<Composition> {
  const base = await services.git.branchTip(repositoryOf(app), app.integration_branch, context.origin)
  if (base === undefined) throw new Error('the integration branch does not exist')
  const merges = await mergeAll(services, context, app, release, base)
  await test(services, context, release, merges)
  return { base, merges }
}

async function mergeAll(
  services: Services,
  { job, origin, signal, log }: JobContext,
  app: AppDocument,
  release: ReleaseDocument,
  base: string,
): Promise<Merged[]> {
  const user = await committer(services, job.created_by)
  const merges: Merged[] = []
  for (const _id of release.ordered_changeset_ids) {
    signal.throwIfAborted()
    const changeset = await services.changesets.current(app, _id)
    if (changeset.state !== 'queued') {
      throw new CompositionFailed(changeset, 'not_queued', [], 'is not queued any more')
    }
    const onto = merges.at(-1)?.commit ?? base
    const message = mergeMessage(`Release ${release.tag} includes`, changeset)
    const outcome = await trialMerge(services, { app, changeset, onto, of: release._id, message, user }, origin)
    if ('conflict' in outcome) {
      const files = outcome.conflict
      throw new CompositionFailed(changeset, 'conflict', files, `conflicts in ${files.join(', ')}`)
    }
    merges.push({ changeset, commit: outcome.commit })
    log('info', 'changeset merged', { changeset_id: _id.toHexString(), merge_sha: outcome.commit })
  }
  return merges
}

/** The whole first: only where it fails does it matter with which changeset that begins. */
async function test(
  services: Services,
  context: JobContext,
  release: ReleaseDocument,
  merges: readonly Merged[],
): Promise<void> {
  let failure = await failureOf(merges)
  if (failure === undefined) return
  let culprit = merges.at(-1)
  for (let length = 1; length < merges.length; length += 1) {
    const shorter = await failureOf(merges.slice(0, length))
    if (shorter === undefined) continue
    failure = shorter
    culprit = merges[length - 1]
    break
  }
  if (culprit === undefined) throw new Error('the merge suite fails without any changeset')
  throw new CompositionFailed(culprit.changeset, 'test_failed', [], `fails the merge suite: ${failure}`)

  async function failureOf(prefix: readonly Merged[]): Promise<string | undefined> {
    const last = prefix.at(-1)
    if (last === undefined) return undefined
    const failure = await mergeSuiteFailure(services, context, {
      gate: 'release_assemble',
      release_id: release._id.toHexString(),
      changeset_id: last.changeset._id.toHexString(),
      changeset_ids: prefix.map(({ changeset }) => changeset._id.toHexString()),
      commit_sha: last.commit,
    })
    context.log('info', 'merge suite run', { changesets: prefix.length, passed: failure === undefined })
    return failure
  }
}
