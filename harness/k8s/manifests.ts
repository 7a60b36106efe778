// What Kubernetes is told: pure. A `TestRun` of the k6 operator, which splits one k6 script into execution segments and runs
// each in a pod of its own, with what it mounts. Tokens stand in a Secret and never in a ConfigMap.

import { GO_BUILDS } from '../toolchain/programs.ts'

export interface PodLoad {
  /** A DNS label: names everything that is made. */
  name: string
  parallelism: number
  image: string
  /** The bundled script. */
  script: string
  /** The script's settings, tokens among them. */
  settings: string
  /** Certificates (PEM) that the pods are to trust; absent where those of their image suffice. */
  authorities?: string
  /** The bound of all pods together; absent where there is none. */
  requests_per_s_max?: number
}

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  [field: string]: unknown
}

/** Each a file of the folder. */
export interface Manifests {
  'claim.yaml': Manifest
  'collector.yaml': Manifest
  'secret.yaml': Manifest
  /** Absent where the script is too large for one: it is then copied onto the claim. */
  'script.yaml'?: Manifest
  'testrun.yaml': Manifest
}

export const K6_IMAGE = `grafana/k6:${GO_BUILDS.k6.version}`

/** 1 MiB is the most that a ConfigMap or a Secret may hold (1,048,576 bytes), names and all. */
export const OBJECT_BYTES_MAX = 1_000_000

/** The user that k6's own image runs as. */
const K6_GROUP = 12_345
/** Four pods of an hour at 500 requests/s leave about as much, compressed. */
const CLAIM_SIZE = '4Gi'

const SETTINGS_AT = '/readiness'
const SAMPLES_AT = '/samples'

export const fits = (text: string): boolean => Buffer.byteLength(text) <= OBJECT_BYTES_MAX

/** Names of what a pod leaves: the operator names its n-th job so, from 1 on. */
export const partName = (name: string, part: number): string => `${name}-${part}`

export function manifestsOf(load: PodLoad): Manifests {
  const { name, parallelism, image, script, settings, authorities } = load
  const claim = `${name}-samples`
  const secret = `${name}-settings`
  const scriptFits = fits(script)
  const settingsFit = fits(settings + (authorities ?? ''))
  const claimed = { name: 'samples', persistentVolumeClaim: { claimName: claim } }
  const mounted = { name: 'samples', mountPath: SAMPLES_AT }
  const settingsFolder = settingsFit ? SETTINGS_AT : SAMPLES_AT
  const rate = load.requests_per_s_max === undefined ? undefined : Math.floor(load.requests_per_s_max / parallelism)
  return {
    'claim.yaml': {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: claim },
      // Pods on several nodes write to it.
      spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: CLAIM_SIZE } } },
    },
    'collector.yaml': {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-collector` },
      spec: {
        restartPolicy: 'Never',
        securityContext: { fsGroup: K6_GROUP },
        containers: [{ name: 'collector', image, command: ['sleep', '86400'], volumeMounts: [mounted] }],
        volumes: [claimed],
      },
    },
    'secret.yaml': {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secret },
      type: 'Opaque',
      stringData: settingsFit
        ? { 'settings.json': settings, ...(authorities === undefined ? {} : { 'authorities.pem': authorities }) }
        : {},
    },
    ...(scriptFits
      ? {
          'script.yaml': {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: `${name}-script` },
            data: { 'script.js': script },
          },
        }
      : {}),
    'testrun.yaml': {
      apiVersion: 'k6.io/v1alpha1',
      kind: 'TestRun',
      metadata: { name },
      spec: {
        parallelism,
        // A node each: what shares a processor measures its neighbour.
        separate: true,
        script: scriptFits
          ? { configMap: { name: `${name}-script`, file: 'script.js' } }
          : { volumeClaim: { name: claim, file: 'script.js' } },
        arguments: [
          '--max-redirects 0',
          ...(rate === undefined ? [] : [`--rps ${rate}`]),
          `-e READINESS_SETTINGS=${settingsFolder}/settings.json`,
          '-e READINESS_PART=true',
        ].join(' '),
        runner: {
          image,
          // Variables and not arguments: the operator hands its arguments to a shell, too, before the pods have a name.
          env: [
            { name: 'READINESS_JOB', valueFrom: { fieldRef: { fieldPath: "metadata.labels['job-name']" } } },
            { name: 'READINESS_SUMMARY', value: `${SAMPLES_AT}/$(READINESS_JOB).summary.json` },
            { name: 'K6_OUT', value: `json=${SAMPLES_AT}/$(READINESS_JOB).json.gz` },
            { name: 'K6_NO_USAGE_REPORT', value: 'true' },
            { name: 'K6_AUTO_EXTENSION_RESOLUTION', value: 'false' },
            ...(authorities === undefined
              ? []
              : [{ name: 'SSL_CERT_FILE', value: `${settingsFolder}/authorities.pem` }]),
          ],
          resources: { requests: { cpu: '1', memory: '512Mi' } },
          securityContext: { fsGroup: K6_GROUP },
          volumes: [claimed, { name: 'settings', secret: { secretName: secret } }],
          volumeMounts: [mounted, { name: 'settings', mountPath: SETTINGS_AT, readOnly: true }],
        },
      },
    },
  }
}
