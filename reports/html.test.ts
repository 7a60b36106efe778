import { describe, expect, test } from 'vitest'
import { html, raw } from './html.ts'
import { clip, visible, visibleLine } from './visible.ts'

describe('the template', () => {
  test('escapes what is put into it, in text and in attributes', () => {
    const hostile = `<script>alert(1)</script>"'&`
    expect(String(html`<p title="${hostile}">${hostile}</p>`)).toBe(
      '<p title="&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;">&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;</p>',
    )
  })

  test('nests its own work and lists of it, and leaves out what is not there', () => {
    expect(String(html`${[html`<b>${1}</b>`, null, undefined, false, 'a<b']}${raw('<hr>')}`)).toBe('<b>1</b>a&lt;b<hr>')
  })

  test('trusts no object that only looks like its own work', () => {
    const forged = JSON.parse('{"toString":"<b>","source":"<b>"}')
    expect(() => String(html`${forged}`)).toThrow()
  })

  test('refuses places where escaping is not enough', () => {
    expect(() => html`<p title=${'x'}>`).toThrow('without quotes')
    expect(() => html`<a href="${'javascript:alert(1)'}">`).toThrow('leaves the page')
    expect(() => html`<img alt="a" src="${'https://example.test/x'}">`).toThrow('leaves the page')
    expect(() => html`<p style="color: ${'red'}">`).toThrow('inside code')
    expect(() => html`<p onclick="${'x'}">`).toThrow('inside code')
    expect(String(html`<a href="#${'L1'}">n=${1}</a>`)).toBe('<a href="#L1">n=1</a>')
  })
})

describe('what cannot be seen is made visible', () => {
  test.each([
    ['a\u202Eb', 'a⟦U+202E⟧b'],
    ['a\u2066b\u2069', 'a⟦U+2066⟧b⟦U+2069⟧'],
    ['a\u200Bb\uFEFF', 'a⟦U+200B⟧b⟦U+FEFF⟧'],
    ['\u001B[31mred', '⟦U+001B⟧[31mred'],
    ['\u0000\u007F\u009B', '⟦U+0000⟧⟦U+007F⟧⟦U+009B⟧'],
    ['\u2028', '⟦U+2028⟧'],
    ['\u{E0041}', '⟦U+E0041⟧'],
    ['\u3164\u2800', '⟦U+3164⟧⟦U+2800⟧'],
    ['\uD800', '⟦U+D800⟧'],
    ['é ü 日本 😀 1\u202F000', 'é ü 日本 😀 1\u202F000'],
  ])('%j', (hostile, shown) => {
    expect(visible(hostile)).toBe(shown)
  })

  test('a line break is white space in HTML, and visible where it would start a line', () => {
    expect(visible('a\n\tb')).toBe('a\n\tb')
    expect(visibleLine('a\n\tb')).toBe('a⟦U+000A⟧⟦U+0009⟧b')
  })

  test('marks stacked on one letter do not paint over other rows', () => {
    expect(visible(`a${'\u0301'.repeat(40)}`)).toBe(`a${'\u0301'.repeat(4)}⟦36 more marks⟧`)
  })

  test('long text is cut, says so, and never between the halves of a character', () => {
    expect(clip('abcdef', 6)).toBe('abcdef')
    expect(clip('abcdefg', 6)).toBe('abcdef… (1 more characters)')
    expect(clip('ab😀cd', 3)).toBe('ab… (4 more characters)')
  })
})
