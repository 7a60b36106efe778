// What only a browser can tell: that the page asks for nothing, runs nothing, and shows hostile answers as text.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, fixture } from './fixtures.ts'
import { type ReportInput, renderReport } from './render.ts'

const CHROMIUM = process.env.READINESS_CHROMIUM_PATH ?? '/usr/bin/chromium'
const found = existsSync(CHROMIUM)
const SKIPPED = `skipped: no chromium at ${CHROMIUM}; set READINESS_CHROMIUM_PATH`
if (!found) console.error(`reports in a browser ${SKIPPED}`)
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  '⟦U+202E⟧gpj.exe⟦U+202C⟧',
  'javascript:alert(3)',
]

describe.skipIf(!found)(found ? 'in a browser' : `in a browser (${SKIPPED})`, () => {
  let browser: Browser
  const folder = mkdtempSync(join(tmpdir(), 'readiness-report-'))

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Opens a fixture's page and collects everything that it should not have done. */
  async function open(
    name: Fixture,
    width: number,
    bend: (run: ReportInput) => void = () => {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const file = join(folder, `${name}.html`)
    const run = fixture(name)
    bend(run)
    writeFileSync(file, renderReport(run))
    const url = pathToFileURL(file).href
    const page = await browser.newPage({ viewport: { width, height: 844 } })
    const complaints: string[] = []
    page.on('request', (request) => {
      if (request.url() !== url) complaints.push(`asked for ${request.url()}`)
    })
    page.on('console', (message) => complaints.push(`console: ${message.text()}`))
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
    page.on('dialog', async (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`)
      await dialog.dismiss()
    })
    await page.goto(url, { waitUntil: 'load' })
    return { page, complaints }
  }

  test.each(['all-pass', 'failures'] as const)(
    '%s asks for nothing, runs nothing, and its styles apply',
    async (name) => {
      const { page, complaints } = await open(name, 1280)
      expect(await page.locator('script, img, iframe, object, embed, form, link, [style], [onerror]').count()).toBe(0)
      // The policy's hash fits the style sheet: without it the heading would have the browser's own size.
      expect(await page.evaluate<string>(`getComputedStyle(document.querySelector('h1')).fontSize`)).toBe('44px')
      expect(complaints).toEqual([])
      await page.close()
    },
  )

  test('the policy holds: a script that got in would not run', async () => {
    const file = join(folder, 'planted.html')
    const page = await browser.newPage()
    writeFileSync(
      file,
      renderReport(fixture('all-pass')).replace('<main>', '<main><script>document.title = "ran"</script>'),
    )
    await page.goto(pathToFileURL(file).href)
    expect(await page.title()).toMatch(/^PASS/)
    await page.close()
  })

  test('hostile answers are shown as text', async () => {
    const { page, complaints } = await open('failures', 1280)
    const text = await page.evaluate<string>('document.body.innerText')
    for (const hostile of HOSTILE) expect(text).toContain(hostile)
    const dots = await page.evaluate<string>(
      `[...document.querySelectorAll('svg title')].map((title) => title.textContent).join(' ')`,
    )
    for (const hostile of HOSTILE) expect(dots).toContain(hostile)
    expect(text).not.toMatch(/\u202E/)
    expect(await page.title()).toContain('<script>')
    expect(complaints).toEqual([])
    await page.close()
  })

  test.each(['all-pass', 'failures'] as const)('%s: every link leads to one place on the page', async (name) => {
    const { page } = await open(name, 1280)
    const links = await page.locator('a').evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''))
    expect(links.length).toBeGreaterThan(0)
    for (const link of new Set(links)) {
      expect(link).toMatch(/^#/)
      expect(await page.locator(`[id="${link.slice(1)}"]`).count(), link).toBe(1)
    }
    await page.close()
  })

  const scrollWidth = (page: Page) => page.evaluate<number>('document.documentElement.scrollWidth')

  // A phone, a tablet between the two layouts, and the narrowest window with the wide one.
  test.each([
    ['all-pass', 390],
    ['failures', 390],
    ['failures', 760],
    ['failures', 1030],
  ] as const)('%s, %d px wide, does not scroll sideways', async (name, width) => {
    const { page } = await open(name, width)
    expect(await scrollWidth(page)).toBeLessThanOrEqual(width)
    await page.close()
  })

  test.each([390, 1280])('answers without end stay inside %d px', async (width) => {
    const endless = 'W'.repeat(5000)
    const { page } = await open('failures', width, ({ verdicts, details }) => {
      verdicts.because = verdicts.target.version = verdicts.target.address = endless
      verdicts.target.headers = [endless]
      verdicts.target.settings = { [endless]: endless }
      for (const check of verdicts.checks) {
        check.because = check.title = check.failure_title = check.requirement.text = endless
        check.remedy = endless
        for (const finding of check.findings) finding.claim = finding.because = endless
      }
      for (const { charts, tables } of details) {
        for (const chart of charts) chart.title = endless
        for (const table of tables) table.rows = [[endless, endless, endless, endless]]
      }
    })
    expect(await scrollWidth(page)).toBeLessThanOrEqual(width)
    await page.close()
  })

  test('on paper everything is open, in black on white', async () => {
    const { page } = await open('failures', 1280)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const closed = page.locator('details:not([open]) blockquote')
    expect(await closed.count()).toBeGreaterThan(0)
    for (const each of await closed.all()) expect((await each.boundingBox())?.height ?? 0).toBeGreaterThan(0)
    const [ink, paper] = await page.evaluate<string[]>(
      '(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.documentElement))',
    )
    expect([ink, paper]).toEqual(['rgb(0, 0, 0)', 'rgb(255, 255, 255)'])
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    await page.close()
  })
})
