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
      ]
    `)
  })

  test('every folder with a check.ts is in it, and every check has a folder', () => {
    const folders = ['scenarios', 'faults', 'security', 'checklist']
      .flatMap((folder) => filesUnder(folder, '/check.ts').concat(filesUnder(folder, 'check.ts')))
      .map((name) => dirname(name).split('/').at(-1)!)
    const inCatalogue = new Set(CATALOGUE.map((check) => check.id.split('.')[0]!))
    expect(new Set(folders)).toEqual(inCatalogue)
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
    { from: 'harness/', never: ['reference/'] },
  ]

  const sources = ['harness', 'scenarios', 'checklist', 'seed', 'reference', 'reports'].flatMap((folder) =>
    filesUnder(folder, '.ts'),
  )

  test.each(rules)('$from does not import what stands above it', ({ from, never }) => {
    const broken: string[] = []
    for (const name of sources.filter((source) => source.startsWith(from) && !source.endsWith('.test.ts'))) {
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

  test('make help lists every target', () => {
    const makefile = read('Makefile')
    const phony = /^\.PHONY: (.+)$/m.exec(makefile)![1]!.split(' ')
    const listed = [...makefile.matchAll(/^([a-zA-Z0-9_-]+):.*## /gm)].map((match) => match[1])
    expect(listed.sort()).toEqual(phony.sort())
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
