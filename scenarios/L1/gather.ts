// Runs the editing load and then asks, three ways, what became of every edit that was acknowledged: the API, git itself,
// and the audit log. Touches the world, judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../harness/check.ts'
import { GitRepository } from '../../harness/git.ts'
import { type K6Sample, runK6 } from '../../harness/k6.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { besideServer } from '../../harness/server-side/watch.ts'
import { readFile } from '../../harness/target/conman/workspaces.ts'
import { ConmanError, sha256 } from '../../harness/target/conman.ts'
import { type SeededApp, seedEditors } from '../../seed/editors.ts'
import { COUNTERS } from '../lib/counters.ts'
import { mannersOf, stoppedAt, THROTTLE_WAIT_S_MAX } from '../lib/manners-settings.ts'
import type { EditorUser, EditSettings } from '../lib/settings.ts'
import { editContent, editKey, editPath } from './edit.ts'
import { type EditEvidence, EditEvidenceSchema } from './evidence.ts'
import { L1_LIMITS, SAMPLE_LIMITS } from './limits.ts'

type Scenario = EditEvidence['scenario']
type Edit = EditEvidence['edits'][number]

/** k6's own time-out of one edit: far above the limit, so that a slow edit is measured and not cut off. */
const REQUEST_TIMEOUT_S = 30

/** Reads under way at once while reconciling: no load, only no waste of time. */
const READERS = 8

/** Audit rows are written with w:1 beside the answer (DC5); this long they may take to be readable. */
const AUDIT_WAIT_MS = 5_000

export function editGatherer(scenario: Scenario, title: string): Gatherer<EditEvidence> {
  return {
    id: scenario,
    title,
    schema: EditEvidenceSchema,
    needs: ['http', 'repositories'],
    effect: 'writes',
    leaves: 'an app, a member and a workspace for each user, and the files that they write',
    load: ({ L1 }) => ({ users: L1.users, requests_per_s: scenario === 'L1.open' ? L1.open_rate_per_s : null }),
    expected_s: ({ L1 }) => (scenario === 'L1' ? 20 : L1.sample_duration_s + 20),
    gather: (run) => gatherEdits(run, scenario),
  }
}

