// Prometheus's text format 0.0.4, and what OpenMetrics adds to it: read, bounded, and with what is wrong told line by line.
// The text is the target's: nothing in it is trusted.

export interface MetricSample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

export interface Exposition {
  /** By family: `counter`, `gauge`, `histogram`, `summary`, `untyped`. */
  types: ReadonlyMap<string, string>
  samples: readonly MetricSample[]
  /** Lines that are not of the format, with what is wrong about them. */
  problems: readonly { line: number; problem: string }[]
}

/** A target that labels by raw paths has a series for each of them; beyond this the rest is left out, and said. */
const SAMPLES_MAX = 50_000
const PROBLEMS_MAX = 100

const TYPE = /^#[ \t]+TYPE[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]+(\w+)[ \t]*$/
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,?)/y
/** A value, a time stamp that is not needed, and OpenMetrics's exemplar. */
const VALUE = /[ \t]*(\S+)(?:[ \t]+-?[\d.eE+-]+)?[ \t]*(?:#[ \t].*)?$/y
const NUMBER = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)$/
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>()
  const samples: MetricSample[] = []
  const problems: { line: number; problem: string }[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (line.trim() === '') continue
    if (line.startsWith('#')) {
      const [, name, type] = TYPE.exec(line) ?? []
      if (name !== undefined && type !== undefined) types.set(name, type)
      continue
    }
    const sample = samples.length < SAMPLES_MAX ? sampleOf(line) : `more than ${SAMPLES_MAX} samples`
    if (typeof sample !== 'string') samples.push(sample)
    else if (problems.length < PROBLEMS_MAX) problems.push({ line: index + 1, problem: sample })
  }
  return { types, samples, problems }
}

/** The sample of a line, or what is wrong with the line. */
function sampleOf(line: string): MetricSample | string {
  const name = match(NAME, line, 0)
  if (name === null) return 'begins with no name of a metric'
  let at = name[0].length
  const labels: Record<string, string> = Object.create(null)
  if (line[at] === '{') {
    at += 1
    for (let label = match(LABEL, line, at); label !== null; label = match(LABEL, line, at)) {
      const [whole, key, value] = label
      if (Object.hasOwn(labels, key!)) return `has the label ${key} twice`
      labels[key!] = value!.replace(/\\./g, (escaped) => ESCAPES[escaped] ?? escaped)
      at += whole.length
      if (label[3] === '') break
    }
    at += /^[ \t]*/.exec(line.slice(at))![0].length
    if (line[at] !== '}') return 'its labels do not end'
    at += 1
  } else if (line[at] !== ' ' && line[at] !== '\t') return 'has no value'
  const [, text] = match(VALUE, line, at) ?? []
  const value = text === undefined ? undefined : numberOf(text)
  return value === undefined ? 'its value is no number' : { name: name[0], labels, value }
}

function match(pattern: RegExp, line: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(line)
}

function numberOf(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text)
  switch (text.toLowerCase().replace(/^\+/, '')) {
    case 'nan':
      return Number.NaN
    case 'inf':
    case 'infinity':
      return Number.POSITIVE_INFINITY
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY
    default:
      return undefined
  }
}
