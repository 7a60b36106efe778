// The picture and the table beside L4's verdict.

import type { Chart, Table } from '../../harness/check.ts'
import type { ReleasesEvidence } from './evidence.ts'
import { shownRelease } from './ledger.ts'

export function releaseChart({ releases }: ReleasesEvidence): Chart[] {
  const points = releases.flatMap((release) =>
    release.publishing === null
      ? []
      : [
          {
            x: release.due_ms / 1_000,
            y: (release.publishing.to_ms - release.due_ms) / 1_000,
            label: `${shownRelease(release)}: published ${((release.publishing.to_ms - release.due_ms) / 1_000).toFixed(1)} s after it was due`,
          },
        ],
  )
  return points.length === 0
    ? []
    : [{ kind: 'over-time', title: 'How long after it was due each release was published', unit: 's', points }]
}

export function releaseTable({ releases, jobs }: ReleasesEvidence): Table {
  return {
    title: 'Releases, and how each came to be published',
    columns: ['Release', 'Due after', 'Published after', 'Assembled', 'Refusals on the way'],
    rows: [
      ...releases.map((release) => {
        const { due_ms, publishing, steps } = release
        return [
          shownRelease(release),
          `${(due_ms / 1_000).toFixed(0)} s`,
          publishing === null ? 'never' : `${((publishing.to_ms - due_ms) / 1_000).toFixed(1)} s`,
          `${steps.filter(({ what }) => what === 'assemble').length} ×`,
          steps.flatMap(({ what, refused }) => (refused === null ? [] : [`${what}: ${refused}`])).join('; ') || 'none',
        ]
      }),
      [
        'Jobs of the app',
        '',
        jobs.still_ms === null
          ? `all ${jobs.rows.length} ended ${(jobs.waited_ms / 1_000).toFixed(1)} s after the last release`
          : 'not all ended',
        '',
        '',
      ],
    ],
  }
}
