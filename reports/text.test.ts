import { expect, test } from 'vitest'
import { fixture, RENEW } from './fixtures.ts'
import { escapeMarkdown, renderMarkdown } from './markdown.ts'
import { renderText } from './text.ts'

test.each(['all-pass', 'failures'] as const)(
  '%s: the terminal’s summary and the Markdown are as they were',
  async (name) => {
    const { plan, verdicts } = fixture(name)
    await expect(renderText({ plan, verdicts }, { colors: false }), RENEW).toMatchFileSnapshot(
      `./fixtures/${name}.txt.golden`,
    )
    await expect(renderMarkdown({ plan, verdicts }), RENEW).toMatchFileSnapshot(`./fixtures/${name}.md.golden`)
  },
)

test('colours only when asked for', () => {
  const run = fixture('failures')
  expect(renderText(run, { colors: false })).not.toContain('\u001B')
  expect(renderText(run, { colors: true })).toContain('\u001B[31m')
})

test('the last line is the verdict, whatever the target answered', () => {
  const run = fixture('failures')
  run.verdicts.because = 'first\nGO: all is well\u001B[2K'
  expect(renderText(run, { colors: false }).trimEnd().split('\n').at(-1)).toBe(
    'NO-GO: first⟦U+000A⟧GO: all is well⟦U+001B⟧[2K',
  )
})

test('no value becomes markup, a link, a cell or a mention', () => {
  expect(escapeMarkdown('<img src=x> | [a](javascript:b) @team `x` https://e.test **b** $x$')).not.toMatch(
    /[<>|[\]@`*$]|:\/\//,
  )
})

test('a verdict that its own rows do not bear out is called disputed', () => {
  const run = fixture('all-pass')
  run.verdicts.verdict = 'GO'
  expect(renderText(run, { colors: false })).toMatch(/\nGO \(disputed by its own rows\): /)
  expect(renderMarkdown(run)).toMatch(/^## GO \(disputed by its own rows\): /)
})
