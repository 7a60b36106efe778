// What user number `user` writes in edit number `edit` of a run: pure, so that the load script and the reconciliation
// afterwards agree on every byte without passing the bytes along. Imported by k6 and by Node: no imports here.

/** Names one edit everywhere: in metrics, in the commit message, in the ledger. */
export function editKey(run: string, user: number, edit: number): string {
  return `${run}/u${user}/e${edit}`
}

/** The specification's sample writes to `config/service-<n>/settings.json`; the five files of L1 stand beside it. */
export function editPath(scenario: string, user: number, edit: number): string {
  return scenario === 'L1' ? `config/service-${user}/settings-${edit}.json` : `config/service-${user}/settings.json`
}

/** A settings file of about a kilobyte: realistic, never twice the same, plain ASCII. */
export function editContent(run: string, user: number, edit: number): string {
  const lines = [`{`, `  "service": "service-${user}",`, `  "edit": "${editKey(run, user, edit)}",`]
  for (let index = 0; index < 16; index += 1) {
    lines.push(
      `  "setting_${index}": { "value": ${(user * 7919 + edit * 104729 + index * 31) % 100000}, "unit": "ms" },`,
    )
  }
  lines.push(`  "enabled": ${edit % 2 === 0}`, `}`, ``)
  return lines.join('\n')
}

/** The commit message carries the key, so that git itself can be asked how often an edit was committed. */
export function editMessage(run: string, user: number, edit: number): string {
  return `readiness edit ${editKey(run, user, edit)}`
}
