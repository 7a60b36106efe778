// Stands in for a cluster: does with the manifests of `./readiness k8s` what the k6 operator and Kubernetes do, with k6 processes
// on this machine: mounts, variables, execution segments, tags, and the way back of the samples.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import type { Manifest } from '../harness/k8s/manifests.ts'
import { resolveTool } from '../harness/toolchain/resolve.ts'

interface TestRun extends Manifest {
  spec: {
    parallelism: number
    arguments: string
    runner: { env: { name: string; value?: string }[] }
  }
}

export async function playPods(folder: string): Promise<void> {
  const read = <T extends Manifest>(file: string) => parse(readFileSync(join(folder, file), 'utf8')) as T
  const run = read<TestRun>('testrun.yaml')
  const samples = join(folder, 'samples.part')
  // `/test`, `/readiness` and `/samples` of a pod.
  const mount = (path: string) =>
    path.replace(/(?<![\w.])\/samples\b/, samples).replace(/(?<![\w.])\/readiness\b/, join(folder, 'readiness'))
  mkdirSync(samples)
  mkdirSync(join(folder, 'readiness'))
  for (const [name, text] of Object.entries(read('secret.yaml').stringData as Record<string, string>))
    writeFileSync(join(folder, 'readiness', name), text)
  const script = join(folder, 'script.js')
  writeFileSync(script, (read('script.yaml').data as Record<string, string>)['script.js']!)

  const k6 = (await resolveTool('k6', { install: true })).path
  const { parallelism, runner } = run.spec
  const sequence = ['0', ...Array.from({ length: parallelism - 1 }, (_, at) => `${at + 1}/${parallelism}`), '1']
  const pods = await Promise.all(
    sequence.slice(0, -1).map(async (from, index) => {
      const job = `${run.metadata.name}-${index + 1}`
      const env: Record<string, string> = { PATH: process.env.PATH ?? '', READINESS_JOB: job }
      for (const { name, value } of runner.env)
        if (value !== undefined) env[name] = mount(value.replace('$(READINESS_JOB)', job))
      const args = [
        'run',
        '--quiet',
        `--execution-segment=${from}:${sequence[index + 1]}`,
        `--execution-segment-sequence=${sequence.join(',')}`,
        ...run.spec.arguments.split(' ').map(mount),
        script,
        '--address=',
        '--tag',
        `instance_id=${index + 1}`,
      ]
      const exitCode = await promisify(execFile)(k6, args, { env, timeout: 120_000 }).then(
        () => 0,
        (error: { code?: number; stderr?: string }) => {
          writeFileSync(join(samples, `${job}.log`), error.stderr ?? '')
          return error.code ?? -1
        },
      )
      return {
        metadata: { labels: { 'job-name': job } },
        status: { containerStatuses: [{ name: 'k6', state: { terminated: { exitCode } } }] },
      }
    }),
  )
  writeFileSync(join(samples, 'pods.json'), JSON.stringify({ items: pods }))
  renameSync(samples, join(folder, 'samples'))
}
