// Asks the database to explain every listing query. On a stack of our own these are the queries that the server really
// sends, with a large number of rows beside them; elsewhere the specified ones, on what is there. Judges nothing.

import { BSON, type Document } from 'mongodb'
import type { Gatherer } from '../../harness/check.ts'
import { reasonOf } from '../../harness/evidence/store.ts'
import type { Run } from '../../harness/run.ts'
import { unwatchable, watchCommands } from '../lib/command-log.ts'
import { type Database, openDatabase } from '../lib/members.ts'
import { type LoggedCommand, READS } from '../lib/seen-command.ts'
import { shapeOf } from '../lib/shape.ts'
import type { Step } from '../lib/step.ts'
import { startWalk } from '../lib/walk.ts'
import { type QueryPlan, type QueryPlanEvidence, QueryPlanEvidenceSchema } from './evidence.ts'
import { explainable, readExplanation } from './plan.ts'
import { SPECIFIED_QUERIES, specifiedQuery } from './specified.ts'
import { insertVolume, LARGE_COLLECTIONS } from './volume.ts'

/** E12 §4.3: the size at which the large collections are to be looked at. */
const SPECIFIED_DOCUMENTS = 1_000_000

/** Observed with three members on two cores: so many rows a second go in with their indexes, and off again. */
const ROWS_PER_S = 8_000

export const queryPlans: Gatherer<QueryPlanEvidence> = {
  id: 'GL-P4',
  title: 'every listing query explained, with large collections beside it',
  schema: QueryPlanEvidenceSchema,
  needs: ['mongo'],
  // On a target that is not ours nothing is written. A stack of our own has rows inserted, and removed again.
  effect: 'reads',
  expected_s: (profile) => 15 + (LARGE_COLLECTIONS.length * profile['GL-P4'].documents) / ROWS_PER_S,
  async gather(run) {
    await using database = await openDatabase(run.target)
    return unwatchable(run) === undefined ? await observed(run, database) : await fromTable(run, database)
  },
}

async function observed(run: Run, database: Database): Promise<QueryPlanEvidence> {
  const { documents: wanted } = run.profile['GL-P4']
  const walk = await startWalk(run)
  await walk.changeThings()
  const owner = {
    appId: walk.app.id,
    changesetId: walk.ids.get('changeset') ?? walk.app.id,
    userId: walk.people.user.userId,
  }
  await using volume = await insertVolume(run, database, owner, wanted)
  run.progress.say(`${wanted} rows inserted into each of ${LARGE_COLLECTIONS.join(', ')}`)
  const stepsBefore = walk.steps.length
  const watch = await watchCommands(run, database)
  await walk.readLists()
  const { commands } = await watch.end()
  const steps = walk.steps.slice(stepsBefore)
  const plans = await explainEach(run, database, commands, steps)
  run.progress.say(`explained ${plans.length} queries of ${steps.length} lists; removing the rows`)
  return {
    schema: 'readiness-query-plans/1',
    source: 'observed',
    volume: await Promise.all(
      LARGE_COLLECTIONS.map(async (collection) => ({
        collection,
        documents: await volume.documents(collection),
        wanted,
      })),
    ),
    steps,
    plans,
    other_scans: otherScans(commands, steps),
  }
}

/** One explanation for each kind of query that a list asks, by the first one that was seen whole. */
async function explainEach(
  run: Run,
  database: Database,
  commands: readonly LoggedCommand[],
  steps: readonly Step[],
): Promise<QueryPlan[]> {
  const kinds = new Map<string, { step: Step; of: LoggedCommand[] }>()
  for (const logged of commands) {
    const { seen } = logged
    if (!READS.has(seen.command) || seen.collection === null) continue
    const step = steps.find(({ from_ms, to_ms }) => seen.at_ms >= from_ms && seen.at_ms <= to_ms)
    if (step === undefined || isBackground(logged)) continue
    const key = JSON.stringify([seen.collection, seen.command, seen.shape])
    const kind = kinds.get(key) ?? { step, of: [] }
    kinds.set(key, kind)
    kind.of.push(logged)
  }
  const plans: QueryPlan[] = []
  for (const { step, of } of kinds.values()) {
    run.signal.throwIfAborted()
    const chosen = of.find(({ whole }) => whole)
    const { seen } = of[0]!
    plans.push({
      ...(await explain(database, chosen && asDocument(chosen))),
      asked_by: step.name,
      collection: seen.collection!,
      command: seen.command,
      shape: seen.shape,
      seen: of.length,
      logged_plan: of.map((one) => one.seen.plan).find((plan) => plan !== null && /COLLSCAN/.test(plan)) ?? seen.plan,
    })
  }
  return plans
}

/** The worker looks for work all the time; its queries are for no app, and no list asks them. */
function isBackground({ seen }: LoggedCommand): boolean {
  return seen.app?.includes('worker') === true
}

function asDocument({ seen, command }: LoggedCommand): Document | undefined {
  const kept = explainable(seen.command, command)
  return kept && (BSON.EJSON.deserialize(kept) as Document)
}

type Explanation = Omit<QueryPlan, 'asked_by' | 'collection' | 'command' | 'shape' | 'seen' | 'logged_plan'>

async function explain(database: Database, query: Document | undefined): Promise<Explanation> {
  const nothing = { stages: null, indexes: [], keys_examined: null, documents_examined: null, returned: null }
  if (query === undefined) return { ...nothing, sorted_in_memory: false, error: 'too long to be logged whole' }
  try {
    const answer = await database.client.db(database.name).command({ explain: query, verbosity: 'executionStats' })
    return { ...readExplanation(answer), error: '' }
  } catch (cause) {
    return { ...nothing, sorted_in_memory: false, error: reasonOf(cause) }
  }
}

function otherScans(commands: readonly LoggedCommand[], steps: readonly Step[]): QueryPlanEvidence['other_scans'] {
  const large: ReadonlySet<string> = new Set(LARGE_COLLECTIONS)
  const scans = new Map<string, QueryPlanEvidence['other_scans'][number]>()
  for (const logged of commands) {
    const { seen } = logged
    const inList = steps.some(({ from_ms, to_ms }) => seen.at_ms >= from_ms && seen.at_ms <= to_ms)
    if (!/COLLSCAN/.test(seen.plan ?? '') || !large.has(seen.collection ?? '') || (inList && !isBackground(logged)))
      continue
    const { collection, command, shape, app } = seen
    scans.set(`${collection} ${command} ${shape}`, { collection: collection!, command, shape, app })
  }
  return [...scans.values()]
}

async function fromTable(run: Run, database: Database): Promise<QueryPlanEvidence> {
  const db = database.client.db(database.name)
  const plans: QueryPlan[] = []
  for (const specified of SPECIFIED_QUERIES) {
    run.signal.throwIfAborted()
    const [document] = await db.collection(specified.collection).find({}).sort({ _id: -1 }).limit(1).toArray()
    const query = document === undefined ? null : specifiedQuery(specified, document)
    if (query === null) continue
    plans.push({
      ...(await explain(database, query)),
      asked_by: specified.askedBy,
      collection: specified.collection,
      command: 'find',
      shape: shapeOf(query),
      seen: 0,
      logged_plan: null,
    })
  }
  return {
    schema: 'readiness-query-plans/1',
    source: 'table',
    volume: await Promise.all(
      LARGE_COLLECTIONS.map(async (collection) => ({
        collection,
        documents: await db.collection(collection).estimatedDocumentCount(),
        wanted: SPECIFIED_DOCUMENTS,
      })),
    ),
    steps: [],
    plans,
    other_scans: [],
  }
}
