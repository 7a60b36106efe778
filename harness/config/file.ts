// Reads readiness.config.yaml. Each complaint carries file, line and column; the text of the file itself is never shown,
// for somebody may have written a secret into it.

import { readFileSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { UsageError } from '../errors.ts'
import { reasonOf } from '../evidence/store.ts'
import type { Complaint, Source } from './complaint.ts'
import { didYouMean } from './nearest.ts'
import type { ConfigFile, FileTarget } from './schema.ts'
import { complaintsAboutFile } from './shape.ts'

/** A file that a person writes; more than this is another file. */
const BYTES_MAX = 1024 * 1024

export interface LoadedFile {
  /** As it is shown: relative to the working folder where it is below it. */
  shown: string
  config: ConfigFile | undefined
  complaints: Complaint[]
  /** Of the whole file; its keys begin at the top. */
  source: Source
}

/** Throws where there is no file to read; what is wrong in it is in `complaints`, and then there is no `config`. */
export function loadFile(path: string, cwd: string): LoadedFile {
  const absolute = resolve(cwd, path)
  const shown = shownPath(absolute, cwd)
  const lines = new LineCounter()
  const document = parseDocument(readText(absolute, shown), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${shown}:${line}:${col}: `
  }
  const broken = document.errors[0] ?? document.warnings[0] ?? aliasIn(document)
  if (broken !== undefined) {
    const message = broken.message.split('\n')[0]!.replace(/\s*[:"'`].*$/, '')
    throw new UsageError(`${at(broken.pos[0])}this is not YAML that is read here: ${message}`, REMEDY)
  }
  const source: Source = {
    nameOf: (key) => key || 'the file',
    placeOf: (key) => at(offsetOf(document, key.split('.'))),
    folder: dirname(absolute),
  }
  const value: unknown = document.toJS() ?? {}
  const complaints = inTheirOrder(complaintsAboutFile(value), document)
  if (complaints.length > 0) return { shown, config: undefined, complaints, source }
  const config = value as ConfigFile
  const names = Object.keys(config.targets)
  if (config.default !== undefined && config.default !== 'reference' && !names.includes(config.default)) {
    complaints.push({
      key: 'default',
      what: `names no target of this file${didYouMean(config.default, names)}`,
      remedy: `the targets are ${names.join(', ')}`,
    })
  }
  return { shown, config: complaints.length === 0 ? config : undefined, complaints, source }
}

export const REMEDY = '`./readiness config example` prints a file to begin with'

/** The view of one target: its keys begin below its name. */
export function sourceOfTarget(file: Source, name: string): Source {
  const below = (key: string) => `targets.${name}${key === '' ? '' : `.${key}`}`
  return { nameOf: (key) => below(key), placeOf: (key) => file.placeOf(below(key)), folder: file.folder }
}

export function targetOf({ config, shown }: LoadedFile, name: string): FileTarget {
  const target = Object.hasOwn(config!.targets, name) ? config!.targets[name] : undefined
  if (target !== undefined) return target
  const names = Object.keys(config!.targets)
  throw new UsageError(
    `${shown} has no target ‘${name}’${didYouMean(name, names)}`,
    `its targets are ${names.join(', ')}; ‘reference’ is the bundled Conman`,
  )
}

function readText(path: string, shown: string): string {
  try {
    if (statSync(path).size > BYTES_MAX) {
      throw new UsageError(`${shown} is larger than ${BYTES_MAX / 1024} KiB`, REMEDY)
    }
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    throw new UsageError(`${shown} cannot be read (${reasonOf(cause)})`, `give a file with --config; ${REMEDY}`, {
      cause,
    })
  }
}

function shownPath(path: string, cwd: string): string {
  const below = relative(cwd, path)
  return below.startsWith('..') ? path : below
}

/** An alias would make one place answer for two: what is wrong could not be said with its line. */
function aliasIn(document: Document): { message: string; pos: [number, number] } | undefined {
  let found: { message: string; pos: [number, number] } | undefined
  visit(document, {
    Alias(_, node) {
      found = { message: 'an alias (write it out)', pos: [node.range?.[0] ?? 0, 0] }
      return visit.BREAK
    },
  })
  return found
}

/** As somebody who mends the file from its top meets them. */
function inTheirOrder(complaints: readonly Complaint[], document: Document): Complaint[] {
  const offset = ({ key }: Complaint) => offsetOf(document, key.split('.'))
  return complaints.toSorted((a, b) => offset(a) - offset(b))
}

/** Where a key stands: itself when it is there, else the nearest above it that is. A target's name may hold dots. */
function offsetOf(document: Document, parts: readonly string[]): number {
  let node = document.contents as Node | null
  let offset = node?.range?.[0] ?? 0
  let rest = parts.filter((part) => part !== '')
  while (rest.length > 0) {
    if (isSeq(node)) {
      const item = node.items[Number(rest[0])] as Node | undefined
      if (item === undefined) return offset
      ;[node, offset, rest] = [item, item.range?.[0] ?? offset, rest.slice(1)]
      continue
    }
    if (!isMap(node)) return offset
    const found = pairOf(node.items, rest)
    if (found === undefined) return offset
    ;[node, offset, rest] = [found.value, found.offset, rest.slice(found.taken)]
  }
  return offset
}

function pairOf(
  items: readonly unknown[],
  parts: readonly string[],
): { value: Node | null; offset: number; taken: number } | undefined {
  for (let taken = parts.length; taken > 0; taken -= 1) {
    const name = parts.slice(0, taken).join('.')
    for (const pair of items) {
      if (!isPair(pair)) continue
      const key = pair.key as (Node & { value?: unknown }) | null
      if (String(key?.value) === name) return { value: pair.value as Node | null, offset: key?.range?.[0] ?? 0, taken }
    }
  }
  return undefined
}
