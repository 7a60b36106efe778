// A template that escapes whatever is put into it. Trusted is only what the template itself made, or what `raw` wraps, and
// `raw` is for constants of this folder: a private field keeps evidence from forging a trusted value.

import { visible } from './visible.ts'

export class Markup {
  readonly #source: string
  constructor(source: string) {
    this.#source = source
  }
  toString(): string {
    return this.#source
  }
}

export type Content = Markup | string | number | null | undefined | false | readonly Content[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

function source(content: Content): string {
  if (content instanceof Markup) return String(content)
  if (content === null || content === undefined || content === false) return ''
  if (Array.isArray(content)) return content.map(source).join('')
  return escapeHtml(String(content))
}

/** Escaping is only enough between quotes, and a link may only lead to a place on this page: anything else is our bug. */
function refuseUnsafePlace(before: string, content: Content): void {
  // Escaped values hold no angle brackets, so the last one tells whether a tag is open.
  if (before.lastIndexOf('<') <= before.lastIndexOf('>')) return
  const near = before.slice(-60)
  if (/=\s*$/.test(near)) throw new Error(`html: a value without quotes after ${JSON.stringify(near)}`)
  if (/\s(href|src|action|data)\s*=\s*"$/i.test(near) && !source(content).startsWith('#')) {
    throw new Error(`html: a link that leaves the page after ${JSON.stringify(near)}`)
  }
  if (/\s(style|on\w+)\s*=\s*"[^"]*$/i.test(near)) {
    throw new Error(`html: a value inside code after ${JSON.stringify(near)}`)
  }
}

export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let out = strings[0] ?? ''
  values.forEach((value, index) => {
    refuseUnsafePlace(out, value)
    out += source(value) + (strings[index + 1] ?? '')
  })
  return new Markup(out)
}

/** Only for constants of this folder: the style sheet, the drawings of the marks. */
export function raw(constant: string): Markup {
  return new Markup(constant)
}
