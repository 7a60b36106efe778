// What a load claims about what was told of it, one finding each: pure. Each acknowledged change has its row in the audit log,
// and each mail that E11 wants went once to exactly the right people.

import { CAPABILITIES } from '../../harness/capabilities.ts'
import type { Finding } from '../../harness/check.ts'
import { noneFinding } from './claims.ts'
import type { Aftermath } from './deeds.ts'
import { type AuditLedger, type MailLedger, reconcileAudit, reconcileMails } from './told-ledger.ts'

/** Audit rows are written with w:1 (DC5). So few may be lost to an election that could not be seen from here. */
const RARE_SHARE = 0.01

/** `primaryChanged`: whether the database changed its primary meanwhile; null where that could not be seen. */
export function toldFindings(aftermath: Aftermath, primaryChanged: boolean | null): Finding[] {
  return [...auditFindings(aftermath, primaryChanged), ...mailFindings(aftermath)]
}

function auditFindings({ deeds, audit }: Aftermath, primaryChanged: boolean | null): Finding[] {
  if (audit === null) {
    return [
      {
        claim: 'every acknowledged change has its audit row',
        outcome: 'not-verified',
        because: 'neither the database nor an audit route could be read',
      },
    ]
  }
  const ledger = reconcileAudit(deeds, audit.rows)
  const n = ledger.expected
  return [
    missingRows(ledger, audit.waited_ms, primaryChanged),
    noneFinding('no change has an audit row too many', ledger.doubled, 'changes have more rows than there were', n),
    noneFinding(
      'audit rows have the names of E11',
      [...new Set(ledger.misnamed)],
      'kinds of change have another name',
      n,
    ),
    noneFinding('audit rows name who did it', ledger.misattributed, 'rows name somebody else', n),
  ]
}

function missingRows(
  { expected: n, nameless, missing }: AuditLedger,
  waited_ms: number,
  primaryChanged: boolean | null,
): Finding {
  const claim = 'every acknowledged change has its audit row'
  if (missing.length > 0) {
    const lost = `${missing.length} of ${n} acknowledged changes have no audit row, first ${missing[0]}, ${waited_ms} ms after the last look for them began`
    if (primaryChanged === true) {
      return {
        claim,
        outcome: 'not-verified',
        because: `${lost}; the database changed its primary meanwhile, and a row that is written with w:1 may be lost by that (DC5)`,
        n,
      }
    }
    if (primaryChanged === null && missing.length / n <= RARE_SHARE) {
      return {
        claim,
        outcome: 'not-verified',
        because: `${lost}; rare loss is accepted (DC5), and whether the database changed its primary cannot be seen from here`,
        n,
      }
    }
    return { claim, outcome: 'fail', because: lost, n }
  }
  if (nameless.length > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${nameless.length} answers do not say what was made, first to ${nameless[0]}: their rows cannot be told`,
      n,
    }
  }
  return noneFinding(claim, [], '', n)
}

const CLAIM_TOLD = 'everybody whom a change concerns is mailed about it'

function mailFindings({ deeds, people, mails }: Aftermath): Finding[] {
  if (mails === null) {
    return [
      {
        claim: CLAIM_TOLD,
        outcome: 'not-verified',
        because: `${CAPABILITIES.outbox.what} cannot be read: hand over ${CAPABILITIES.outbox.handOver}`,
      },
    ]
  }
  const ledger = reconcileMails(deeds, people, mails.sent)
  const n = ledger.expected
  return [
    missingMails(ledger, mails),
    noneFinding('nobody is mailed twice about one thing', ledger.doubled, 'mails came too often', n),
    actorFinding(ledger),
    noneFinding('nobody else is mailed', ledger.strangers, 'mails went to somebody whom it does not concern', n),
  ]
}

function missingMails({ expected: n, missing, untold }: MailLedger, mails: NonNullable<Aftermath['mails']>): Finding {
  const lost = `${missing.length} of ${n} mails were not sent within ${(mails.waited_ms / 1_000).toFixed(0)} s, first ${missing[0]}`
  const doubts = [
    ...(mails.whole ? [] : ['the outbox could not be read whole']),
    ...(mails.unreadable > 0 ? [`${mails.unreadable} lines of the outbox are no mail`] : []),
  ]
  if (missing.length > 0 && doubts.length > 0) {
    return { claim: CLAIM_TOLD, outcome: 'not-verified', because: `${lost}, but ${doubts.join(' and ')}`, n }
  }
  if (missing.length > 0) return { claim: CLAIM_TOLD, outcome: 'fail', because: lost, n }
  if (untold.length > 0) {
    return {
      claim: CLAIM_TOLD,
      outcome: 'not-verified',
      because: `subjects do not say what they are about: ${untold.join(', ')}`,
      n,
    }
  }
  return noneFinding(CLAIM_TOLD, [], '', n)
}

/** Put to the test only where somebody did something who is told of such things. */
function actorFinding({ toActor, actorsLeftOut }: MailLedger): Finding {
  const claim = 'who did it is not mailed about it'
  return noneFinding(claim, toActor, 'mails went to who did it', actorsLeftOut)
}
