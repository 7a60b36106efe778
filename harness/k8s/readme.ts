// The lines that stand beside the manifests: what to type, in order.

import { fits, type Manifests, type PodLoad } from './manifests.ts'

export function readmeOf(
  { name, parallelism, script, settings }: PodLoad,
  label: string,
  manifests: Manifests,
): string {
  const onClaim = [...(fits(script) ? [] : ['script.js']), ...(fits(settings) ? [] : ['settings.json'])]
  const created = Object.keys(manifests).filter((file) => file !== 'testrun.yaml')
  const collector = `${name}-collector`
  const lines = [
    `# ${label} in ${parallelism} pods`,
    '',
    'The harness that wrote this folder waits for the folder `samples` in it. In a cluster with the k6 operator, in a namespace that',
    'may reach the target, from here:',
    '',
    '```sh',
    // Not `apply`: it keeps a copy of each object in an annotation, which holds a quarter of what a ConfigMap does.
    `kubectl create ${created.map((file) => `-f ${file}`).join(' ')}`,
    `kubectl wait --for=condition=Ready pod/${collector} --timeout=120s`,
    ...onClaim.map((file) => `kubectl cp ${file} ${collector}:/samples/${file}`),
    'kubectl create -f testrun.yaml',
    `kubectl wait --for=jsonpath='{.status.stage}'=finished testrun/${name} --timeout=3600s`,
    '',
    `kubectl cp ${collector}:/samples samples.part`,
    `kubectl get pods -l k6_cr=${name},runner=true -o json > samples.part/pods.json`,
    `for part in $(seq ${parallelism}); do kubectl logs job/${name}-$part > samples.part/${name}-$part.log; done`,
    'mv samples.part samples        # whole, or not at all: now the harness goes on, judges and writes the report',
    '',
    `kubectl delete ${Object.keys(manifests)
      .map((file) => `-f ${file}`)
      .join(' ')}`,
    '```',
    '',
    `Each pod is asked for a node of its own (\`separate\`); with fewer than ${parallelism} nodes set it to false in testrun.yaml, and read the`,
    'latencies with that in mind. The claim must be writable from several nodes: name a storage class in claim.yaml where the default',
    'one is not. A `TestRun` that ends in the stage `error` is collected in the same way: the exit codes of its pods say why.',
    '',
    onClaim.includes('settings.json')
      ? 'settings.json holds tokens, and is too large for a Secret: it lies on the claim until that is deleted.'
      : 'secret.yaml holds tokens: delete it with the rest.',
    '',
  ]
  return lines.join('\n')
}
