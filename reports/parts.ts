// The parts of the catalogue, as the report and the people who sign speak of them.

// An id's letters name its part.
const PARTS: readonly { prefix: RegExp; title: string }[] = [
  { prefix: /^(L\d|(api|job)-mix|scale\.)/, title: 'Load' },
  { prefix: /^F\d/, title: 'Faults' },
  { prefix: /^S\d/, title: 'Security' },
  { prefix: /^SLO/, title: 'Service levels' },
  { prefix: /^RL/, title: 'Rate limits' },
  { prefix: /^G[RT]\d/, title: 'Git backend' },
  { prefix: /^(DC|IX)/, title: 'Database' },
  { prefix: /^AL/, title: 'Alerts' },
  { prefix: /^BK/, title: 'Backups' },
  { prefix: /^RB/, title: 'Runbooks' },
]
const OTHER_PART = 'Launch'

export function partOf(id: string): string {
  return PARTS.find(({ prefix }) => prefix.test(id))?.title ?? OTHER_PART
}
