// Guards the project's shape: the catalogue against its folders, ids and titles, the direction of imports, and the
// documents against the code.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { CAPABILITIES } from '../harness/capabilities.ts'
import { CATALOGUE } from '../harness/catalogue.ts'
import { ConfigSchema } from '../harness/config/schema.ts'
import { COMMAND_VARIABLES, URL_VARIABLES } from '../harness/config/variables.ts'
import { EXIT } from '../harness/errors.ts'
import { ForecastSchema } from '../harness/forecast.ts'
import { knownDefects } from '../harness/prove.ts'
import { VerdictsSchema } from '../harness/result.ts'
import { COMMANDS } from '../harness/target/database.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string) => readFileSync(join(root, name), 'utf8')

function filesUnder(folder: string, suffix: string): string[] {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => !name.includes('node_modules/'))
}

describe('the catalogue', () => {
  test('ids are unique; id and title are permanent', () => {
    const ids = CATALOGUE.map((check) => check.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(CATALOGUE.map(({ id, title, requirement }) => `${id} ${requirement.level} ${title}`)).toMatchInlineSnapshot(`
      [
        "L1 MUST Fifty people editing at once all keep every edit, each within two seconds",
        "L1.audit SHOULD Every acknowledged edit left its row in the audit log",
        "L1.sample SHOULD Fifty people editing for two minutes stay within the sample's limits",
        "L1.open SHOULD Edits that arrive at a steady rate are served as fast, however slow the server gets",
        "CONTRACT SHOULD The whole product flow works, as the contract says",
        "L2 MUST Fifty people handing in at once are all accepted, and each change gets its one job within a second",
        "L3 MUST What stays queued after a release is revalidated within ten minutes, each change once and rightly",
        "L3.listings SHOULD The queue can be listed while it is revalidated",
        "L4 MUST Releases in quick succession each bring exactly their own changes, and leave no work behind",
        "L4.audit SHOULD Every release left its rows in the audit log",
        "L5 MUST A repository of 10,000 files is read within its limits, and what is shown is what is there",
        "L6 MUST Deployments at the same time each happen once, and never two in one environment",
        "L7 MUST Fifty people listing the queue at once get the right pages within half a second",
        "L7.open SHOULD Listings that arrive at a steady rate are answered as fast, however slow the server gets",
        "scale.bulk-queue SHOULD A long queue can be put into another order again and again, and stays whole",
        "scale.auth-burst SHOULD A burst of logins and forgotten passwords is served or throttled as specified, and harms nobody else",
        "scale.poll-storm SHOULD The clients of thousands of users can poll, and each is answered at once",
        "api-mix MUST Under normal load every change is in the audit log, and whom it concerns is mailed once",
        "GL-P2 MUST With fifty people at work, 99 of 100 answers come within half a second",
        "GL-P5 MUST Under normal load no query of the database takes longer than 100 ms",
        "SLO1 MUST At least 99.9 % of all requests are served",
        "SLO2 MUST People wait less than half a second for 99 of 100 answers",
        "job-mix MUST Each change that is handed in and each deployment becomes one job, and is told to whom it concerns, once",
        "job-mix.queries MUST With jobs at work no query of the database takes longer than 100 ms",
        "GL-P3 MUST Jobs are done within 30 seconds, deployments within two minutes",
        "SLO3 MUST 99 of 100 jobs are done within 30 seconds of being asked for",
        "SLO4 MUST 99 of 100 deployments are done within two minutes",
        "SLO5 MUST At least 99 of 100 deployments succeed",
        "DC1 MUST The health ping survives a failover of the database",
        "DC2 MUST Lists and details may be read from secondaries, and decisions never are",
        "DC3 MUST What is acknowledged is stored by the majority, in the journal",
        "DC4 MUST Workers claim jobs on the primary, acknowledged by the majority",
        "DC5 MUST Audit rows are acknowledged",
        "GL-R5 MUST Every critical write is acknowledged by the majority",
        "GL-P4 MUST Every listing query is answered by an index, however many documents stand beside it",
        "GL-P4.sort SHOULD Every list comes from its index in order",
        "S9 MUST A user cannot approve a changeset",
        "S10 MUST A user cannot assemble a release",
        "S11 MUST A user cannot deploy a release",
        "S12 MUST A reviewer cannot assemble a release",
        "S13 MUST A reviewer cannot change the settings of an app",
        "S14 MUST A non-member gets nowhere in an app, and does not learn whether it exists",
        "S15 MUST Nobody but an app admin gives a role, not even to himself",
        "S16 MUST A role on one app gives nothing on another",
        "S16.alike SHOULD What another app has is answered like what does not exist",
        "GL-S10 MUST Every route lets in whom the matrix lets in, and nobody else",
        "GL-S10.form SHOULD Refusals come in their specified form",
        "F3 MUST A failover of the database is survived, told, and over within seconds, and nothing acknowledged is lost",
        "F3.loss MUST Whatever ends the primary of the database, nothing that was acknowledged is lost",
        "F3.back SHOULD After the primary of the database died or froze, all goes on within 45 seconds",
        "F4 MUST An outage of the database is told and survived, and ends by itself",
        "F4.trail SHOULD After an outage of the database the audit log and the mails are as complete as before",
        "IX1 MUST apps are told apart by name: find an app by its name",
        "IX2 MUST apps are told apart by repo_path: find an app by its repository",
        "IX3 MUST app_memberships are told apart by user_id and app_id: look up a membership",
        "IX4 MUST app_memberships are found by app_id: the members of an app",
        "IX5 MUST workspaces are found by app_id and owner_user_id: the workspaces of a user",
        "IX6 MUST workspaces are told apart by app_id and branch_name: one workspace for a branch of an app",
        "IX7 MUST changesets are found by app_id and state: the queue, and changesets by state",
        "IX8 MUST changesets are found by workspace_id and state: the open changeset of a workspace",
        "IX9 MUST changesets are found by app_id and author_user_id: the changesets of a user",
        "IX10 MUST changeset_revisions are told apart by changeset_id and revision_number: look up a revision",
        "IX11 MUST changeset_reviews are found by changeset_id: the reviews of a changeset",
        "IX12 MUST changeset_comments are found by changeset_id and created_at: page through comments",
        "IX13 MUST release_batches are found by app_id and state: releases by state",
        "IX14 MUST release_batches are told apart by app_id and tag: find a release by its tag",
        "IX15 MUST release_changesets are found by release_id: the changesets of a release",
        "IX16 MUST environments are told apart by app_id and name: one environment of a name",
        "IX17 MUST environments are told apart by app_id and position: one environment at a position",
        "IX18 MUST deployments are found by app_id, environment_id and state: the lock of an environment",
        "IX19 MUST deployments are found by release_id: the deployments of a release",
        "IX20 MUST temp_environments are found by app_id and state: the active temporary environments of an app",
        "IX21 MUST temp_environments are found by expires_at: find what has expired",
        "IX22 MUST jobs are found by state and created_at: the oldest job that waits",
        "IX23 MUST jobs are found by app_id, type and state: the jobs of an app by type",
        "IX24 MUST audit_events are found by app_id and occurred_at: the audit log by time",
        "IX25 MUST audit_events are found by entity_type and entity_id: the audit log of one thing",
        "IX26 MUST notification_preferences are told apart by user_id: look up preferences",
        "IX27 MUST invites are told apart by app_id and email: one invite an address",
        "IX28 MUST invites are told apart by token: accept an invite",
      ]
    `)
  })

  test('every folder with a check.ts is in it, and every check has a folder', () => {
    const folders = new Set(
      ['scenarios', 'faults', 'security', 'checklist']
        .flatMap((folder) => filesUnder(folder, '/check.ts').concat(filesUnder(folder, 'check.ts')))
        .map((name) => dirname(name).split('/').at(-1)!),
    )
    // The rows of one table share a folder: IX1 to IX28 stand in IX, L1.audit in L1; scale.poll-storm stands in
    // scale/poll-storm. What is judged from one load stands beside it: SLO1 in api-mix.
    const folderOf = ({ id, gatherer }: (typeof CATALOGUE)[number]) => {
      const parts = id.split('.')
      return [...parts, parts[0]!.replace(/\d+$/, '')].find((name) => folders.has(name)) ?? gatherer.id
    }
    expect(folders).toEqual(new Set(CATALOGUE.map(folderOf)))
  })

  test('every check has a known defect that it must catch, and every defect a check', async () => {
    const ids = CATALOGUE.map((check) => check.id)
    const defects = await knownDefects()
    expect([...new Set(defects.map((defect) => defect.check))].sort()).toEqual([...ids].sort())
    for (const defect of defects) {
      expect(ids, defect.id).toEqual(expect.arrayContaining(defect.mayRedden))
      expect(defect.reason, defect.id).toMatch(/\S/)
    }
  })

  test('every check says what a reader needs', () => {
    for (const check of CATALOGUE) {
      expect(check.requirement.source, check.id).toMatch(/\S/)
      expect(check.requirement.text, check.id).toMatch(/\S/)
      expect(check.failureTitle, check.id).not.toBe(check.title)
      expect(check.profiles.length, check.id).toBeGreaterThan(0)
      for (const limit of check.limits) expect(limit.source, `${check.id}.${limit.name}`).toMatch(/\S/)
    }
  })
})

describe('imports point one way', () => {
  /** From a file's folder to what it may import at run time; types may come from anywhere. */
  const rules: { from: string; never: string[] }[] = [
    { from: 'reference/', never: ['harness/', 'scenarios/', 'seed/', 'reports/', 'test/'] },
    { from: 'reports/', never: ['harness/', 'scenarios/', 'seed/', 'reference/', 'test/'] },
    {
      from: 'harness/stack/',
      never: [
        'harness/cli/',
        'harness/target/',
        'harness/catalogue.ts',
        'scenarios/',
        'seed/',
        'reference/',
        'reports/',
      ],
    },
    {
      from: 'harness/toolchain/',
      never: ['harness/cli/', 'harness/target/', 'harness/stack/', 'scenarios/', 'seed/', 'reference/', 'reports/'],
    },
    {
      from: 'harness/target/',
      never: [
        'harness/cli/',
        'harness/config/',
        'harness/catalogue.ts',
        'scenarios/',
        'seed/',
        'reference/',
        'reports/',
      ],
    },
    {
      from: 'harness/config/',
      never: ['harness/cli/', 'harness/catalogue.ts', 'scenarios/', 'seed/', 'reference/', 'reports/'],
    },
    {
      from: 'harness/evidence/',
      never: ['harness/cli/', 'harness/target/', 'harness/stack/', 'scenarios/', 'seed/', 'reference/', 'reports/'],
    },
    { from: 'seed/', never: ['harness/cli/', 'harness/catalogue.ts', 'scenarios/', 'reference/', 'reports/'] },
    { from: 'scenarios/', never: ['harness/cli/', 'harness/catalogue.ts', 'harness/stack/', 'reference/', 'reports/'] },
    {
      from: 'checklist/',
      never: ['harness/cli/', 'harness/catalogue.ts', 'harness/stack/', 'scenarios/', 'reference/', 'reports/'],
    },
    {
      from: 'security/',
      never: [
        'harness/cli/',
        'harness/catalogue.ts',
        'harness/stack/',
        'scenarios/',
        'checklist/',
        'reference/',
        'reports/',
      ],
    },
    { from: 'faults/', never: ['harness/cli/', 'harness/catalogue.ts', 'reference/', 'reports/'] },
    { from: 'harness/', never: ['reference/'] },
  ]

  const sources = ['harness', 'scenarios', 'faults', 'checklist', 'security', 'seed', 'reference', 'reports'].flatMap(
    (folder) => filesUnder(folder, '.ts'),
  )

  test.each(rules)('$from does not import what stands above it', ({ from, never }) => {
    const broken: string[] = []
    for (const name of sources.filter(
      (source) => source.startsWith(from) && !/\.(test|setup|suite)\.ts$/.test(source),
    )) {
      for (const imported of runtimeImports(name)) {
        if (never.some((prefix) => imported.startsWith(prefix))) broken.push(`${name} imports ${imported}`)
      }
    }
    expect(broken).toEqual([])
  })

  function runtimeImports(name: string): string[] {
    const text = read(name)
    return [...text.matchAll(/^(?:import|export)\s+(?!type\b)[^'";]*?from\s+'(\.[^']+)'/gm)]
      .filter((match) => !/\{\s*(?:type\s+\w+\s*,?\s*)+\}\s*from/.test(match[0]))
      .map((match) =>
        relative(root, resolve(root, dirname(name), match[1]!))
          .split(sep)
          .join('/'),
      )
  }
})

describe('documents and code agree', () => {
  test('docs/exit-codes.md has every exit code', () => {
    const text = read('docs/exit-codes.md')
    for (const code of Object.values(EXIT)) expect(text).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'))
  })

  test.each([
    ['verdicts', VerdictsSchema],
    ['forecast', ForecastSchema],
    ['config', ConfigSchema],
  ])(
    'the JSON schema %s in the repository is the one that the code uses (renew: node schemas/write.ts)',
    (name, schema) => {
      expect(JSON.parse(read(`schemas/${name}.schema.json`))).toEqual(JSON.parse(JSON.stringify(schema)))
    },
  )

  test('docs/configuration.md has every variable as the code reads it, every command sent to a database, and the example', () => {
    const text = read('docs/configuration.md')
    for (const { name, key, what } of [...URL_VARIABLES, ...COMMAND_VARIABLES]) {
      expect(text).toContain(`| \`${name}\` | \`${key}\` | ${what} |`)
    }
    for (const command of COMMANDS) expect(text).toContain(`\`${command}\``)
    expect(text).toContain(read('harness/config/readiness.config.example.yaml').trimEnd())
    const listed = [...text.matchAll(/^\| `(CONMAN_\w+)` \| `[^`]+` \|/gm)].map((match) => match[1])
    expect(new Set(listed)).toEqual(new Set([...URL_VARIABLES, ...COMMAND_VARIABLES].map(({ name }) => name)))
  })

  test('what a capability says is to be handed over is a variable that is read', () => {
    const known = [...URL_VARIABLES, ...COMMAND_VARIABLES].map((variable) => variable.name)
    for (const [capability, { handOver }] of Object.entries(CAPABILITIES)) {
      const named = handOver.match(/CONMAN_[A-Z0-9_]+/g) ?? []
      expect(named, capability).not.toEqual([])
      expect(known, capability).toEqual(expect.arrayContaining(named))
    }
  })

  test('make help tells of every target', () => {
    const targets = [...read('Makefile').matchAll(/^([a-zA-Z0-9_-]+):(.*)/gm)]
    expect(targets.length).toBeGreaterThan(0)
    expect(targets.filter(([, , rest]) => !rest!.includes(' ## ')).map(([, name]) => name)).toEqual([])
  })

  test('every dependency has its reason in docs/decisions/dependencies.md, and an exact version', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
    const reasons = read('docs/decisions/dependencies.md')
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(reasons, name).toContain(`\`${name}\``)
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
    }
  })
})