async function gatherEdits(run: Run, scenario: Scenario): Promise<EditEvidence> {
  const sizes = run.profile.L1
  const seeded = await seedEditors(run, { users: sizes.users })
  const limits = run.limits(scenario, scenario === 'L1' ? L1_LIMITS : SAMPLE_LIMITS)
  const runKey = `${run.id}/${scenario}`
  const settings: EditSettings = {
    run: runKey,
    scenario,
    baseUrl: run.target.baseUrl,
    users: editorUsers(seeded),
    filesPerUser: sizes.files_per_user,
    latencyLimitMs: (limits.latency_ms_max ?? limits.latency_ms_p99)!.value,
    failedShareMax: limits.failed_share_max?.value ?? 0,
    durationS: sizes.sample_duration_s,
    pauseS: sizes.sample_pause_s,
    ratePerS: sizes.open_rate_per_s,
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  run.progress.say(
    scenario === 'L1'
      ? `${scenario}: ${sizes.users} users write ${sizes.files_per_user} files each, each in a workspace of its own`
      : `${scenario}: ${sizes.users} users for ${sizes.sample_duration_s} s`,
  )
  const worst_s = scenario === 'L1' ? sizes.files_per_user * REQUEST_TIMEOUT_S : sizes.sample_duration_s
  const { generator, samples, counters } = await besideServer(run, scenario, () =>
    runK6(run, {
      entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
      settings,
      metrics: ['edit_ms', ...Object.values(COUNTERS)],
      bound_s: worst_s + 2 * REQUEST_TIMEOUT_S + THROTTLE_WAIT_S_MAX + 30,
      label: scenario,
    }),
  )
  const edits = editsOf(samples, runKey, scenario)
  run.progress.say(
    `${scenario}: ${edits.filter((edit) => edit.commit !== null).length} of ${edits.length} edits acknowledged; reconciling`,
  )
  return {
    schema: 'readiness-edits/1',
    scenario,
    run_key: runKey,
    users: sizes.users,
    edits_planned: scenario === 'L1' ? sizes.users * sizes.files_per_user : null,
    generator,
    iterations_finished: counters[COUNTERS.finished] ?? 0,
    exceptions: counters[COUNTERS.exceptions] ?? 0,
    throttled: counters[COUNTERS.throttled] ?? 0,
    rate_bound_per_s: run.target.loadBounds?.requests_per_s_max ?? null,
    stopped_at_5xx_share: stoppedAt(generator, run.target.loadBounds),
    edits,
    read_by_api: await readByApi(run, seeded, edits),
    read_by_git: await readByGit(run, seeded, edits, runKey),
    audit: await readAudit(run, seeded, edits),
  }
}

/** The seeded users as the load script takes them. */
export function editorUsers({ app, users }: SeededApp): EditorUser[] {
  return users.map(({ token, workspace }, index) => ({
    number: index + 1,
    token,
    appId: app.id,
    workspaceId: workspace.id,
  }))
}

/** Joins each attempt with its end by the edit's key. */
function editsOf(samples: readonly K6Sample[], runKey: string, scenario: Scenario): Edit[] {
  const ends = new Map<string, K6Sample>()
  const keys: string[] = []
  for (const sample of samples) {
    const key = sample.tags.key
    if (key === undefined) continue
    if (sample.metric === COUNTERS.attempted) keys.push(key)
    if (sample.metric === 'edit_ms') ends.set(key, sample)
  }
  const first = Math.min(...[...ends.values()].map((sample) => Number(sample.tags.started)))
  return keys
    .map((key): Edit => {
      const { user, edit } = numbersOf(key, runKey)
      const end = ends.get(key)
      return {
        key,
        user,
        path: editPath(scenario, user, edit),
        sha256: sha256(editContent(runKey, user, edit)),
        started_ms: end ? Number(end.tags.started) - first : null,
        duration_ms: end ? round(end.value) : null,
        ended_ms: end ? Number(end.tags.ended) - first : null,
        status: end ? Number(end.tags.status) : null,
        commit: end?.tags.commit ? end.tags.commit : null,
        error: end?.tags.error ?? '',
      }
    })
    .sort((a, b) => (a.started_ms ?? 0) - (b.started_ms ?? 0) || a.key.localeCompare(b.key))
}

/** The user's and the edit's number out of a key that `editKey` made. */
function numbersOf(key: string, runKey: string): { user: number; edit: number } {
  const match = /^\/u(\d+)\/e(\d+)$/.exec(key.slice(runKey.length))
  if (!match || editKey(runKey, Number(match[1]), Number(match[2])) !== key) {
    throw new Error(`the load script reported an edit that it cannot have made: ${key}`)
  }
  return { user: Number(match[1]), edit: Number(match[2]) }
}

/** One entry a user and path that at least one acknowledged edit wrote. */
function pathsToRead(edits: readonly Edit[]): { user: number; path: string }[] {
  const paths = new Map<string, { user: number; path: string }>()
  for (const { user, path, commit } of edits) if (commit !== null) paths.set(`${user}:${path}`, { user, path })
  return [...paths.values()]
}

async function readByApi(run: Run, seeded: SeededApp, edits: readonly Edit[]): Promise<EditEvidence['read_by_api']> {
  const wanted = pathsToRead(edits)
  let read = 0
  const found = await mapInParallel(wanted, READERS, async ({ user, path }) => {
    run.signal.throwIfAborted()
    const editor = seeded.users[user - 1]!
    const call = readFile(seeded.app.id, editor.workspace.id, path)
    let { answer, value } = await run.target.conman.attempt(editor.token, call)
    // What could not be read is read again: a hiccup while reading is not a lost edit.
    for (let attempt = 0; attempt < 2 && answer.status !== 200 && answer.status !== 404; attempt += 1) {
      await delay(250, undefined, { signal: run.signal })
      ;({ answer, value } = await run.target.conman.attempt(editor.token, call))
    }
    run.progress.update(`reconciling through the API: ${++read} of ${wanted.length}`)
    return { user, path, status: answer.status, sha256: value instanceof ConmanError ? null : sha256(value) }
  })
  return found.sort((a, b) => a.user - b.user || a.path.localeCompare(b.path))
}

async function readByGit(
  run: Run,
  seeded: SeededApp,
  edits: readonly Edit[],
  runKey: string,
): Promise<EditEvidence['read_by_git']> {
  const storage = run.target.gitStorage
  if (storage === undefined) return null
  const repository = new GitRepository(run.tool('git').path, storage, seeded.app.repoPath)
  const wanted = pathsToRead(edits)
  const blobs = await repository.readFiles(
    wanted.map(({ user, path }) => ({ revision: `refs/heads/${seeded.users[user - 1]!.workspace.branch}`, path })),
  )
  return {
    files: wanted.map(({ user, path }, index) => {
      const bytes = blobs[index] ?? null
      return { user, path, sha256: bytes === null ? null : sha256(bytes) }
    }),
    commits: await repository.commitsByMessage(`readiness edit ${runKey}/`),
    fsck: await repository.fsck(),
  }
}

async function readAudit(run: Run, seeded: SeededApp, edits: readonly Edit[]): Promise<EditEvidence['audit']> {
  const wanted = new Set(edits.flatMap((edit) => (edit.commit === null ? [] : [edit.commit])))
  const started = performance.now()
  for (;;) {
    const rows = await run.target.fileWriteAudit(seeded.app.id, seeded.adminToken)
    if (rows === null) return null
    const waited_ms = Math.round(performance.now() - started)
    const present = new Set(rows.commits)
    if (waited_ms > AUDIT_WAIT_MS || [...wanted].every((commit) => present.has(commit))) {
      return { source: rows.source, waited_ms, commits: rows.commits.filter((commit) => wanted.has(commit)).sort() }
    }
    await delay(100, undefined, { signal: run.signal })
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
