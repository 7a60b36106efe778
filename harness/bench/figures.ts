// A benchmark's figures: collected, told as they come, stored as JSON and shown as the table of docs/benchmarks.md.

import { readFileSync } from 'node:fs'
import type { Progress } from '../progress.ts'
import type { MACHINE } from '../session.ts'

export interface Figure {
  name: string
  value: number
  unit: string
  wanted?: string
  n?: number
}

export interface Bench {
  schema: 'readiness-bench/1'
  at: string
  commit: string | null
  machine: typeof MACHINE
  figures: Figure[]
}

export type AddFigure = (name: string, value: number, unit: string, wanted?: string, n?: number) => void

export function collectInto(figures: Figure[], progress: Progress): AddFigure {
  return (name, value, unit, wanted, n) => {
    figures.push({ name, value, unit, ...(wanted ? { wanted } : {}), ...(n ? { n } : {}) })
    progress.say(`${name}: ${shown(value)} ${unit}${wanted ? ` (wanted ${wanted})` : ''}`)
  }
}

export function shown(value: number): string {
  return value.toFixed(value < 10 ? 2 : 0)
}

/** Filled by the command from a file that it wrote, and never by hand. */
export function benchMarkdown(file: string): string {
  const { at, commit, machine, figures } = JSON.parse(readFileSync(file, 'utf8')) as Bench
  const rows = figures.map(
    ({ name, value, unit, wanted, n }) => `| ${name} | ${shown(value)} ${unit} | ${wanted ?? ''} | ${n ?? ''} |`,
  )
  return [
    `Measured ${at.slice(0, 10)} at commit ${commit ?? 'unknown'} on ${machine.cpus} × ${machine.cpu_model}, ${(machine.memory_bytes / 2 ** 30).toFixed(0)} GiB, by \`make bench\`.`,
    '',
    '| what | measured | wanted | n |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
