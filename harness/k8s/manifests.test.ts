// The manifests against what the k6 operator's CRD (k6.io/v1alpha1, TestRun) and Kubernetes take: field names, types, sizes,
// and where secrets may stand.

import { Ajv } from 'ajv'
import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { K6_IMAGE, type Manifests, manifestsOf, OBJECT_BYTES_MAX, type PodLoad } from './manifests.ts'
import { readmeOf } from './readme.ts'

const load: PodLoad = {
  name: 'readiness-l7-abc123',
  parallelism: 4,
  image: K6_IMAGE,
  script: 'export default function () {}\n',
  settings: '{"tokens":["a-secret-token"]}',
}

/** A DNS label; the operator adds an index, and words of its own, to a TestRun's name. */
const Name = Type.String({ pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', maxLength: 63 })
const strict = { additionalProperties: false }
const EnvVar = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
    value: Type.Optional(Type.String()),
    valueFrom: Type.Optional(Type.Object({ fieldRef: Type.Object({ fieldPath: Type.String() }, strict) }, strict)),
  },
  strict,
)
const Mount = Type.Object(
  { name: Name, mountPath: Type.String({ pattern: '^/' }), readOnly: Type.Optional(Type.Boolean()) },
  strict,
)
const Volume = Type.Object(
  {
    name: Name,
    persistentVolumeClaim: Type.Optional(Type.Object({ claimName: Name }, strict)),
    secret: Type.Optional(Type.Object({ secretName: Name }, strict)),
  },
  strict,
)

/** The fields that are used here, by the operator's TestRunSpec, K6Script and Pod. */
const TestRunSchema = Type.Object(
  {
    apiVersion: Type.Literal('k6.io/v1alpha1'),
    kind: Type.Literal('TestRun'),
    metadata: Type.Object({ name: Type.String({ pattern: '^[a-z0-9][-a-z0-9]*$', maxLength: 50 }) }, strict),
    spec: Type.Object(
      {
        parallelism: Type.Integer({ minimum: 1 }),
        separate: Type.Boolean(),
        arguments: Type.String(),
        script: Type.Union([
          Type.Object({ configMap: Type.Object({ name: Name, file: Type.String() }, strict) }, strict),
          Type.Object({ volumeClaim: Type.Object({ name: Name, file: Type.String() }, strict) }, strict),
        ]),
        runner: Type.Object(
          {
            image: Type.String(),
            env: Type.Array(EnvVar),
            resources: Type.Object({ requests: Type.Record(Type.String(), Type.String()) }, strict),
            securityContext: Type.Object({ fsGroup: Type.Integer() }, strict),
            volumes: Type.Array(Volume),
            volumeMounts: Type.Array(Mount),
          },
          strict,
        ),
      },
      strict,
    ),
  },
  strict,
)

type TestRun = Type.Static<typeof TestRunSchema>
const testRunOf = (manifests: Manifests) => parse(stringify(manifests['testrun.yaml'])) as TestRun
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

describe.each([
  ['what fits', load],
  ['a script that does not', { ...load, script: 'x'.repeat(OBJECT_BYTES_MAX + 1) }],
  ['settings that do not', { ...load, settings: JSON.stringify('x'.repeat(OBJECT_BYTES_MAX)) }],
  ['a private authority and a bound', { ...load, authorities: 'a certificate', requests_per_s_max: 50 }],
])('%s', (_, input) => {
  const manifests = manifestsOf(input)

  test('the TestRun has the operator’s fields', () => {
    const validate = new Ajv({ strict: false }).compile(TestRunSchema)
    expect(validate(testRunOf(manifests)), JSON.stringify(validate.errors)).toBe(true)
  })

  test('what it mounts is there', () => {
    const { spec } = testRunOf(manifests)
    const names = Object.values(manifests).map((manifest) => `${manifest.kind} ${manifest.metadata.name}`)
    const { script } = spec
    expect(names).toContain(
      'configMap' in script ? `ConfigMap ${script.configMap.name}` : `PersistentVolumeClaim ${script.volumeClaim.name}`,
    )
    for (const { persistentVolumeClaim, secret } of spec.runner.volumes) {
      expect(names).toContain(
        secret ? `Secret ${secret.secretName}` : `PersistentVolumeClaim ${persistentVolumeClaim!.claimName}`,
      )
    }
    const volumes = spec.runner.volumes.map(({ name }) => name)
    expect(spec.runner.volumeMounts.map(({ name }) => name)).toEqual(volumes)
  })

  test('no object is beyond 1 MiB, and secrets stand in the Secret alone', () => {
    for (const [file, manifest] of Object.entries(manifests)) {
      expect(bytesOf(manifest), file).toBeLessThan(2 ** 20)
      if (file !== 'secret.yaml') expect(JSON.stringify(manifest), file).not.toContain('a-secret-token')
    }
  })

  test('no argument or variable needs a shell, which would split it', () => {
    const { spec } = testRunOf(manifests)
    // The operator splits arguments at spaces; what begins with no dash is a value of the one before.
    expect(spec.arguments).toMatch(/^--max-redirects 0( --rps \d+)?( -e READINESS_\w+=[\w./-]+)+$/)
    expect(spec.arguments).toContain('-e READINESS_PART=true')
  })

  test('the README creates each, copies what no object holds, and deletes all', () => {
    const text = readmeOf(input, 'L7', manifests)
    for (const file of Object.keys(manifests)) {
      expect(text).toMatch(new RegExp(`kubectl create.*-f ${file.replace('.', '\\.')}`))
      expect(text).toMatch(new RegExp(`kubectl delete.*-f ${file.replace('.', '\\.')}`))
    }
    expect(text.includes('kubectl cp script.js')).toBe(!('script.yaml' in manifests))
    expect(text.includes('kubectl cp settings.json')).toBe(
      testRunOf(manifests).spec.arguments.includes('/samples/settings.json'),
    )
  })
})

test('the bound of a target is that of all pods together', () => {
  const argumentsOf = (requests_per_s_max: number) =>
    testRunOf(manifestsOf({ ...load, requests_per_s_max })).spec.arguments
  expect(argumentsOf(50)).toContain('--rps 12 ')
  expect(argumentsOf(4)).toContain('--rps 1 ')
})

test('each pod writes files of its own, by the name of its job', () => {
  const { env } = testRunOf(manifestsOf(load)).spec.runner
  expect(env).toContainEqual({
    name: 'READINESS_JOB',
    valueFrom: { fieldRef: { fieldPath: "metadata.labels['job-name']" } },
  })
  // Kubernetes fills in only variables that stand before.
  const names = env.map(({ name }) => name)
  for (const { name, value } of env) {
    const used = /\$\((\w+)\)/.exec(value ?? '')?.[1]
    if (used !== undefined) expect(names.indexOf(used)).toBeLessThan(names.indexOf(name))
  }
  expect(env).toContainEqual({ name: 'K6_OUT', value: 'json=/samples/$(READINESS_JOB).json.gz' })
})
